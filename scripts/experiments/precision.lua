-- What bfloat16 products change on a real model: features, clean accuracy and robust accuracy.
--   kilpi run scripts/experiments/precision.lua MODEL DATA [SAMPLES]
-- DATA is a folder that data.open reads (split "test"). Both precisions attack the same samples
-- from the same seeds; every verdict is float32: differences in robust accuracy are the search's.
local path, folder, samples = arg[1], arg[2], math.tointeger(tonumber(arg[3] or 500))
if not path or not folder then
  io.stderr:write("usage: kilpi run scripts/experiments/precision.lua MODEL DATA [SAMPLES]\n")
  os.exit(64)
end
local set <const> = data.open(folder, { split = "test" }):take(samples, { seed = 1 })
local found = {}
for _, precision in ipairs { "float32", "bfloat16" } do
  local model = clip.load(path, { precision = precision })
  local cls = model:classifier(set.class_names, { templates = set.templates })
  local features, right = {}, 0
  local texts <const> = tensor.no_grad(function() return model:encode_text(cls.prompts) end)
  for images, labels in set:batches(100) do
    local part = tensor.no_grad(function() return model:encode_image(images) end)
    features[#features + 1] = part
    local best = part:matmul(texts:transpose()):argmax(2)
    right = right + best:eq(labels):sum():item()
  end
  local begun = os.clock()
  local report = eval.robustness {
    model = cls, data = set, seed = 1,
    attacks = { clean = true, image = {
      { method = "pgd", eps = "1/255", step = "0.25/255", steps = 20 },
      { method = "apgd", loss = "ce", eps = "1/255", steps = 50 },
    } },
  }
  found[precision] = { features = tensor.cat(features, 1), accuracy = right / #set,
    report = report, seconds = os.clock() - begun }
end
local a, b = found.float32, found.bfloat16
print(("samples %d, classes %d, processor seconds %.1f and %.1f"):format(
  samples, #set.class_names, a.seconds, b.seconds))
print(("image features: largest difference %.2g, smallest cosine %.5f"):format(
  (a.features - b.features):abs():max():item(),
  (a.features * b.features):sum { axis = 2 }:min():item()))
print(("clean accuracy by the classifier's own products: %.1f %% and %.1f %%"):format(
  100 * a.accuracy, 100 * b.accuracy))
for _, label in ipairs { "clean", "image/pgd", "image/apgd" } do
  print(("%s: %.1f %% and %.1f %%"):format(
    label, 100 * a.report:accuracy(label), 100 * b.report:accuracy(label)))
end
