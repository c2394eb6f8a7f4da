-- Image attacks on a linear classifier, whose exact answers are known, and on a masked one.
-- Takes a few seconds; needs no data.

local function title(text) print("\n-- " .. text) end

-- Three classes over images of 6 x 6 pixels; logits are x times w.
local w = tensor.randn({108, 3}, {seed = 1}) * 3
local function classify(x) return (x - 0.5):reshape{-1, 108}:matmul(w) end
local x = tensor.rand({16, 3, 6, 6}, {seed = 2}) * 0.2 + 0.4
local logits = classify(x)
local _, y = logits:max{axis = 2}

-- The nearest face of the decision region: margin over the norm of the weights' difference.
local function exact(norm)
  local distances = {}
  for i = 1, 16 do
    local best = math.huge
    for c = 1, 3 do
      if c ~= y[i]:item() then
        local slope = w[{ {}, c }] - w[{ {}, y[i]:item() }]
        local size = norm == "linf" and slope:abs():sum() or slope:square():sum():sqrt()
        best = math.min(best, (logits[i][y[i]:item()] - logits[i][c]):item() / size:item())
      end
    end
    distances[i] = best
  end
  return distances
end
local function share(distances, eps)
  local n = 0
  for _, d in ipairs(distances) do if d <= eps then n = n + 1 end end
  return n / #distances
end

title("robust accuracy within eps: steps along the gradient, with and without momentum")
local eps = 1 / 255
print(("exact      %.3f"):format(1 - share(exact("linf"), eps)))
for _, name in ipairs{"fgsm", "bim", "pgd", "mifgsm", "nifgsm", "sifgsm", "vmifgsm"} do
  local _, report = attack[name](classify, x, y, {eps = eps, progress = false})
  print(("%-10s %.3f"):format(name, report.robust_accuracy))
end
-- Cross-entropy pulls towards one class; the nearest face may be another's.
local _, all = attack.pgd(classify, x, y, {eps = eps, targeted = "all", progress = false})
print(("pgd at all %.3f"):format(all.robust_accuracy))

title("nearest adversarial images: mean distance, and as a multiple of the smallest possible")
for _, row in ipairs{{"deepfool", "linf"}, {"deepfool", "l2"}, {"ddn", "l2"}} do
  local name, norm = table.unpack(row)
  local _, report = attack[name](classify, x, y, {norm = norm, progress = false})
  local best, found, smallest = exact(norm), 0, 0
  for i = 1, 16 do found, smallest = found + report.nearest[i], smallest + best[i] end
  print(("%-10s %-4s %.3f  %.2f"):format(name, norm, found / 16, found / smallest))
end

title("one change for all images, judged on a quarter that it was not made on")
local delta, universal = attack.universal(classify, x, y,
  {eps = "16/255", holdout = 0.25, progress = false})
print(universal.held_out.n, delta:abs():max():item() <= 16 / 255,
  universal.robust_accuracy < universal.clean_accuracy)
local patch, report = attack.patch(classify, x, y,
  {area = 0.25, steps = 50, targeted = 2, progress = false})
print(patch:size(2), report.targets[1], #report.places)

title("signs of masked gradients")
local function hidden(images)
  local rounded = ((images * 255):round() / 255 - images):detach() + images
  return classify(rounded)
end
for _, model in ipairs{classify, hidden} do
  local flags = attack.probe(model, x, y, {eps = eps})
  print(#flags, flags[1] and flags[1]:match("^[%w_]+"))
end
