-- R1: a training run is killed by SIGKILL at random moments, also inside the saving of checkpoints,
-- and resumed; weights, moments, means, the best model and the metrics must be those of the
-- unbroken run.
local script <const> = [[
local out, how, seed = arg[1], arg[2], tonumber(arg[3]) or 1
local labels = {}
for i = 1, 48 do labels[i] = (i - 1) % 3 + 1 end
local x = tensor.rand({48, 3, 16, 16}, {seed = 5})
local r = train.run{method = "mmcoa", profile = "small", model = clip.create("tiny", {seed = 3}),
  data = data.from(x, labels, {"cat", "dog", "tree"}), steps = 24, batch = 12, seed = seed,
  accumulate = 2, ema = 0.9, optimizer = {lr = 1e-3}, validation = 0.25, validate_every = 5,
  validation_attack = {steps = 2}, image_attack = {eps = "4/255", steps = 2},
  text_attack = {method = "char", sites = 2}, checkpoint_every = 1, out = out,
  resume = how == "resume"}
local state = {}
for name, value in pairs(tensor.load(out .. "/checkpoints/step-00000024.safetensors")) do
  state[name] = value
end
tensor.save(out .. "/state.safetensors", state)
tensor.save(out .. "/mean.safetensors", r.average:parameters())
]]

return function(request, shell, store)
  local folder = shell.output("mktemp -d")
  local q = shell.quoted
  local kilpi = q(shell.kilpi()) .. " --deterministic " .. q(folder .. "/train.lua") .. " "
  shell.write(folder .. "/train.lua", script)
  local function status(command)
    return tonumber(shell.output(command .. " >> " .. q(folder .. "/log") .. " 2>&1; echo $?"))
  end
  local begin = tonumber(shell.output("date +%s%N"))
  if status(kilpi .. q(folder .. "/whole") .. " new") ~= 0 then
    return nil, "the training does not run: " .. (shell.read(folder .. "/log") or "")
  end
  local duration = (tonumber(shell.output("date +%s%N")) - begin) / 1e9
  -- A run that is killed as soon as a file that is being saved stands among its checkpoints, from
  -- `wait` seconds on.
  local function in_save(command, out, wait)
    return ("{ %s & p=$!; sleep %.3f; while kill -0 $p; do for f in %s/checkpoints/*.tmp-*; do "
      .. "test -e $f && kill -KILL $p; done; done; wait $p; }"):format(command, wait, q(out))
  end
  -- The rows without their clocks.
  local function rows(name)
    local text = shell.read(("%s/%s/metrics.jsonl"):format(folder, name)) or ""
    return (text:gsub('"[%w_]*seconds":[^,}]*', ""))
  end
  local function differs(a, b)
    for _, path in ipairs{ "state.safetensors", "mean.safetensors", "model/model.safetensors",
      "best/model.safetensors" } do
      local line = ("cmp -s %s/%s/%s %s/%s/%s"):format(q(folder), a, path, q(folder), b, path)
      if status(line) ~= 0 then return path end
    end
    if rows(a) ~= rows(b) then return "metrics.jsonl" end
  end
  local outcome = { samples = 0, violations = {}, violation_count = 0, skips = {}, controls = {},
    counts = { trials = 0, kills = 0, saves = 0, identical = 0 } }
  local counts = outcome.counts
  local function fail(text)
    outcome.violations[#outcome.violations + 1] = text
    outcome.violation_count = outcome.violation_count + 1
  end
  -- Finished trials are kept for the same sources, so that a run that was cut short goes on.
  local state = ("%s/kill-resume-%s-%d-%s.json"):format(
    store, request.size, request.seed, shell.sources())
  local kept = shell.read(state)
  if kept then
    kept = json.decode(kept)
    outcome.counts, outcome.violations = kept.counts, kept.violations
    counts, outcome.violation_count = outcome.counts, #kept.violations
  end
  local trials = request.size == "full" and 100 or 3
  local clock = os.time()
  for trial = counts.trials + 1, trials do
    if request.limit and os.time() - clock > request.limit then
      shell.run("rm -rf " .. q(folder))
      return nil, ("time is up before trial %d of %d; the next run goes on"):format(trial, trials)
    end
    math.randomseed(request.seed, trial)
    local out = folder .. "/trial"
    shell.run("rm -rf " .. q(out))
    local how, killed, result = "new", 0, nil
    for _ = 1, 20 do
      -- One kill at least; each further one with a third of a chance. Every fourth waits for the
      -- next save and falls into it.
      local command = kilpi .. q(out) .. " " .. how
      local wait <const> = math.random() * duration * 0.98 + 0.01
      if killed > 0 and math.random() >= 1 / 3 then
        result = status(command)
      elseif math.random() < 1 / 4 then
        result = status(in_save(command, out, wait))
      else
        result = status(("timeout -s KILL %.3f "):format(wait) .. command)
      end
      if result ~= 137 then break end
      killed = killed + 1
      -- What a save leaves when it is cut off is a file of another name.
      local left = shell.output(
        ("ls -A %s/checkpoints 2>/dev/null | grep -cv '^step-[0-9]*.safetensors$'"):format(q(out)))
      if (tonumber(left) or 0) > 0 then counts.saves = counts.saves + 1 end
      local saved = shell.output(
        ("ls %s/checkpoints 2>/dev/null | grep -c '^step-[0-9]*.safetensors$'"):format(q(out)))
      how = (tonumber(saved) or 0) > 0 and "resume" or "new"
      if how == "new" then shell.run("rm -rf " .. q(out)) end
    end
    counts.trials, counts.kills = counts.trials + 1, counts.kills + killed
    if result ~= 0 then
      fail(("trial %d of seed %d ended with status %s"):format(trial, request.seed, result))
      shell.run(("rm -rf %s/failed && cp -r %s %s/failed"):format(store, q(folder), store))
    elseif differs("whole", "trial") then
      fail(("trial %d of seed %d differs from the unbroken run in %s"):format(
        trial, request.seed, differs("whole", "trial")))
      shell.run(("rm -rf %s/failed && cp -r %s %s/failed"):format(store, q(folder), store))
    else
      counts.identical = counts.identical + 1
    end
    shell.write(state, json.encode{ counts = counts, violations = outcome.violations })
    io.stderr:write(("\r+ kill-resume, trial %d of %d, %d kills, %d inside a save"):format(
      trial, trials, counts.kills, counts.saves))
  end
  io.stderr:write("\n")
  outcome.samples = counts.kills
  -- Controls: another seed must be seen in the comparison, and be refused on resume; so must a
  -- checkpoint with a changed byte, where it is the only one.
  local function control(id, caught)
    outcome.controls[#outcome.controls + 1] = { id = id, caught = caught }
  end
  status(kilpi .. q(folder .. "/other") .. " new 2")
  control("another seed gives other weights", differs("whole", "other") ~= nil)
  control("another seed is refused on resume",
    status(kilpi .. q(folder .. "/other") .. " resume 3") == 1)
  shell.run(("cp -r %s %s"):format(q(folder .. "/whole"), q(folder .. "/bent")))
  for name in shell.output("ls " .. q(folder .. "/bent/checkpoints")):gmatch("[^\n]+") do
    local path = folder .. "/bent/checkpoints/" .. name
    local bytes = shell.read(path)
    shell.write(path, bytes:sub(1, -2) .. string.char(bytes:byte(-1) ~ 1))
  end
  control("changed bytes in all checkpoints are noticed",
    status(kilpi .. q(folder .. "/bent") .. " resume 1") == 1)
  shell.run("rm -rf " .. q(folder))
  return outcome
end
