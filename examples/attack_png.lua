-- Attacks one picture: loads FILE.png, predicts, attacks, saves an adversarial PNG that keeps the
-- budget in the file, and a picture of the three. Seconds.

local path = arg and arg[1]
local name = arg and arg[2] or "kilpi-tiny"
if not path then
  print("usage: kilpi run examples/attack_png.lua FILE.png [MODEL [OUTPUT-FOLDER]]")
  os.exit(64)
end
local out = arg[3] or "runs/attack_png"
local eps = "8/255"
os.execute("mkdir -p '" .. out:gsub("'", "'\\''") .. "'")

-- MODEL: a folder or file of weights, or a name. kilpi-tiny ships with Kilpi and knows clothes and
-- drawings of things; for photographs take a CLIP of your own (docs/checkpoints.md).
local model = clip.load(name)

-- What it might show: clothes for small models, things for the others.
local fashion = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
  "Sneaker", "Bag", "Ankle boot"}
local things = {"cat", "dog", "bird", "fish", "elephant", "zebra", "bear", "car", "bus", "bicycle",
  "airplane", "boat", "fruit", "flower", "person", "house"}
local config = model:config()
local side = (config.vision_config or config.model_cfg.vision_cfg).image_size
local names = side <= 28 and fashion or things
if name == "kilpi-tiny" then
  names = table.move(fashion, 1, #fashion, #things + 1, things)
end
local classifier = model:classifier(names,
  {templates = {"This is a photo of a {c}"}})

local picture = image.load(path)
if picture:size(2) > 224 or picture:size(3) > 224 then
  picture = clip.preprocess(picture, {preset = "openai", size = 224})
end
local batch = picture:unsqueeze(1)
local label, score = classifier:predict(batch)
print(("%s, %d x %d: %s (%.1f %%)"):format(path, picture:size(3), picture:size(2),
  classifier.class_names[label:item()], 100 * score:item()))

local adversarial, report = attack.pgd(classifier, batch, label,
  {eps = eps, steps = 40, lattice = 8})
local saved, file = image.save_adversarial(out .. "/adversarial.png", adversarial[1], picture, eps,
  {classifier = classifier, label = label:item()})
local found, sure = classifier:predict(saved:unsqueeze(1))
print(("after PGD within %s: %s (%.1f %%), judged on the saved file"):format(eps,
  classifier.class_names[found:item()], 100 * sure:item()))
print(("largest change in the file %.5f of %.5f allowed; attack %s"):format(
  (saved - picture):abs():max():item(), 8 / 255, report.success[1] and "succeeded" or "failed"))
for _, warning in ipairs(file.warnings or {}) do print("note: " .. warning) end

local difference = image.diff(saved, picture, {gain = 10})
image.save(out .. "/picture.png", image.grid({picture, saved, difference}, {columns = 3}))
print("saved " .. out .. "/adversarial.png and " .. out .. "/picture.png")
