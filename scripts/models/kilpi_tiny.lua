-- Trains kilpi-tiny, the model that ships with Kilpi, and measures it. About half an hour on two
-- cores; resumable: run it again after an interruption.
--   python scripts/models/kilpi_tiny_data.py DATA
--   kilpi run scripts/models/kilpi_tiny.lua DATA RUN
local data_folder, out = arg[1], arg[2]
assert(data_folder and out, "usage: kilpi run scripts/models/kilpi_tiny.lua DATA RUN")

local config <const> = {
  embed_dim = 128, quick_gelu = true,
  vision_cfg = { image_size = 64, patch_size = 8, width = 128, layers = 5, head_width = 32 },
  text_cfg = { width = 64, heads = 2, layers = 3, context_length = 77, vocab_size = 49408 },
}
local templates <const> = {
  "{c}", "a photo of a {c}", "This is a photo of a {c}", "a picture of a {c}",
  "an image of a {c}", "a small {c}",
}

local pairs_to_train = data.open(data_folder, { split = "train" })
print(("%d images with captions"):format(#pairs_to_train))
local exists = io.open(out .. "/run.json")
if exists then exists:close() end
local result = train.contrastive {
  model = clip.create(config, { seed = 20261122 }), data = pairs_to_train, epochs = 10, batch = 128,
  optimizer = { name = "adamw", lr = 1e-3, weight_decay = 0.05 }, schedule = "cosine", warmup = 100,
  seed = 1, out = out, checkpoint_every = 100, resume = exists ~= nil,
}

-- What ships is float16; the figures are those of the shipped file.
result.model:save(out .. "/kilpi-tiny", { half = true })
local model = clip.load(out .. "/kilpi-tiny")

-- Fashion-MNIST, by the template that the published evaluations use.
local fashion = data.fashion_mnist { split = "test" }
local garments = model:classifier(fashion.class_names,
  { templates = { "This is a photo of a {c}" } })
print(("Fashion-MNIST test, %d images: %.1f %%"):format(#fashion, 100 * garments:accuracy(fashion)))

-- Emoji in drawings that training did not see, among all their names.
local names = {}
for line in io.lines(data_folder .. "/names.txt") do names[#names + 1] = line end
local place = {}
for index, name in ipairs(names) do place[name] = index end
local emoji = model:classifier(names, { templates = templates })
local right, five, seen = 0, 0, 0
for images, captions in data.open(data_folder, { split = "test" }):batches(64) do
  local _, best = emoji:logits(images):topk(5, { axis = 2 })
  local rows = best:to_table()
  for index, row in ipairs(rows) do
    local truth = place[captions[index][1]]
    seen = seen + 1
    right = right + (row[1] == truth and 1 or 0)
    for _, guess in ipairs(row) do five = five + (guess == truth and 1 or 0) end
  end
end
print(("emoji, %d unseen drawings among %d names: %.1f %% first, %.1f %% among five"):format(
  seen, #names, 100 * right / seen, 100 * five / seen))
local report = eval.robustness {
  model = garments, data = fashion, samples = 500, seed = 1,
  attacks = { clean = true, image = { method = "pgd", eps = "8/255", steps = 20 } },
}
print(report:table())
