-- One script for every dual encoder: a CLIP, CLIP's residual network and a SigLIP, each trained a
-- little on Fashion-MNIST, attacked, hardened and attacked again. About 20 seconds; `quick`: 5.
local quick = arg and arg[1] == "quick"
local steps <const>, images <const> = quick and 10 or 120, quick and 640 or 2000

local text <const> = { width = 32, heads = 2, layers = 1 }
local models <const> = {
  { "CLIP, ViT", {
    embed_dim = 32, quick_gelu = true, text_cfg = text,
    vision_cfg = { image_size = 28, patch_size = 7, width = 48, layers = 2, head_width = 16 },
  } },
  { "CLIP, ResNet", {
    embed_dim = 32, quick_gelu = true, text_cfg = text,
    vision_cfg = { image_size = 32, width = 8, layers = { 1, 1, 1, 1 }, head_width = 64 },
  } },
  { "SigLIP", { -- with CLIP's vocabulary; published ones bring their own tokenizer
    model_type = "siglip",
    vision_config = {
      image_size = 28, patch_size = 7, hidden_size = 48, intermediate_size = 96,
      num_hidden_layers = 2, num_attention_heads = 3,
    },
    text_config = {
      hidden_size = 48, intermediate_size = 96, num_hidden_layers = 1, num_attention_heads = 3,
      max_position_embeddings = 16, vocab_size = 49408, projection_size = 48,
    },
  } },
}

local seen = data.fashion_mnist { split = "train" }:take(images, { seed = 1 })
local unseen = data.fashion_mnist { split = "test" }:take(200, { seed = 1 })

local function accuracy(model, eps)
  local cls = model:classifier(unseen.class_names)
  local right = 0
  for batch, labels in unseen:batches(100) do
    if eps then batch = attack.pgd(cls, batch, labels, { eps = eps, steps = 10, seed = 1 }) end
    right = right + cls:predict(batch):eq(labels):sum():item()
  end
  return 100 * right / #unseen
end

print(("%-14s %8s %14s %16s %22s"):format(
  "model", "clean", "PGD-10, 8/255", "hardened: clean", "hardened: PGD-10"))
for _, row in ipairs(models) do
  local name <const>, config <const> = row[1], row[2]
  local plain = train.contrastive {
    model = clip.create(config, { seed = 1 }), data = seen, steps = steps, batch = 64, seed = 1,
    optimizer = { lr = 3e-3 },
  }.model
  local hardened = train.run {
    method = "mmcoa", profile = "small", model = plain, data = seen, steps = steps, batch = 64,
    seed = 1,
    optimizer = { lr = 3e-3 }, image_attack = { eps = "8/255", steps = 3, keep = "last" },
    text_attack = { method = "char", draws = 5 },
  }.model
  print(("%-14s %6.1f %% %12.1f %% %14.1f %% %20.1f %%"):format(name, accuracy(plain),
    accuracy(plain, "8/255"), accuracy(hardened), accuracy(hardened, "8/255")))
end
