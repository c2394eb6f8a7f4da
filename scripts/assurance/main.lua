-- Figures of assurance; started by scripts/assure, which explains the options.
local folder <const> = arg[0]:match("^(.*)/") or "."
local shell <const> = dofile(folder .. "/shell.lua")
local figures <const> = dofile(folder .. "/figures.lua")
local store <const> = ".build/assurance"

local function usage()
  io.stderr:write("usage: scripts/assure NAME|list|quick|report [--size quick|full] [--seed N]",
    " [--json FILE] [--parts N] [--replay CASE] [--only A,B] [--limit SECONDS]\n")
  os.exit(64)
end

local request = { seed = 0 }
local command
do
  local index = 1
  while arg[index] do
    local word = arg[index]
    local option = word:match("^%-%-(%l+)$")
    if option then
      index = index + 1
      local value = arg[index]
      if not value then usage() end
      if option == "seed" or option == "parts" or option == "limit" then
        value = math.tointeger(tonumber(value))
        if not value or value < 0 then usage() end
      elseif option == "size" then
        -- smoke: a few seconds of it, for the tests.
        if value ~= "quick" and value ~= "full" and value ~= "smoke" then usage() end
      elseif option ~= "json" and option ~= "replay" and option ~= "only" then
        usage()
      end
      request[option] = value
    elseif command then
      usage()
    else
      command = word
    end
    index = index + 1
  end
  if not command then usage() end
end

local function figure_named(name)
  for _, figure in ipairs(figures) do
    if figure.name == name then return figure end
  end
  io.stderr:write("assure: there is no figure '", name, "' (scripts/assure list)\n")
  os.exit(64)
end

-- Adds the outcome of a part to that of the parts before.
local function merged(a, b)
  if not a then return b end
  a.samples = a.samples + b.samples
  a.violation_count = a.violation_count + b.violation_count
  for name, value in pairs(b.counts) do a.counts[name] = (a.counts[name] or 0) + value end
  for _, list in ipairs{ "violations", "skips" } do
    for _, text in ipairs(b[list]) do a[list][#a[list] + 1] = text end
  end
  for index, control in ipairs(b.controls) do
    a.controls[index] = a.controls[index] or control
    a.controls[index].caught = a.controls[index].caught and control.caught
  end
  return a
end

-- Runs of full size take the optimised build, which has a folder of its own.
local function build_flags(size)
  return size == "full"
    and "-c release -Xswiftc -enable-testing --scratch-path " .. store .. "/release" or ""
end

local built = {}
local function build_tests(size)
  if built[size] then return true end
  local line = "swift build --build-tests " .. build_flags(size)
  io.stderr:write("+ " .. line .. "\n")
  built[size] = shell.run(shell.long(line .. " >&2", 3600))
  return built[size]
end

-- One process of the Swift tests for each part; a part that is finished is not repeated, for the
-- same sources, size and seed.
local function swift_outcome(figure, asked)
  if not build_tests(asked.size) then return nil, "the tests do not build" end
  local parts = asked.parts or (asked.size == "full" and figure.parts or 1)
  local key = ("%s-%s-%d-%d-%s"):format(
    figure.name, asked.size, asked.seed, parts, shell.sources())
  local outcome
  local start = os.time()
  for part = 1, parts do
    if asked.limit and os.time() - start > asked.limit then
      return nil, ("time is up before part %d of %d; the next run goes on"):format(part, parts)
    end
    local path = ("%s/parts/%s-%d.json"):format(store, key, part)
    local is_kept = not asked.replay and shell.read(path)
    if not is_kept then
      os.remove(path)
      local environment = ("KILPI_ASSURE=%s KILPI_ASSURE_SIZE=%s KILPI_ASSURE_SEED=%d "
        .. "KILPI_ASSURE_PART=%d/%d KILPI_ASSURE_REPLAY=%s KILPI_ASSURE_JSON=%s"):format(
        figure.name, asked.size, asked.seed, part, parts, shell.quoted(asked.replay or ""),
        shell.quoted(path))
      local line = environment .. " swift test --skip-build --disable-xctest "
        .. build_flags(asked.size) .. " --filter " .. shell.quoted(figure.filter)
        .. " > " .. store .. "/" .. figure.name .. ".log 2>&1"
      io.stderr:write(("+ %s, part %d of %d\n"):format(figure.name, part, parts))
      shell.run(shell.long(line, 7200))
    end
    local text = shell.read(path)
    if not text then
      return nil, ("part %d ended without a result (see %s/%s.log)"):format(
        part, store, figure.name)
    end
    outcome = merged(outcome, json.decode(text))
  end
  return outcome
end

-- For JSON: an empty table is an object unless it was decoded from a list.
local function list(values) return #values > 0 and values or json.decode("[]") end

-- Runs a figure, prints and keeps its result; gives the exit status.
local function run(figure, asked)
  asked.size = asked.size or "full"
  shell.run("mkdir -p " .. store .. "/parts")
  local start = os.time()
  local outcome, problem
  if figure.run then
    outcome, problem = figure.run(asked, shell, store)
  else
    outcome, problem = swift_outcome(figure, asked)
  end
  local title = figure.id .. " " .. figure.name .. " (" .. asked.size .. ")"
  if not outcome then
    print(title .. ": could not run: " .. problem)
    return 2
  end
  local measured, met = figure.judge(outcome, asked)
  local loose = {}
  for _, control in ipairs(outcome.controls) do
    if not control.caught then loose[#loose + 1] = control.id end
  end
  met = met and #loose == 0 and #outcome.controls > 0
  for _, text in ipairs(outcome.violations) do print("  " .. text) end
  for _, text in ipairs(outcome.notes or {}) do print("  " .. text) end
  for _, text in ipairs(outcome.skips) do print("  skipped: " .. text) end
  for _, id in ipairs(loose) do print("  a seeded defect was not found: " .. id) end
  local result = shell.conditions()
  result.figure, result.name = figure.id, figure.name
  result.size, result.seed = asked.size, asked.seed
  result.target, result.measured, result.met = figure.target, measured, met
  result.samples, result.counts = outcome.samples, outcome.counts
  result.violations, result.violation_count = list(outcome.violations), outcome.violation_count
  result.skips, result.notes = list(outcome.skips), list(outcome.notes or {})
  result.controls = { total = #outcome.controls, caught = #outcome.controls - #loose }
  result.claimed = asked.size == "full" and not asked.only
  result.seconds = os.time() - start
  result.command = ("scripts/assure %s --size %s --seed %d"):format(
    figure.name, asked.size, asked.seed) .. (asked.only and " --only " .. asked.only or "")
  local text = json.encode(result, { indent = 2 }) .. "\n"
  if not asked.replay then
    shell.write(("%s/%s.%s.json"):format(store, figure.name, asked.size), text)
  end
  if asked.json then shell.write(asked.json, text) end
  local verdict = met and "met" or "missed"
  if #outcome.skips > 0 then verdict = verdict .. ", parts skipped" end
  if not result.claimed then verdict = verdict .. " at this size (not claimed)" end
  print(("%s: %s; %d of %d seeded defects found; target %s"):format(
    title, measured, result.controls.caught, result.controls.total, verdict))
  if #outcome.skips > 0 then return 2 end
  return met and 0 or 1
end

-- The last result of a figure: of full size if there is one, here or in the docs.
local function last(figure)
  local docs <const> = "docs/assurance/" .. figure.name .. ".json"
  local quick <const> = store .. "/" .. figure.name .. ".quick.json"
  for index, path in ipairs{ store .. "/" .. figure.name .. ".full.json", docs, quick, docs } do
    local text = shell.read(path)
    local result = text and json.decode(text)
    if result and (index ~= 2 or result.size == "full") then return result, text end
  end
end

if command == "list" then
  for _, figure in ipairs(figures) do
    local result = last(figure)
    print(("%-4s scripts/assure %-12s %s"):format(figure.id, figure.name, figure.target))
    print("       " .. (result and ("%s: %s (%s, %s)"):format(
      result.met and "met" or "missed", result.measured, result.size, result.commit)
      or "not measured here"))
  end
elseif command == "report" then
  dofile(folder .. "/report.lua")(figures, last, shell)
elseif command == "quick" then
  local worst = 0
  for _, figure in ipairs(figures) do
    worst = math.max(worst, run(figure, { size = "quick", seed = request.seed }))
  end
  os.exit(worst)
else
  os.exit(run(figure_named(command), request))
end
