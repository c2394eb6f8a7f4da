-- How cost grows with batch, tokens, classes, steps and threads: prints tables, draws a picture.
--   kilpi run scripts/benchmark/scaling.lua [PICTURE.png]
-- ViT-B/32 with random weights. Takes about three minutes; wants an idle machine.
local first = 0
while arg[first - 1] do first = first - 1 end
local kilpi <const>, script <const> = arg[first], arg[0]

local function wall()
  local file <close> = assert(io.open("/proc/uptime"))
  return file:read("n")
end

-- Seconds of one call, the best of three runs of at least half a second.
local function seconds(f)
  f()
  local best = math.huge
  for _ = 1, 3 do
    local begun, calls = wall(), 0
    repeat
      tensor.scope(f)
      calls = calls + 1
    until wall() - begun >= 0.5
    best = math.min(best, (wall() - begun) / calls)
  end
  return best
end

local function forward(model, images)
  return function()
    local _ <close> = tensor.no_grad()
    model:encode_image(images)
  end
end

local model <const> = clip.create("ViT-B-32-quickgelu", { seed = 0 })

if arg[1] == "--forward" then -- one figure of a process of its own, for threads and modes
  print(seconds(forward(model, tensor.rand({ 16, 3, 224, 224 }, { seed = 1 }))))
  return
end

local function labels(count)
  local list = {}
  for row = 1, count do list[row] = row end
  return list
end

local function names(count)
  local list = {}
  for row = 1, count do list[row] = "thing " .. row end
  return list
end

local function child(flags)
  local command = ("'%s' %s run '%s' --forward"):format(kilpi, flags, script)
  local pipe <close> = assert(io.popen(command))
  return assert(tonumber(pipe:read("l")), command)
end

local end_token <const> = 49407
local rows <const> = {
  {
    name = "batch", unit = "images, forward", values = { 1, 2, 4, 8, 16, 32 },
    cost = function(n)
      return seconds(forward(model, tensor.rand({ n, 3, 224, 224 }, { seed = 1 })))
    end,
  },
  {
    name = "tokens", unit = "tokens of 10 prompts, forward", values = { 8, 16, 32, 64, 77 },
    cost = function(n)
      local ids = random.generator(1):integers(1, 49000, { 10, 77 }):to_table()
      for row = 1, 10 do ids[row][n] = end_token end
      ids = tensor.from(ids, { dtype = "int64" })
      return seconds(function()
        local _ <close> = tensor.no_grad()
        model:encode_text(ids)
      end)
    end,
  },
  {
    name = "classes", unit = "classes, one PGD step on 4 images, texts cached",
    values = { 4, 16, 64, 256 },
    cost = function(n)
      local cls = model:classifier(names(n))
      local x <const> = tensor.rand({ 4, 3, 224, 224 }, { seed = 1 })
      local options = { steps = 1, progress = false, probes = false, keep = "last" }
      return seconds(function() attack.pgd(cls, x, labels(4), options) end)
    end,
  },
  {
    name = "steps", unit = "steps of PGD on 4 images", values = { 1, 2, 4, 8, 16 },
    cost = function(n)
      local cls = model:classifier(names(4))
      local x <const> = tensor.rand({ 4, 3, 224, 224 }, { seed = 1 })
      local options = { steps = n, progress = false, probes = false, keep = "last" }
      return seconds(function() attack.pgd(cls, x, labels(4), options) end)
    end,
  },
  {
    name = "threads", unit = "threads, 16 images, forward", values = { 1, 2 },
    cost = function(n) return child("--threads " .. n) end,
  },
}

local series = {}
for _, row in ipairs(rows) do
  local line = { name = row.name, x = {}, y = {} }
  local costs = {}
  for index, value in ipairs(row.values) do
    io.stderr:write("scaling: ", row.name, " ", value, "\n")
    costs[index] = row.cost(value)
    line.x[index] = value / row.values[1]
    line.y[index] = costs[index] / costs[1]
  end
  series[#series + 1] = line
  print(("| %s | %s |"):format(row.unit, table.concat(row.values, " | ")))
  local texts = {}
  for index, cost in ipairs(costs) do texts[index] = ("%.3g"):format(cost) end
  print(("| seconds | %s |"):format(table.concat(texts, " | ")))
end
local usual <const>, fixed <const> = child(""), child("--deterministic")
print(("--deterministic: %.3g s for 16 images, %.3g s without it"):format(fixed, usual))
if arg[1] then
  plot.line {
    series = series, logx = true, logy = true, path = arg[1], title = "Cost against size, ViT-B/32",
    xlabel = "multiple of the smallest size", ylabel = "multiple of its cost",
  }
  print("drawn: " .. arg[1])
end
