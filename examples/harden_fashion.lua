-- The main job: trains a small CLIP on Fashion-MNIST, breaks it with image, text and multimodal
-- attacks, hardens it with MMCoA, measures again. About 10 minutes on two cores, after the build;
-- `quick`: seconds.

local quick = arg and arg[1] == "quick"
local out = (not quick and arg and arg[1]) or (quick and arg[2]) or "runs/harden_fashion"

-- Sizes of the job. `quick` only shows that every step works.
local size = quick
    and { train = 600, pretrain = 12, harden = 3, batch = 32, test = 24, pgd = 3 }
  or { train = nil, pretrain = 700, harden = 500, batch = 128, test = 500, pgd = 20 }
local eps = "8/255"

local function heading(text) io.stderr:write("\n== ", text, "\n") end

heading("Data: Fashion-MNIST, 28 x 28, ten classes")
local train_set = data.fashion_mnist{split = "train"}
local test_set = data.fashion_mnist{split = "test"}
if size.train then train_set = train_set:take(size.train, {seed = 1}) end
print(("training images %d, test images %d (%d are attacked)"):format(
  #train_set, #test_set, size.test))

heading("1. Train a small CLIP from nothing, with class prompts")
local model = clip.create({
  embed_dim = 64, quick_gelu = true,
  vision_cfg = {image_size = 28, patch_size = 4, width = 96, layers = 4, head_width = 32},
  text_cfg = {width = 64, heads = 2, layers = 2},
}, {seed = 1})
print(model)
local plain = train.contrastive{
  model = model, data = train_set, steps = size.pretrain, batch = size.batch,
  optimizer = {lr = 2e-3, weight_decay = 1e-4}, seed = 1, out = out .. "/plain",
  checkpoint_every = 300, resume = true,
}

-- What both models face: PGD in the L-infinity ball, character edits of the class words, and both
-- together, independently (as published) and adaptively.
local attacks = {
  image = {method = "pgd", eps = eps, steps = size.pgd},
  text = {method = "char", words = 1, edits = 1},
  multimodal = {},
}
local function evaluate(m, name)
  return eval.robustness{
    model = m, data = test_set, samples = size.test, seed = 7, attacks = attacks,
    out = out .. "/" .. name, pictures = 8,
  }
end

heading("2. Break it")
local before = evaluate(plain.model, "before")
print(before:table())

heading("3. Harden it: MMCoA, adversarial images and texts at every step")
local hardened = train.run{
  method = "mmcoa", profile = "small", model = plain.model, data = train_set,
  steps = size.harden, batch = size.batch,
  image_attack = {method = "pgd", eps = eps, steps = 3, step = "4/255", keep = "last"},
  text_attack = {method = "char", words = 1, edits = 1, draws = 20},
  optimizer = {lr = 1e-3, weight_decay = 1e-4}, seed = 2, out = out .. "/mmcoa",
  checkpoint_every = 200, resume = true,
}

heading("4. Attack the hardened model in the same way")
local after = evaluate(hardened.model, "after")
print(after:table())

heading("5. Side by side")
local comparison = eval.compare{
  {name = "plain", report = before}, {name = "MMCoA", report = after}, out = out .. "/comparison",
}
print(comparison:table())
comparison:plot(out .. "/accuracy.png")
before:images(out .. "/images-before.png", {rows = 4})
after:images(out .. "/images-after.png", {rows = 4})
print("saved in " .. out .. ": accuracy.png, images-before.png, images-after.png, "
  .. "plain/model, mmcoa/model, comparison/")
