-- Makes calls and judges what comes back; the process that runs it may end at any of them.
--   worker.lua range LOG SEED FROM TO    calls FROM to TO - 1; LOG/progress says which one runs
--   worker.lua line LOG FILE             the call written in FILE: kind, target, mark, text
-- Findings go to LOG/found as JSON lines; LOG/counts holds how often each target and option was
-- used.
-- luacheck: globals H seeded
local folder <const> = arg[0]:match("^(.*)/")
local clock <const>, write_json <const> = os.clock, json.encode

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end
local catalogue <const> = json.decode(read(folder .. "/catalogue.json"))
local mode <const>, log <const> = arg[1], arg[2]

if catalogue.seeded then dofile(folder .. "/seeded.lua") end

-- Values that many calls share, made again when a call has released or trained them.
local kept = {}
local function keep(name, alive, make)
  return function()
    local value = kept[name]
    if not value or not pcall(alive, value) then
      value = make()
      kept[name] = value
    end
    return value
  end
end
local function count(model) return model:num_parameters() end
local function rows(report) return report:table() end
H = {}
H.model = keep("model", count, function() return clip.create("tiny", { seed = 1 }) end)
H.bad_model = keep("bad_model", count, function()
  local model = clip.create("tiny", { seed = 1 })
  for _, parameter in pairs(model:parameters()) do parameter[{}] = 0 / 0 end
  return model
end)
H.classifier = keep("classifier", function(c) return c.prompts end, function()
  return H.model():classifier{ "cat", "dog", "tree" }
end)
H.bad_classifier = keep("bad_classifier", function(c) return c.prompts end, function()
  return H.bad_model():classifier{ "cat", "dog", "tree" }
end)
H.mlm = keep("mlm", count, function() return text.load_mlm("mlm") end)
local function set(labels) return data.from(tensor.rand({ 2, 3, 16, 16 }, { seed = 1 }), labels,
  type(labels[1]) == "number" and { "cat", "dog" } or nil) end
H.report = keep("report", rows, function()
  return eval.robustness{ model = H.model(), probes = false, data = set{ 1, 2 },
    attacks = { image = { method = "fgsm", eps = "8/255" } } }
end)
H.comparison = keep("comparison", rows, function()
  return eval.compare{ { name = "a", report = H.report() }, { name = "b", report = H.report() } }
end)
H.retrieval = keep("retrieval", rows, function()
  return eval.retrieval{ model = H.model(), data = set{ { "a cat" }, { "a dog" } } }
end)

local function is_judge(name)
  return name:find("^attack%.") and name ~= "attack.embedding" or name:find("^train%.")
    or name == "classifier:predict" or name == "classifier:accuracy" or name:find("^seeded%.")
    or name:find("^eval%.") and name ~= "eval.cost"
end

local NOT_A_NUMBER <const> = "%s is %s"
-- Looks at a result as a user would; says what no result may hold.
local function used(value, depth, is_verdict, key)
  local kind = math.type(value) or type(value)
  if kind == "float" and is_verdict and value ~= value and type(key) == "string"
    and (key:find("accuracy") or key:find("success") or key:find("rate") or key:find("recall")) then
    return NOT_A_NUMBER:format(key, value)
  elseif kind == "table" and depth < 4 then
    local seen = 0
    for inner_key, inner in next, value do
      seen = seen + 1
      if seen > 20 then break end
      local problem = used(inner, depth + 1, is_verdict, inner_key)
      if problem then return problem end
    end
  elseif kind == "userdata" then
    local text = tostring(value)
    if text:find("^tensor") and depth < 2 then pcall(display, value) end
    if is_verdict and depth < 2 then
      local fine, inner = pcall(function() return value:to_table() end)
      if fine then return used(inner, depth, is_verdict, key) end
    end
  end
end

local foreign <const> = { ["error"] = true, ["next"] = true, ["string.rep"] = true,
  ["print"] = true }
-- Where Lua's library compares, indexes, calls or joins, its errors have no place.
local raises_plainly <const> = { "table%.", "string%.", "math%.", "utf8%.", "coroutine%.",
  "setmetatable", "tostring", "pcall", "%f[%w_]s:" }
-- An error must say where; what scripts raise themselves, and what Lua's own functions say when
-- they
-- compare or call, has no place in plain Lua either.
local function has_place(err, text)
  if type(err) == "table" or err == nil or type(err) == "boolean" or type(err) == "number" then
    return true end
  local fine, message = pcall(tostring, err)
  if not fine or type(message) ~= "string" then return true end
  if message:find("^[^\n]-:%d+:") or message == "not enough memory" then return true end
  if message:find("^attempt to ") then
    for _, name in ipairs(raises_plainly) do if text:find(name) then return true end end
  end
  for name in pairs(foreign) do
    if text:find("%f[%w_.]" .. name:gsub("%.", "%%.") .. "%f[^%w_.]") then return true end
  end
  return message:find("^error in error handling") ~= nil
end

-- Runs one call; the kind of a finding and its message, or nil.
local function run(name, text, is_bad)
  local chunk, problem = load(text, "=call", "t", _G)
  if not chunk then return "syntax", problem end
  local results = table.pack(pcall(chunk))
  if not results[1] then
    local fine, message = pcall(tostring, results[2])
    if fine and message:find("interrupted", 1, true) then error("interrupted at " .. name, 0) end
    if not has_place(results[2], text) then return "place", message end
    return nil, fine and message or nil
  end
  for index = 2, results.n do
    local value = results[index]
    if type(value) == "function" and name == "dataset:batches" then
      for _ = 1, 3 do
        local again <const> = table.pack(pcall(value))
        if not again[1] and not has_place(again[2], text) then return "place", tostring(again[2])
          end
        if not again[1] or again[2] == nil then break end
      end
    else
      local fine, found = pcall(used, value, 1, is_judge(name))
      if not fine and not has_place(found, text) then return "place", tostring(found) end
      if fine and found then return "nan", found end
    end
  end
  if is_bad and is_judge(name) and results.n > 1 then
    local first = results[2]
    local is_empty = type(first) == "table" and next(first) == nil
      or pcall(function() assert(first:numel() == 0) end)
    if not is_empty then return "nan", "a verdict about logits that are not finite" end
  end
end

local found_file <const> = assert(io.open(log .. "/found", "a"))
local function note(finding)
  found_file:write(write_json(finding), "\n")
  found_file:flush()
end

if mode == "line" then
  local line <const> = json.decode(read(arg[3]))
  local kind, message = run(line.name, line.text, line.bad)
  note{ kind = kind or "none", message = message or "" }
  return
end

local tree <const> = dofile(folder .. "/tree.lua")
local values <const> = dofile(folder .. "/values.lua")(tree)
local scenes <const> = dofile(folder .. "/scenes.lua")(tree, values, catalogue)
local calls <const> = dofile(folder .. "/calls.lua")(tree, values, scenes, catalogue)
local seed <const>, from <const>, to <const> =
  tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5])
local is_sandboxed <const> = arg[6] == "sandbox"
local progress <const> = assert(io.open(log .. "/progress", "w"))
local targets, options, outcome = {}, {}, { calls = 0, errors = 0, skipped = 0 }

local function save()
  local file <close> = assert(io.open(log .. "/counts-" .. from, "w"))
  file:write(write_json{ targets = targets, options = options, outcome = outcome })
end

local function count_options(node, prefix)
  for _, pair in ipairs(node.named) do
    local name = prefix .. pair[1]
    options[name] = (options[name] or 0) + 1
  end
end

for index = from, to - 1 do
  local name, chunk = calls.make(seed, index)
  -- Without a sandbox only calls that name no file run.
  local text = tree.text(chunk, true)
  if is_sandboxed or not (text:find("path") or text:find("folder") or text:find("out =")
    or text:find("save")
    or text:find("load") or text:find("data.open") or text:find("display") or text:find("plot")
    or text:find("images%(")) then
    progress:seek("set", 0)
    progress:write(("%010d\n"):format(index))
    progress:flush()
    local start = clock()
    local is_bad = tree.is_bad(chunk)
    local kind, message = run(name, text, is_bad)
    if kind then
      note{ kind = kind, index = index, name = name, text = tree.text(chunk), message = message }
    end
    if name:find("^train%.") then kept = {} end
    local target = targets[name] or { calls = 0, seconds = 0, errors = 0 }
    targets[name] = target
    target.calls, target.seconds = target.calls + 1, target.seconds + clock() - start
    if message then target.errors = target.errors + 1 end
    outcome.calls, outcome.errors = outcome.calls + 1, outcome.errors + (message and 1 or 0)
    local expression = chunk.expression
    for _, argument in ipairs(expression.args or {}) do
      if argument.kind == "table" then count_options(argument, name .. ".") end
    end
  else
    outcome.skipped = outcome.skipped + 1
  end
  if (index - from) % 200 == 199 then collectgarbage() end
  if (index - from) % 1000 == 999 then save() end
end
save()
