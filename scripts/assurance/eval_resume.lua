-- R21: an evaluation is killed by SIGKILL at a random moment inside its set of attacks and resumed;
-- flags, records and images must be those of the unbroken run.
local killed <const> = dofile("scripts/assurance/killed.lua")

local script <const> = [[
local model = clip.create("tiny", {seed = 3})
local labels = {}
for i = 1, 40 do labels[i] = (i - 1) % 3 + 1 end
local ds = data.from(tensor.rand({40, 3, 16, 16}, {seed = 5}), labels, {"cat", "dog", "tree"})
local r = eval.robustness{model = model, data = ds, batch = 7, seed = tonumber(arg[3]) or 1,
  attacks = {
    image = {{method = "pgd", eps = "8/255", steps = 6, restarts = 2},
      {method = "fgsm", eps = "8/255"}},
    text = {method = "char", words = 1},
    multimodal = {{image = {method = "mifgsm", eps = "4/255", steps = 3}}}},
  out = arg[1], resume = arg[2] == "resume", save_images = "float"}
r:images(arg[1] .. "/grid.png")
-- A gallery after it, with a record of its own.
local captions = {}
for i = 1, 12 do captions[i] = {"a cat of kind " .. i, i .. " dogs"} end
local out = arg[1] .. "/retrieval"
local begun <close> = io.open(out .. "/record.jsonl")
eval.retrieval{model = model, batch = 3, seed = tonumber(arg[3]) or 1, out = out,
  data = data.from(tensor.rand({12, 3, 16, 16}, {seed = 6}), captions), resume = begun ~= nil,
  attack = {
    image = {method = "pgd", eps = "8/255", steps = 4}, text = {method = "char", words = 1},
    multimodal = {method = "co-attack", image = {method = "pgd", steps = 3},
      text = {method = "char"}}}}
]]

return function(request, shell, store)
  local folder = shell.output("mktemp -d")
  local q = shell.quoted
  local kilpi = q(shell.kilpi()) .. " --deterministic " .. q(folder .. "/evaluate.lua") .. " "
  shell.write(folder .. "/evaluate.lua", script)
  local function status(command) return shell.status(command, folder .. "/log") end
  local begin = tonumber(shell.output("date +%s%N"))
  if status(kilpi .. q(folder .. "/whole") .. " new") ~= 0 then
    return nil, "the evaluation does not run: " .. (shell.read(folder .. "/log") or "")
  end
  local duration = (tonumber(shell.output("date +%s%N")) - begin) / 1e9
  -- The lines of a gallery's record, features to the last bit, without clocks.
  local function features(name)
    local lines = {}
    local text = shell.read(("%s/%s/retrieval/record.jsonl"):format(folder, name)) or ""
    for line in text:gmatch("[^\n]+") do
      lines[#lines + 1] = line:gsub('"seconds":[^,}]*', ""):gsub('"crc32":"%x*"', "")
    end
    table.sort(lines)
    return table.concat(lines, "\n")
  end
  -- Everything but clocks: samples, images, pictures, ranks, tables without their seconds.
  local function differs(a, b)
    local function same(what, command)
      local line = "cd " .. q(folder) .. " && " .. command:gsub("[AB]", { A = a, B = b })
      if status(line) ~= 0 then return what end
    end
    local function columns(path, last)
      return ("cut -d, -f1-%d A/%s > a.csv && cut -d, -f1-%d B/%s > b.csv && cmp -s a.csv b.csv")
        :format(last, path, last, path)
    end
    return same("samples", "cmp -s A/samples.jsonl B/samples.jsonl")
      or same("pictures", "cmp -s A/grid.png B/grid.png")
      or same("images", "diff -rq A/images B/images")
      or same("the table", columns("table.csv", 22))
      or same("ranks", "cmp -s A/retrieval/items.jsonl B/retrieval/items.jsonl")
      or same("the table of retrieval", columns("retrieval/table.csv", 20))
      or features(a) ~= features(b) and "features" or nil
  end
  local outcome, reason = killed(request, shell, store, {
    name = "eval-resume", folder = folder, duration = duration, differs = differs,
    command = function(out, how) return kilpi .. q(out) .. " " .. how end,
    how = function(out) return shell.read(out .. "/record.jsonl") and "resume" or "new" end,
  })
  if not outcome then
    shell.run("rm -rf " .. q(folder))
    return nil, reason
  end
  -- Controls: another seed must be seen in the comparison, and be refused on resume; so must bent
  -- records, and another gallery.
  local function control(id, caught)
    outcome.controls[#outcome.controls + 1] = { id = id, caught = caught }
  end
  status(kilpi .. q(folder .. "/other") .. " new 2")
  control("another seed gives another result", differs("whole", "other") ~= nil)
  control("another seed is refused on resume",
    status(kilpi .. q(folder .. "/other") .. " resume 3") == 1)
  local record = shell.read(folder .. "/other/record.jsonl")
  local bent = record:gsub('"correct":true', '"correct":false', 1)
  shell.write(folder .. "/other/record.jsonl", bent)
  control("a changed verdict in the record is noticed",
    bent ~= record and status(kilpi .. q(folder .. "/other") .. " resume 2") == 1)
  local gallery <const> = folder .. "/other/retrieval/record.jsonl"
  shell.write(folder .. "/other/record.jsonl", record)
  local lines = shell.read(gallery)
  bent = lines:gsub('"forwards":(%d)', '"forwards":9%1', 1)
  shell.write(gallery, bent)
  control("a changed line in a gallery's record is noticed",
    bent ~= lines and status(kilpi .. q(folder .. "/other") .. " resume 2") == 1)
  shell.run(("cp -r %s %s && cp -r %s/. %s"):format(q(folder .. "/whole"), q(folder .. "/mixed"),
    q(folder .. "/other/retrieval"), q(folder .. "/mixed/retrieval")))
  control("another gallery alone is seen", differs("whole", "mixed") ~= nil)
  shell.run("rm -rf " .. q(folder))
  return outcome
end
