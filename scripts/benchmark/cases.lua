-- One speed figure of Kilpi, as a line of JSON; run by main.lua, each case in a process of its own.
--   kilpi scripts/benchmark/cases.lua CASE BATCH RUNS PNG
local name, batch, runs, picture = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4]

-- Seconds since the machine started, in hundredths: every measurement lasts about a second or more.
local function wall()
  local file <close> = assert(io.open("/proc/uptime"))
  return file:read("n")
end

-- Times of one call, `runs` of them, each the mean over as many calls as fill a second.
local function measure(f)
  local function timed(count)
    local start = wall()
    for _ = 1, count do tensor.scope(f) end
    return wall() - start
  end
  local count = 1
  local took = timed(1) -- also the warm-up
  while took < 0.1 do
    count = count * 4
    took = timed(count)
  end
  count = math.max(1, math.ceil(count / took))
  local times = {}
  for run = 1, runs do times[run] = timed(count) / count end
  return times
end

local model_name <const> = "ViT-B-32-quickgelu"
local classes <const> = 10
local end_token <const> = 49407

-- [rows, 77] random ids with the end token at a place that counts from 0.
local function random_ids(rows, place)
  local ids = random.generator(1):integers(1, 49000, { rows, 77 }):to_table()
  for row = 1, rows do ids[row][place + 1] = end_token end
  return tensor.from(ids, { dtype = "int64" })
end

local function without_gradient(f)
  return function()
    local _ <close> = tensor.no_grad()
    f()
  end
end

local function text_forward(place)
  local model <const> = clip.create(model_name, { seed = 0 })
  local ids <const> = random_ids(classes, place)
  return measure(without_gradient(function() model:encode_text(ids) end))
end

-- One step of PGD by hand: forward, cross-entropy, gradient. `naive` does what released attack code
-- does: it encodes the class prompts again and computes the gradients of all weights as well.
local function gradient_step(naive)
  local model <const> = clip.create(model_name, { seed = 0 })
  local ids <const> = random_ids(classes, 20)
  local features <const> = tensor.no_grad(function() return model:encode_text(ids) end)
  local images <const> = tensor.rand({ batch, 3, 224, 224 }, { seed = 1 })
  local labels = {}
  for row = 1, batch do labels[row] = (row - 1) % classes + 1 end
  if naive then
    for _, weight in pairs(model:parameters()) do weight:requires_grad_(true) end
  end
  return measure(function()
    local x = images:clone():requires_grad_(true)
    local targets = naive and model:encode_text(ids) or features
    local logits = model:encode_image(x):matmul(targets:transpose()) * 100
    local loss = tensor.cross_entropy(logits, labels)
    if not naive then return tensor.grad(loss, { x }) end
    loss:backward()
    for _, weight in pairs(model:parameters()) do weight.grad = nil end
  end)
end

-- One MMCoA update: both terms forward and backward, clipping, AdamW. The trainer's own clock, less
-- the time that the attacks took; as many texts as images, of 11 or 75 tokens.
local function update(template)
  local names, labels = {}, {}
  for row = 1, batch do
    names[row] = "thing " .. row
    labels[row] = row
  end
  local images <const> = tensor.rand({ batch, 3, 224, 224 }, { seed = 1 })
  local result = train.run {
    method = "mmcoa", model = clip.create(model_name, { seed = 0 }),
    data = data.from(images, labels, names), templates = { template },
    batch = batch, steps = runs + 1, optimizer = { lr = 1e-6 },
    image_attack = { method = "pgd", eps = "1/255", steps = 1, restarts = 1 },
    text_attack = { method = "char", sites = 1 },
  }
  local times = {}
  for step = 2, #result.history do
    local row = result.history[step]
    times[#times + 1] = row.seconds - row.attack_seconds
  end
  return times
end

local cases <const> = {
  image_fwd = function()
    local model <const> = clip.create(model_name, { seed = 0 })
    local images <const> = tensor.rand({ batch, 3, 224, 224 }, { seed = 1 })
    return measure(without_gradient(function() model:encode_image(images) end))
  end,
  text_fwd = function() return text_forward(20) end,
  text_fwd_full = function() return text_forward(76) end,
  pgd_step = function() return gradient_step(false) end,
  pgd_step_naive = function() return gradient_step(true) end,
  mmcoa_step = function() return update("This is a photo of a {c}") end,
  mmcoa_step_full = function() return update("{c}" .. (" in a photo"):rep(23)) end,
  product = function()
    local a <const> = tensor.randn({ 1600, 768 }, { seed = 1 })
    local b <const> = tensor.randn({ 768, 3072 }, { seed = 2 })
    return measure(without_gradient(function() a:matmul(b) end))
  end,
  tokenizer = function()
    local lines = {}
    for row = 1, 1000 do
      lines[row] = ("a photo of %d small harbours at dawn, seen from hill %d"):format(row, row * 7)
    end
    return measure(function() clip.tokenize(lines) end)
  end,
  png = function() return measure(function() image.load(picture) end) end,
}

local times = cases[name]()
table.sort(times)
local status <close> = assert(io.open("/proc/self/status"))
local peak = tonumber(status:read("a"):match("VmHWM:%s*(%d+)")) / 1024
print(json.encode {
  case = name, seconds = times[1], median = times[(#times + 1) // 2], runs = #times, peak_mb = peak,
})
