-- Kilpi's speed, and PyTorch's beside it; started by scripts/bench, which explains the options.
-- Each figure comes from a process of its own (peak memory is that process's); the two sides take
-- turns, case by case, so that a machine that slows down slows both.
local folder <const> = arg[0]:match("^(.*)/") or "."
local first = 0
while arg[first - 1] do first = first - 1 end
local kilpi <const> = arg[first]
local python <const> = os.getenv("KILPI_PEER_PYTHON") or "python3"

local options = { rounds = 2, runs = 3, batch = 32 }
local function usage(problem)
  io.stderr:write("bench: ", problem, "\nusage: scripts/bench [--peer] [--check | --record]",
    " [--json FILE] [--quick] [--only CASE,CASE] [--rounds N]\n")
  os.exit(64)
end
do
  local index = 1
  while arg[index] do
    local word = arg[index]
    if word == "--peer" or word == "--check" or word == "--record" then
      options[word:sub(3)] = true
    elseif word == "--json" and arg[index + 1] then
      index = index + 1
      options.json = arg[index]
    elseif word == "--rounds" then
      index = index + 1
      options.rounds = math.tointeger(tonumber(arg[index] or ""))
      if (options.rounds or 0) < 1 then usage("--rounds takes a number from 1 on") end
    elseif word == "--only" and arg[index + 1] then
      index = index + 1
      options.only = arg[index]
    elseif word == "--quick" then
      options.rounds, options.runs, options.batch, options.quick = 1, 1, 4, true
    else
      usage("'" .. word .. "' is no option, or lacks its value")
    end
    index = index + 1
  end
  if options.check and options.record then usage("--check and --record exclude each other") end
  if options.record and options.quick then usage("quick runs are not recorded") end
  if options.json then
    local file, problem = io.open(options.json, "a")
    if not file then usage(problem) end
    file:close()
  end
  options.peer = options.peer or options.check or options.record
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  local good = pipe:close()
  return good and text or nil
end

local function wall()
  local file <close> = assert(io.open("/proc/uptime"))
  return file:read("n")
end

if options.peer and not output(quoted(python) .. " -c 'import torch, transformers' 2>&1") then
  io.stderr:write("bench: ", python, " has no torch and transformers; KILPI_PEER_PYTHON names",
    " the interpreter of an environment that has them\n")
  os.exit(2)
end

-- What is compared with what. `released` holds Kilpi's step against the form of released attack
-- code; the two _full rows are of 77 tokens, which the peer always computes and Kilpi only where
-- the end token stands last. `mmcoa_attacked`: the peer makes no text attack.
local rows <const> = {
  { name = "image_fwd", parts = 1 }, { name = "text_fwd" },
  { name = "text_fwd_full", peer = "text_fwd" }, { name = "pgd_step", parts = 2 },
  { name = "pgd_step_naive" },
  { name = "released", kilpi = "pgd_step", peer = "pgd_step_naive" },
  { name = "mmcoa_step" }, { name = "mmcoa_step_full", peer = "mmcoa_step" },
  { name = "mmcoa_attacked" },
  { name = "image_fwd_bf16" }, { name = "text_fwd_full_bf16", peer = "text_fwd_bf16" },
  { name = "pgd_step_bf16" }, { name = "pgd_step_naive_bf16" }, { name = "mmcoa_step_bf16" },
  { name = "image_fwd_b16" }, { name = "evaluation" },
  { name = "evaluation_8" },
  { name = "text_attack", peer = false }, { name = "product" }, { name = "load" }, { name = "png" },
  { name = "jpeg" }, { name = "tokenizer", peer = false }, { name = "startup" },
}

local function asked(name)
  local list = options.only and "," .. options.only .. ","
  return not list or list:find("," .. name .. ",", 1, true) ~= nil
end
local function wanted(name)
  -- Ratios are compared with those of a processor of the same speed.
  return asked(name) or name == "product" and (options.check or options.record)
end
for name in (options.only or ""):gmatch("[^,]+") do
  local known = {}
  for index, row in ipairs(rows) do known[index] = row.name end
  local list <const> = table.concat(known, ", ")
  if not (", " .. list .. ", "):find(", " .. name .. ", ", 1, true) then
    usage("there is no case '" .. name .. "'; cases: " .. list)
  end
end

-- Multiplications and additions of ViT-B/32's image encoder, in units of 1e9, an image. Of the last
-- block Kilpi computes keys and values of all tokens, and the rest for the class token alone.
local function image_work()
  local width <const>, tokens <const>, blocks <const> = 768, 50, 12
  local weights = 3 * width * width + width * width + 2 * width * 4 * width
  local attention = 2 * tokens * tokens * width
  local last = tokens * 2 * width * width + (weights - 2 * width * width) + 2 * tokens * width
  return 2 * ((blocks - 1) * (tokens * weights + attention) + last + 49 * 3 * 32 * 32 * width) / 1e9
end

local absent = {}

-- What the cases read: pictures, and images with labels of Fashion-MNIST for the evaluation.
local temporary <const> = os.tmpname()
os.remove(temporary)
assert(os.execute("mkdir " .. quoted(temporary)))
local function clean() os.execute("rm -rf " .. quoted(temporary)) end
local _ <close> = setmetatable({}, { __close = clean })
local pixels <const> = image.resize(tensor.rand({ 3, 32, 32 }, { seed = 3 }), 512)
image.save(temporary .. "/picture.png", pixels)
image.save(temporary .. "/picture.jpg", pixels)
if wanted("load") then
  clip.create("ViT-B-32-quickgelu", { seed = 0 }):save(temporary .. "/checkpoint")
  collectgarbage()
end
local model_folder <const> = folder .. "/../../stdlib/models/kilpi-tiny"
local function write(path, value)
  local file <close> = assert(io.open(path, "w"))
  file:write(json.encode(value, { indent = 1 }), "\n")
end
do
  local found, set = pcall(data.fashion_mnist, { split = "test" })
  if found then
    local part = set:take(options.quick and 8 or 96, { seed = 1 })
    local images, labels
    for x, y in part:batches(#part) do images, labels = x, y end
    local model = clip.load("kilpi-tiny")
    local prompts = model:classifier(set.class_names).prompts
    tensor.save(temporary .. "/evaluation.safetensors", { images = images, labels = labels })
    write(temporary .. "/classes.json", set.class_names)
    write(temporary .. "/evaluation_ids.json", model:tokenize(prompts):to_table())
  else
    io.stderr:write("bench: no Fashion-MNIST here, the evaluation rows are left out\n")
    for index = #rows, 1, -1 do
      if rows[index].name:match("^evaluation") then
        absent[rows[index].name] = true
        table.remove(rows, index)
      end
    end
  end
end

local doctor <const> = json.decode(assert(output(quoted(kilpi) .. " doctor --json")))
local blas <const> = doctor["linear algebra"]
local threads <const> = blas.threads

local function start_up(command)
  local count <const> = options.quick and 2 or 10
  local begun = wall()
  for _ = 1, count do assert(output(command), command) end
  return { seconds = (wall() - begun) / count }
end

local function run(side, case)
  if case == "startup" then
    if side == "kilpi" then return start_up(quoted(kilpi) .. " -e ''") end
    return start_up(quoted(python) .. " -c 'import torch, transformers'")
  end
  local words = { case, options.batch, options.runs, temporary }
  if side == "kilpi" then
    table.move({ kilpi, folder .. "/cases.lua", table.unpack(words) }, 1, 6, 1, words)
  else
    table.move({ python, folder .. "/peer_torch.py", table.unpack(words) }, 1, 6, 1, words)
    words[#words + 1] = threads
    words[#words + 1] = model_folder
  end
  for index, word in ipairs(words) do words[index] = quoted(tostring(word)) end
  local text = output(table.concat(words, " "))
  if not text then
    io.stderr:write("bench: ", side, " could not run ", case, "\n")
    return nil
  end
  return json.decode(text:match("{[^\n]*}%s*$"))
end

-- The best of all rounds; the last peak.
local function better(old, new)
  if not old or not new then return old or new end
  if old.seconds < new.seconds then old, new = new, old end
  new.peak_mb = math.max(new.peak_mb or 0, old.peak_mb or 0)
  return new
end

local found = { kilpi = {}, peer = {} }
for round = 1, options.rounds do
  local done = { kilpi = {}, peer = {} }
  for _, row in ipairs(rows) do
    local sides = { kilpi = row.kilpi or row.name }
    if options.peer and row.peer ~= false then sides.peer = row.peer or row.name end
    for _, side in ipairs { "kilpi", "peer" } do
      local case = sides[side]
      if case and not done[side][case] and wanted(row.name) then
        io.stderr:write(("round %d: %s %s"):format(round, side, case))
        done[side][case] = true
        local result = run(side, case)
        io.stderr:write(result and ("  %.4f s\n"):format(result.seconds) or "\n")
        found[side][case] = better(found[side][case], result)
      end
    end
  end
end
clean()

-- With family and model, since generations of one maker share a name.
local function processor()
  local file <close> = assert(io.open("/proc/cpuinfo"))
  local text <const> = file:read("a")
  local function field(name) return text:match("%f[%a]" .. name .. "%s*:%s*([^\n]+)") end
  local family <const>, model <const> = field("cpu family"), field("model")
  return (field("model name") or "unknown processor")
    .. (family and model and (" (family %s, model %s)"):format(family, model) or "")
end

local peer_version
for _, result in pairs(found.peer) do
  if result.torch then
    peer_version = ("PyTorch %s, transformers %s"):format(result.torch, result.transformers)
  end
end
local peak = found.kilpi.product and 2 * 1600 * 768 * 3072 / found.kilpi.product.seconds / 1e9
local report = {
  machine = processor(), threads = threads, kilpi = doctor.program.kilpi,
  swift = doctor.program.swift, blas = blas.build, core = blas.core, products = blas.products,
  peer = peer_version,
  batch = options.batch, product_gflops = peak, cases = {}, ratios = {}, memory_ratios = {},
}
print(("%s, %d threads, batch %d"):format(report.machine, threads, options.batch))
print(("Kilpi %s (Swift %s), %s"):format(report.kilpi, report.swift, report.blas))
print("products by " .. report.products .. ", BLAS kernels " .. report.core
  .. (peer_version and "; " .. peer_version or ""))
if peak then print(("product 1600 x 768 x 3072: %.0f GFLOP/s"):format(peak)) end

local function number(form, value) return value and form:format(value) or "" end
local line <const> = "%-16s %10s %10s %10s %8s %9s %9s %7s"
print(line:format("case", "Kilpi s", "median", "peer s", "ratio", "Kilpi MB", "peer MB", "share"))
for _, row in ipairs(rows) do
  local ours = found.kilpi[row.kilpi or row.name]
  local theirs = row.peer ~= false and found.peer[row.peer or row.name] or nil
  if ours then
    local ratio = theirs and theirs.seconds / ours.seconds
    local share = row.parts and peak
      and row.parts * options.batch * image_work() / ours.seconds / peak
    print((line:format(row.name, number("%.4f", ours.seconds), number("%.4f", ours.median),
      number("%.4f", theirs and theirs.seconds), number("%.2f", ratio),
      number("%.0f", ours.peak_mb), number("%.0f", theirs and theirs.peak_mb),
      number("%.0f %%", share and share * 100)):gsub("%s+$", "")))
    if ours.accuracy then
      local own, other = {}, {}
      for _, label in ipairs { "clean", "image/pgd", "image/apgd" } do
        own[#own + 1] = ("%s %.1f %%"):format(label, 100 * ours.accuracy[label])
        other[#other + 1] = theirs and ("%.1f %%"):format(100 * theirs.accuracy[label])
      end
      print("  accuracies: " .. table.concat(own, ", ")
        .. (theirs and "; peer " .. table.concat(other, ", ") or ""))
    end
    report.cases[row.name] = { kilpi = ours, peer = theirs, share = share }
    report.ratios[row.name] = ratio
    if theirs and theirs.peak_mb and ours.peak_mb then
      report.memory_ratios[row.name] = ours.peak_mb / theirs.peak_mb
    end
  end
end

if options.json then write(options.json, report) end

-- The committed ratios: one set for each kind of products and BLAS kernels, and for each speed of
-- the processor, since ratios of whole passes follow its product peak.
local path <const> = folder .. "/ratios.json"
local sets = {}
do
  local file <close> = io.open(path)
  if file then sets = json.decode(file:read("a")) end
end
local function fits(set)
  return set.products == report.products and set.core == report.core
    and set.batch == options.batch and set.threads == threads
    and (not peak or not set.product_gflops or math.abs(math.log(peak / set.product_gflops)) < 0.25)
end
local reference
for _, set in ipairs(sets) do
  if fits(set) then reference = set end
end
if options.record then
  if not reference then
    reference = { ratios = {} }
    sets[#sets + 1] = reference
  end
  reference.machine, reference.threads, reference.batch = report.machine, threads, options.batch
  reference.products, reference.core = report.products, report.core
  if asked("product") or not reference.product_gflops then
    reference.product_gflops = peak and math.floor(peak + 0.5) or reference.product_gflops
  end
  reference.peer = peer_version or reference.peer
  for name, ratio in pairs(report.ratios) do -- rows that were not asked for keep theirs
    if asked(name) then reference.ratios[name] = math.floor(ratio * 1000 + 0.5) / 1000 end
  end
  write(path, sets)
  print("recorded in " .. path)
elseif options.check then
  if not reference then
    io.stderr:write("bench: ", path, " has no ratios for products by ", report.products, ", ",
      report.core, " kernels, batch ", options.batch, ", ", threads,
      " threads and this processor's speed (--record)\n")
    os.exit(2)
  end
  local losses, compared = 0, 0
  for name, ratio in pairs(reference.ratios) do
    local now = report.ratios[name]
    if wanted(name) and not absent[name] then compared = compared + 1 end
    if not now and wanted(name) and not absent[name] then
      losses = losses + 1
      print(("loss: %s could not be measured, was %.2f"):format(name, ratio))
    elseif now and now < 0.85 * ratio then
      losses = losses + 1
      print(("loss: %s is %.2f, was %.2f"):format(name, now, ratio))
    end
  end
  print(("check: of %d rows %d lost more than 15 %% or could not be measured"):format(
    compared, losses))
  if losses > 0 then os.exit(1) end
end
