-- Every attack on one model and data set: accuracy, distances, passes and seconds.
--   kilpi run scripts/experiments/attacks.lua MODEL DATA [SAMPLES] [MLM]
-- DATA is a folder that data.open reads (split "test"); MLM a folder with a masked language
-- model, for the rows that need one. L-infinity at 1/255, L2 at 0.25, L1 at 4; attacks that look
-- for the nearest image are counted at the budget of their norm and show their distances. Samples
-- that are wrong when clean are not attacked, solved ones leave the batch.
local path, folder, samples = arg[1], arg[2], math.tointeger(tonumber(arg[3] or 200))
if not path or not folder then
  io.stderr:write("usage: kilpi run scripts/experiments/attacks.lua MODEL DATA [SAMPLES] [MLM]\n")
  os.exit(64)
end
local mlm <const> = arg[4] and text.load_mlm(arg[4])
local set <const> = data.open(folder, { split = "test" }):take(samples, { seed = 1 })
local model <const> = clip.load(path)
local cls <const> = model:classifier(set.class_names, { templates = set.templates })
local images, labels
for x, y in set:batches(#set) do images, labels = x, y end

local budgets <const> = { linf = 1 / 255, l2 = 0.25, l1 = 4 }
local runs <const> = {
  { "fgsm" }, { "rfgsm" }, { "bim", steps = 20 }, { "pgd", steps = 20 },
  { "pgd", steps = 20, restarts = 5 }, { "pgd", steps = 20, lattice = 8 },
  { "mifgsm", steps = 20 }, { "nifgsm", steps = 20 }, { "sifgsm", steps = 20 },
  { "vmifgsm", steps = 20 }, { "vnifgsm", steps = 20 }, { "difgsm", steps = 20 },
  { "tifgsm", steps = 20 },
  { "mifgsm", steps = 20, diversity = true, smoothing = true, scales = 5 },
  { "apgd", loss = "ce" }, { "apgd", loss = "dlr" },
  { "apgd", loss = "dlr-targeted" }, { "fab" }, { "square", queries = 1000 },
  { "pgd", steps = 20, loss = "margin" }, { "pgd", steps = 20, targeted = "least-likely" },
  { "pgd", steps = 10, eot = 2 },
  { "autoattack", version = "rand" }, { "autoattack", version = "ce+dlr" },
  { "autoattack", version = "ce+t" },
  { "autoattack", version = "standard" },
  { "pgd", norm = "l2", steps = 20 }, { "apgd", norm = "l2", loss = "ce" },
  { "pgd", norm = "l1", steps = 20 }, { "apgd", norm = "l1", loss = "ce" },
  { "deepfool", norm = "linf" }, { "deepfool", norm = "l2" },
  { "ddn", norm = "l2" }, { "cw", norm = "l2", fast = true },
}

local function median(values)
  table.sort(values)
  return values[(#values + 1) // 2]
end

local function wall()
  local file <close> = assert(io.open("/proc/uptime"))
  return file:read("n")
end

-- Few samples leave none to hold out.
local function percent(share) return share and ("%.1f"):format(100 * share) or "-" end

local function numbers(list) return type(list) == "table" and list or list:to_table() end

print(("%s on %s: %d samples, %d classes, %d x %d pixels, clean %.1f %%"):format(
  path:match("[^/]+$"), folder:match("[^/]+$"), #set, #set.class_names, images:size(4),
  images:size(3), 100 * cls:accuracy(set)))
print("| attack | norm | accuracy % | median L-inf x 255 | median L2 | forwards | backwards | s |")
print("|---|---|---|---|---|---|---|---|")
for _, run in ipairs(runs) do
  local name <const>, norm <const> = run[1], run.norm or "linf"
  if attack[name] then
    local options = {
      eps = budgets[norm], seed = 1, attack_all = false, early_stop = true, progress = true,
      batch = 100,
    }
    local notes = {}
    for key, value in pairs(run) do
      if key ~= 1 then options[key] = value end
      if key ~= 1 and key ~= "norm" then notes[#notes + 1] = key .. " = " .. tostring(value) end
    end
    table.sort(notes)
    local text = name .. (#notes > 0 and " (" .. table.concat(notes, ", ") .. ")" or "")
    local moved, report = attack[name](cls, images, labels, options)
    local right, linf, l2 = 0, {}, {}
    local success, correct = numbers(report.success), numbers(report.clean_correct)
    if run.targeted then
      -- Accuracy falls with any other class, too.
      local predicted, truth = numbers((cls:predict(moved))), numbers(labels)
      for row = 1, #set do success[row] = predicted[row] ~= truth[row] end
    end
    for row = 1, #set do
      local inside = not report.nearest or report.distance[norm][row] <= budgets[norm]
      if correct[row] and not (success[row] and inside) then right = right + 1 end
      if correct[row] and success[row] then
        linf[#linf + 1], l2[#l2 + 1] = report.distance.linf[row], report.distance.l2[row]
      end
    end
    local far, wide = median(linf), median(l2)
    print(("| %s | %s | %.1f | %s | %s | %.0f | %.0f | %.1f |"):format(
      text, norm, 100 * right / #set, far and ("%.2f"):format(255 * far) or "-",
      wide and ("%.3f"):format(wide) or "-", report.queries.forward / #set,
      report.queries.backward / #set, report.seconds))
  else
    print(("| %s | %s | not built |"):format(name, norm))
  end
end

-- One perturbation, or one patch, for all images: accuracy on those that were searched on and not.
print()
print("| one for all images | fitted: robust of clean % | held out: robust of clean % | s |")
print("|---|---|---|---|")
for _, run in ipairs {
  { "universal", { eps = "1/255" } }, { "universal", { eps = "4/255" } },
  { "patch", { area = 0.05, steps = 200 } },
} do
  local name <const>, options <const> = run[1], run[2]
  options.seed = 1
  local _, report = attack[name](cls, images, labels, options)
  print(("| %s (%s) | %s of %s | %s of %s | %.1f |"):format(
    name, name == "patch" and "area = 0.05" or "eps = " .. options.eps,
    percent(report.fitted.robust_accuracy), percent(report.fitted.clean_accuracy),
    percent(report.held_out.robust_accuracy), percent(report.held_out.clean_accuracy),
    report.seconds))
end

-- The prompts of all classes, one word or edit each unless the row says otherwise; images as they
-- are.
local texts <const> = {
  { method = "synonym" }, { method = "embedding" }, { method = "char" },
  { method = "char", kinds = "keyboard" }, { method = "char", kinds = "homoglyph" },
  { method = "synonym", words = 2, scope = "prompt" },
  { method = "beam", words = 2, scope = "prompt" },
  { method = "genetic", words = 2, scope = "prompt" },
  { method = "exhaustive", words = 2, scope = "prompt" },
  { method = "synonym", objective = "cosine" },
}
if mlm then
  table.insert(texts, 1, { method = "bert" })
  table.insert(texts, 2, { method = "bert", mode = "coattack" })
end

local function described(options)
  local notes = {}
  for key, value in pairs(options) do
    if key ~= "method" and key ~= "mlm" and key ~= "seed" then
      notes[#notes + 1] = key .. " = " .. tostring(value)
    end
  end
  table.sort(notes)
  return options.method .. (#notes > 0 and " (" .. table.concat(notes, ", ") .. ")" or "")
end

print()
print("| text attack | accuracy % | prompts changed | texts encoded | s |")
print("|---|---|---|---|---|")
for _, options in ipairs(texts) do
  local name <const> = described(options)
  options.seed = 1
  if options.method == "bert" then options.mlm = mlm end
  local begun = wall()
  local prompts, report = attack.text(model, cls, options)
  local taken <const> = wall() - begun
  local changed = 0
  for _, result in ipairs(report.results) do
    if #result.edits > 0 then changed = changed + 1 end
  end
  print(("| %s | %.1f | %d of %d | %d | %.1f |"):format(
    name, 100 * cls:with_prompts(prompts):accuracy(set), changed, #prompts,
    report.queries.encoded, taken))
end

-- Both sides at once.
print()
print("| images and prompts | both % | images alone % | prompts alone % | forwards | backwards "
  .. "| s |")
print("|---|---|---|---|---|---|---|")
local methods <const> = { "independent", "adaptive", "co-attack", "sga", "worst" }
if #set.templates < 2 then
  -- These choose prompts for each image, which takes one template.
  table.insert(methods, 3, "image-first")
  table.insert(methods, 4, "alternating")
end
for _, method in ipairs(methods) do
  local begun = wall()
  local _, _, report = attack.multimodal(model, images, labels, cls, {
    method = method, image = { method = "pgd", eps = "1/255", steps = 20, seed = 1 },
    text = { method = "synonym", seed = 1 },
  })
  local taken <const> = wall() - begun
  local function accuracy(success)
    local right = 0
    local broken, correct = numbers(success), numbers(report.clean_correct)
    for row = 1, #set do
      if correct[row] and not broken[row] then right = right + 1 end
    end
    return 100 * right / #set
  end
  local queries <const> = report.image.queries
  print(("| %s | %.1f | %.1f | %.1f | %.0f | %.0f | %.1f |"):format(
    method, accuracy(report.success), accuracy(report.image_success),
    accuracy(report.text_success), queries.forward / #set, queries.backward / #set,
    taken))
end
