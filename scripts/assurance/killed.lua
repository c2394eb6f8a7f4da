-- Trials of a job that is killed by SIGKILL at random moments and gone on with, compared with the
-- unbroken one. Finished trials are kept for the same sources, so that a run that was cut short
-- goes on.
--
-- job: name; folder with the unbroken result `whole`; duration of that in seconds;
--   command(out, how): the shell line that begins ("new") or goes on ("resume");
--   how(out): which of the two comes next, after a kill;
--   differs(a, b): what differs between two results, nil for nothing;
--   kill(command, out, wait): the line that is killed `wait` seconds on, or nil for a plain kill;
--   killed(out, counts): counts what a kill left; said(counts): the end of the progress line.
return function(request, shell, store, job)
  local q <const> = shell.quoted
  local outcome = { samples = 0, violations = {}, violation_count = 0, skips = {}, controls = {},
    counts = { trials = 0, kills = 0, torn = 0, saves = 0, identical = 0 } }
  local counts = outcome.counts
  local function fail(text)
    outcome.violations[#outcome.violations + 1] = text
    outcome.violation_count = outcome.violation_count + 1
  end
  local state <const> = ("%s/%s-%s-%d-%s.json"):format(
    store, job.name, request.size, request.seed, shell.sources())
  local kept = shell.read(state)
  if kept then
    kept = json.decode(kept)
    outcome.counts, outcome.violations = kept.counts, kept.violations
    counts, outcome.violation_count = outcome.counts, #kept.violations
  end
  local trials <const> = request.size == "full" and 100 or 3
  local clock <const> = os.time()
  for trial = counts.trials + 1, trials do
    if request.limit and os.time() - clock > request.limit then
      return nil, ("time is up before trial %d of %d; the next run goes on"):format(trial, trials)
    end
    math.randomseed(request.seed, trial)
    local out <const> = job.folder .. "/trial"
    shell.run("rm -rf " .. q(out))
    local how, killed, result = "new", 0, nil
    for _ = 1, 20 do
      -- One kill at least; each further one with a third of a chance.
      local command = job.command(out, how)
      if killed == 0 or math.random() < 1 / 3 then
        local wait <const> = math.random() * job.duration * 0.98 + 0.01
        command = job.kill and job.kill(command, out, wait)
          or ("timeout -s KILL %.3f "):format(wait) .. command
      end
      result = shell.status(command, job.folder .. "/log")
      if result ~= 137 then break end
      killed = killed + 1
      if job.killed then job.killed(out, counts) end
      how = job.how(out)
    end
    counts.trials, counts.kills = counts.trials + 1, counts.kills + killed
    local difference <const> = result == 0 and job.differs("whole", "trial") or nil
    if result == 0 and not difference then
      counts.identical = counts.identical + 1
    else
      fail(result ~= 0
        and ("trial %d of seed %d ended with status %s"):format(trial, request.seed, result)
        or ("trial %d of seed %d differs from the unbroken run in %s"):format(
          trial, request.seed, difference))
      shell.run(("rm -rf %s/failed && cp -r %s %s/failed"):format(store, q(job.folder), store))
    end
    shell.write(state, json.encode{ counts = counts, violations = outcome.violations })
    io.stderr:write(("\r+ %s, trial %d of %d, %d kills%s"):format(
      job.name, trial, trials, counts.kills, job.said and job.said(counts) or ""))
  end
  io.stderr:write("\n")
  outcome.samples = counts.kills
  return outcome
end
