-- The loss curve of one process beside those of two and four with the same global batch, and what
-- a step takes; Fashion-MNIST, a small CLIP, the first 50 steps.
--   kilpi run scripts/experiments/parallel.lua
-- Wants Open MPI. More processes than cores share them: times then say what the exchange costs.
local first = 0
while arg[first - 1] do first = first - 1 end
local kilpi <const>, script <const> = arg[first], arg[0]

if arg[1] == "--train" then
  local model = clip.create({
    embed_dim = 64, quick_gelu = true,
    vision_cfg = { image_size = 28, patch_size = 4, width = 96, layers = 4, head_width = 32 },
    text_cfg = { width = 64, heads = 2, layers = 2 },
  }, { seed = 1 })
  local attacked <const> = arg[2] == "mmcoa"
  local result = train.run {
    method = arg[2], model = model, data = data.fashion_mnist { split = "train" },
    steps = 50, batch = 128, seed = 2, optimizer = { lr = 1e-3 },
    image_attack = attacked and { method = "pgd", eps = "8/255", steps = 3, step = "4/255" } or nil,
    text_attack = attacked and { method = "char", words = 1, edits = 1, draws = 20 } or nil,
  }
  local losses, seconds = {}, {}
  for step, row in ipairs(result.history) do
    losses[step], seconds[step] = row.loss, row.seconds
  end
  table.sort(seconds)
  print(json.encode { losses = losses, seconds = seconds[#seconds // 2] })
  return
end

local function run(processes, method)
  local command = ("mpirun --allow-run-as-root --oversubscribe --bind-to none -n %d '%s' run '%s' "
    .. "--train %s"):format(processes, kilpi, script, method)
  local pipe <close> = assert(io.popen(command))
  return json.decode(assert(pipe:read("a"):match("{[^\n]*}"), command))
end

print("| method | processes | seconds a step | largest difference of the loss, relative | step 1 |")
print("|---|---|---|---|---|")
for _, method in ipairs { "clean", "mmcoa" } do
  local one
  for _, processes in ipairs { 1, 2, 4 } do
    local found = run(processes, method)
    one = one or found
    local most, start = 0, 0
    for step, loss in ipairs(found.losses) do
      local difference = math.abs(loss - one.losses[step]) / math.abs(one.losses[step])
      most = math.max(most, difference)
      if step == 1 then start = difference end
    end
    print(("| %s | %d | %.3g | %.1e | %.1e |"):format(
      method, processes, found.seconds, most, start))
  end
end
