-- The figures: id, command, target, how they run, and when the target is met.
--   filter   a test of the Swift suites that does the work and hands over numbers
--   run      or a function (request) -> outcome of a program of its own
--   judge    (outcome, request) -> measured, met
local function percent(a, b) return b > 0 and 100 * a / b or 0 end

local figures = {
  {
    name = "attacks", id = "R17", parts = 12, filter = "AttackAssuranceTests/invariants",
    target = "invariants as property tests: >= 1,000,000 samples, 0 violations",
    judge = function(o, request)
      local text = ("%d violations in %d samples, %d cases over every attack"):format(
        o.violation_count, o.samples, o.counts.cases or 0)
      local enough = request.size ~= "full" or o.samples >= 1000000
      return text, o.violation_count == 0 and enough
    end,
  },
  {
    name = "oracles", id = "R18", parts = 6, filter = "OracleAssuranceTests/oracles",
    target = "exact oracles O1-O7: 0 false successes, >= 95 % of what enumeration and bisection "
      .. "break, closed forms met",
    judge = function(o)
      local c = o.counts
      local lattice = percent(c["lattice reached"] or 0, c["lattice breakable"] or 0)
      local ball = percent(c["continuous reached"] or 0, c["continuous breakable"] or 0)
      local text = ("%d violations in %d answers; reached %.2f %% of %d on the 8-bit lattice, "
        .. "%.2f %% of %d in the continuous ball (%d undecided); %d closed forms, %d distances, "
        .. "%d certified samples, %d embeddings"):format(
        o.violation_count, o.samples, lattice, c["lattice breakable"] or 0, ball,
        c["continuous breakable"] or 0, c["continuous undecided"] or 0, c["closed forms"] or 0,
        c.distances or 0, c.certified or 0, c.embeddings or 0)
      return text, o.violation_count == 0 and lattice >= 95 and ball >= 95
    end,
  },
  {
    name = "statistics", id = "R22", parts = 8, filter = "StatisticsAssuranceTests/coverage",
    target = "coverage of 95 % intervals by simulation, 10,000 data sets a cell: 95 % +- 1 "
      .. "(Wilson, bootstrap and paired, n >= 500)",
    judge = function(o, request)
      local low, high, where_low, where_high, cells, outside = 100, 0, "", "", 0, 0
      for name, trials in pairs(o.counts) do
        local cell = name:match("^trials: (.*)")
        if cell then
          local share = percent(o.counts["held: " .. cell], trials)
          cells = cells + 1
          if share < low then low, where_low = share, cell end
          if share > high then high, where_high = share, cell end
          if math.abs(share - 95) > 1 then outside = outside + 1 end
        end
      end
      return ("%d of %d cells within 95 +- 1; lowest %.2f %% (%s), highest %.2f %% (%s)"):format(
        cells - outside, cells, low, where_low, high, where_high),
        outside == 0 or request.size == "quick" and low > 85
    end,
  },
  {
    name = "eval-resume", id = "R21", run = dofile("scripts/assurance/eval_resume.lua"),
    target = "evaluation killed by SIGKILL and resumed inside an attack set: flags, records and "
      .. "images identical to the unbroken run, 100 of 100",
    judge = function(o, request)
      local c = o.counts
      return ("%d of %d identical after %d kills"):format(c.identical, c.trials, c.kills),
        c.identical == c.trials and (request.size ~= "full" or c.trials >= 100)
    end,
  },
  {
    name = "kill-resume", id = "R1", run = dofile("scripts/assurance/kill_resume.lua"),
    target = "training killed by SIGKILL at random times, a tenth inside a save, and resumed: "
      .. "weights, moments, means, best model, metrics as of the unbroken run, 100 of 100",
    judge = function(o, request)
      local c = o.counts
      return ("%d of %d identical after %d kills, %d of them inside a save"):format(
        c.identical, c.trials, c.kills, c.saves),
        c.identical == c.trials
          and (request.size ~= "full" or c.trials >= 100 and c.saves * 10 >= c.kills)
    end,
  },
  {
    name = "lua-fuzz", id = "R9", run = dofile("scripts/assurance/lua_fuzz.lua"),
    target = "calls generated from the catalogue: >= 1,000,000 calls, 0 abnormal ends, 0 hangs, "
      .. "0 silent NaN verdicts, every error with chunk and line",
    judge = function(o, request)
      local c = o.counts
      local text = ("%d abnormal ends, %d hangs, %d silent verdicts, %d errors without a place, "
        .. "%d times far over the memory cap in %d calls of %d of %d targets with %d of %d options;"
        .. " %d gave errors, %d were long and ended by one Ctrl-C; %d calls a second"):format(
        c.ended or 0, c.hangs or 0, c.silent or 0, c.nowhere or 0, c.memory or 0, o.samples,
        c.called or 0, c.targets or 0, c.given or 0, c.options or 0, c.errors or 0, c.long or 0,
        o.samples // math.max(1, c.seconds or 1))
      local enough = request.size ~= "full"
        or o.samples >= 1000000 and c.called == c.targets and c.given == c.options
      return text, o.violation_count == 0 and enough
    end,
  },
  {
    name = "masking", id = "R20", parts = 2, filter = "MaskingAssuranceTests/masking",
    target = "masked-gradient flags: every family flagged (5 of 5), 0 of 20 false alarms",
    judge = function(o)
      local c = o.counts
      return ("%d of %d families flagged, %d of %d ordinary models raise an alarm"):format(
        c["families flagged"] or 0, c.families or 0, c["false alarms"] or 0, c.ordinary or 0),
        c["families flagged"] == c.families and not c["false alarms"]
    end,
  },
  {
    name = "mutants", id = "R19", run = dofile("scripts/assurance/mutants.lua"),
    target = "defects put back: >= 95 % caught, survivors listed",
    judge = function(o)
      local c = o.counts
      local caught = c.caught + (c.hung or 0)
      local total = caught + c.survived
      return ("%d of %d caught (%.1f %%), %d of them since the tests hung; %d were of the "
        .. "catalogue; %d are equivalent, %d did not build, %d did not apply"):format(caught, total,
        percent(caught, total), c.hung or 0, c.catalogue, c.equivalent or 0, c.invalid,
        c.unapplied),
        percent(caught, total) >= 95 and c.unapplied == 0
    end,
  },
}

return figures
