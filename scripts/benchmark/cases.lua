-- One speed figure of Kilpi, as a line of JSON; run by main.lua, each case in a process of its own.
--   kilpi scripts/benchmark/cases.lua CASE BATCH RUNS FOLDER
-- A case whose name ends in _bf16 is the case before that ending with bfloat16 products.
local name, batch, runs, folder = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4]
local precision <const> = name:match("_bf16$") and "bfloat16" or "float32"

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

local function create(other)
  return clip.create(other or model_name, { seed = 0, precision = precision })
end

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

local function image_forward(other, count)
  local model <const> = create(other)
  local images <const> = tensor.rand({ count, 3, 224, 224 }, { seed = 1 })
  return measure(without_gradient(function() model:encode_image(images) end))
end

local function text_forward(place)
  local model <const> = create()
  local ids <const> = random_ids(classes, place)
  return measure(without_gradient(function() model:encode_text(ids) end))
end

-- One step of PGD by hand: forward, cross-entropy, gradient. `naive` does what released attack code
-- does: it encodes the class prompts again and computes the gradients of all weights as well.
local function gradient_step(naive)
  local model <const> = create()
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

-- One MMCoA update: both terms forward and backward, clipping, AdamW, by the trainer's own clock;
-- as many texts as images, of 11 or 75 tokens. `with_attacks`: the step with its attacks, PGD with
-- two steps and the worst of 20 edits a text; else less the time that they took.
local function update(template, with_attacks)
  local names, labels = {}, {}
  for row = 1, batch do
    names[row] = "thing " .. row
    labels[row] = row
  end
  local images <const> = tensor.rand({ batch, 3, 224, 224 }, { seed = 1 })
  local result = train.run {
    method = "mmcoa", profile = "small", model = create(),
    data = data.from(images, labels, names), templates = { template },
    batch = batch, steps = runs + 1, optimizer = { lr = 1e-6 },
    image_attack = {
      method = "pgd", eps = "1/255", steps = with_attacks and 2 or 1, keep = "last",
    },
    text_attack = { method = "char", words = 1, edits = 1, draws = with_attacks and 20 or 1 },
  }
  local times = {}
  for step = 2, #result.history do
    local row = result.history[step]
    times[#times + 1] = with_attacks and row.seconds or row.seconds - row.attack_seconds
  end
  return times
end

-- A text attack over 100 class prompts: the worst of 20 drawn edits of each.
local function text_attack()
  local names = {}
  for row = 1, 100 do names[row] = ("class number %d"):format(row) end
  local model <const> = create()
  local classifier <const> = model:classifier(names)
  return measure(function()
    attack.text(model, classifier, { method = "char", words = 1, edits = 1, draws = 20 })
  end)
end

-- A whole evaluation of the shipped model: clean, PGD-50 and APGD-CE on images of Fashion-MNIST
-- that main.lua wrote for both sides.
local function evaluation(levels)
  local eps <const>, step <const> = levels .. "/255", levels / 4 .. "/255"
  local stored <const> = tensor.load(folder .. "/evaluation.safetensors")
  local names <const> = json.decode(io.open(folder .. "/classes.json"):read("a"))
  local set <const> = data.from(stored.images, stored.labels, names)
  local classifier <const> = clip.load("kilpi-tiny", { precision = precision }):classifier(names)
  local found
  local times = {}
  for run = 1, 1 do -- long enough for one
    local begun = wall()
    found = eval.robustness {
      model = classifier, data = set, batch = 128,
      attacks = { clean = true, image = {
        { method = "pgd", eps = eps, step = step, steps = 50 },
        { method = "apgd", loss = "ce", eps = eps, steps = 100 },
      } },
    }
    times[run] = wall() - begun
  end
  local accuracy = {}
  for _, label in ipairs { "clean", "image/pgd", "image/apgd" } do
    accuracy[label] = found:accuracy(label)
  end
  return times, accuracy
end

-- A checkpoint from disk to its first features.
local function load_checkpoint()
  local pixels <const> = tensor.rand({ 1, 3, 224, 224 }, { seed = 1 })
  return measure(without_gradient(function()
    clip.load(folder .. "/checkpoint"):encode_image(pixels)
    collectgarbage()
  end))
end

local cases <const> = {
  load = load_checkpoint,
  image_fwd = function() return image_forward(nil, batch) end,
  image_fwd_b16 = function()
    return image_forward("ViT-B-16-quickgelu", math.max(1, batch // 4))
  end,
  text_fwd = function() return text_forward(20) end,
  text_fwd_full = function() return text_forward(76) end,
  pgd_step = function() return gradient_step(false) end,
  pgd_step_naive = function() return gradient_step(true) end,
  mmcoa_step = function() return update("This is a photo of a {c}") end,
  mmcoa_step_full = function() return update("{c}" .. (" in a photo"):rep(23)) end,
  mmcoa_attacked = function() return update("This is a photo of a {c}", true) end,
  text_attack = text_attack,
  evaluation = function() return evaluation(1) end,
  evaluation_8 = function() return evaluation(8) end,
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
  png = function() return measure(function() image.load(folder .. "/picture.png") end) end,
  jpeg = function() return measure(function() image.load(folder .. "/picture.jpg") end) end,
}

local times, accuracy = cases[name:gsub("_bf16$", "")]()
table.sort(times)
local status <close> = assert(io.open("/proc/self/status"))
local peak = tonumber(status:read("a"):match("VmHWM:%s*(%d+)")) / 1024
print(json.encode {
  case = name, seconds = times[1], median = times[(#times + 1) // 2], runs = #times, peak_mb = peak,
  accuracy = accuracy,
})
