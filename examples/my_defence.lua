-- A defence of one's own, in Lua alone: a loss over named features and its own inner attack.
-- Takes about ten seconds; needs no data.

local function title(text) print("\n-- " .. text) end

-- Images of three colours with much noise, and a small CLIP that learns them.
local names = {"red", "green", "blue"}
local function images(n, seed)
  local labels, x = {}, tensor.rand({n, 3, 16, 16}, {seed = seed}) * 0.4 + 0.2
  for i = 1, n do
    local c = (i - 1) % 3 + 1
    labels[i] = c
    x[{ i, c }] = x[{ i, c }] + 0.1
  end
  return x, labels
end
local x, y = images(96, 1)
local ds = data.from(x, y, names)
local plain = train.contrastive{model = clip.create("tiny", {seed = 3}), data = ds, steps = 60,
  batch = 32, optimizer = {lr = 2e-3}, seed = 1}.model

-- The loss of a step. `e` has image, image_adv, text, text_adv, class_text, scale and labels,
-- normalised; e.frozen has the same by the model that the run began with, e.raw as the encoders
-- give it. What is read is encoded then; image_adv runs the inner attack.
local function loss(e)
  local logits = e.scale * e.image_adv:matmul(e.class_text:transpose(1, 2))
  local drift = (e.image - e.frozen.image):square():sum(2):mean()
  return tensor.cross_entropy(logits, e.labels) + 0.1 * drift
end

-- What the inner attack increases, one value an image: how far the feature moves away.
local function away(image, e)
  return (image - e.frozen.image):square():sum(2)
end

title("train with it")
local result = train.run{loss = loss, inner_loss = away, model = plain, data = ds, train = "visual",
  steps = 60, batch = 32, optimizer = {lr = 2e-3}, seed = 2,
  image_attack = {eps = "4/255", steps = 3}}
local first, last = result.history[1], result.history[#result.history]
print(("loss at step 1 and 60: %.2f and %.2f"):format(first.loss, last.loss))

title("attack both models in the same way")
local test, truth = images(60, 9)
for _, row in ipairs{{"plain", plain}, {"defended", result.model}} do
  local cls = row[2]:classifier(names)
  local _, report = attack.pgd(cls, test, truth, {eps = "4/255", steps = 10, seed = 4,
    progress = false, probes = false})
  print(("%-9s clean %.2f, under PGD %.2f"):format(row[1], report.clean_accuracy,
    report.robust_accuracy))
end
