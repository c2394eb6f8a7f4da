-- Time and peak memory of a training step of ViT-B/32; figures of docs/performance.md.
--   kilpi run scripts/benchmark/training_memory.lua BATCH ACCUMULATE CHECKPOINT(true|false)
local batch = math.tointeger(tonumber(arg[1] or 32))
local accumulate = math.tointeger(tonumber(arg[2] or 1))
local checkpoint = arg[3] == "true"

local names, labels = {}, {}
for row = 1, batch do
  names[row] = "thing " .. row
  labels[row] = row
end
local result = train.run {
  method = "clean", profile = "small", train = "both", batch = batch, steps = 2,
  model = clip.create("ViT-B-32-quickgelu"),
  data = data.from(tensor.rand({ batch, 3, 224, 224 }, { seed = 1 }), labels, names),
  accumulate = accumulate, checkpoint_activations = checkpoint, optimizer = { lr = 1e-6 },
}
local peak
for line in io.lines("/proc/self/status") do
  peak = tonumber(line:match("^VmHWM:%s+(%d+)")) or peak
end
print(("batch %d, accumulate %d, checkpoint_activations %s: %.2f s a step, peak %.0f MB"):format(
  batch, accumulate, tostring(checkpoint), result.history[2].seconds, peak / 1024))
