-- R1: a training run is killed by SIGKILL at random moments, also inside the saving of checkpoints,
-- and resumed; weights, moments, means, the best model and the metrics must be those of the
-- unbroken run.
local killed <const> = dofile("scripts/assurance/killed.lua")

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
  local function status(command) return shell.status(command, folder .. "/log") end
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
  local function count(out, test)
    return tonumber(shell.output(
      ("ls -A %s/checkpoints 2>/dev/null | grep -c%s '^step-[0-9]*.safetensors$'"):format(
        q(out), test)) or 0) or 0
  end
  local outcome, reason = killed(request, shell, store, {
    name = "kill-resume", folder = folder, duration = duration, differs = differs,
    command = function(out, how) return kilpi .. q(out) .. " " .. how end,
    how = function(out)
      if count(out, "") > 0 then return "resume" end
      shell.run("rm -rf " .. q(out))
      return "new"
    end,
    -- Every fourth kill waits for the next save and falls into it.
    kill = function(command, out, wait)
      return math.random() < 1 / 4 and in_save(command, out, wait) or nil
    end,
    -- What a save leaves when it is cut off is a file of another name.
    killed = function(out, counts)
      if count(out, "v") > 0 then counts.saves = counts.saves + 1 end
    end,
    said = function(counts) return (", %d inside a save"):format(counts.saves) end,
  })
  if not outcome then
    shell.run("rm -rf " .. q(folder))
    return nil, reason
  end
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
