-- R9: calls generated from the binding catalogue over every module, function, method, operator, field and
-- option, with hostile and plausible values, in child processes with a memory cap and a limit for each
-- call. fuzz/ holds the parts; call number i of a seed is always the same.
local fuzz <const> = "scripts/assurance/fuzz"
local sizes <const> = {
  smoke = { calls = 300, chunk = 150, limit = 40, shrunk = 5 },
  quick = { calls = 10000, chunk = 2500, limit = 20, shrunk = 20 },
  full = { calls = 1120000, chunk = 20000, limit = 12, shrunk = 40 },
}
-- Controls: what `fuzz/seeded.lua` does wrong, and the form of the smallest call that shows it.
local seeded <const> = {
  ends = { kind = "ended 139", text = "^return seeded%.ends%(nil, {size = [^,{}]+}%)$" },
  hangs = { kind = "hang", text = "^return seeded%.hangs%(nil, {size = [^,{}]+}%)$" },
  rates = { kind = "nan", text = "^return seeded%.rates%(nil, {size = [^,{}]+}%)$" },
  nowhere = { kind = "place", text = "^return seeded%.nowhere%(nil, {size = [^,{}]+}%)$" },
  judges = { kind = "nan", text = "^return seeded%.judges%(" },
}

-- What catalogue entries of the seeded functions look like.
local function seeded_entries()
  local entries = {}
  local function parameter(name, kind, optional) return { name = name, type = kind, optional = optional } end
  local option <const> = { name = "size", type = "number", form = "number", low = 0, high = 9, required = false }
  for name in pairs(seeded) do
    local first = name == "judges" and parameter("classifier", "classifier|function", false)
      or parameter("images", "tensor", false)
    local second = name == "judges" and parameter("images", "tensor", false) or parameter("options", "", true)
    entries[#entries + 1] = { name = name, parameters = { first, second },
      options = name == "judges" and {} or { option }, plausible = name == "judges" }
  end
  table.sort(entries, function(a, b) return a.name < b.name end)
  return entries
end

return function(request, shell, store)
  local q <const> = shell.quoted
  local size <const> = sizes[request.size]
  local kilpi = shell.kilpi()
  if request.size == "full" then
    local line <const> = "swift build -c release --product kilpi"
    io.stderr:write("+ ", line, "\n")
    if not shell.run(shell.long(line .. " >&2", 3600)) then return nil, "the release build fails" end
    kilpi = shell.output("swift build -c release --show-bin-path") .. "/kilpi"
  end
  kilpi = shell.output("realpath " .. q(kilpi))
  local folder <const> = shell.output("mktemp -d")
  local root <const> = shell.output("pwd")

  local function library(name, more)
    local lib = folder .. "/" .. name
    shell.run(("mkdir -p %s && cp %s/* %s"):format(q(lib), fuzz, q(lib)))
    local catalogue = json.decode(shell.output(q(kilpi) .. " catalogue"))
    catalogue.seeded = more
    shell.write(lib .. "/catalogue.json", json.encode(catalogue))
    return lib, catalogue
  end
  local lib <const>, catalogue <const> = library("lib")

  local function slot(name)
    local path <const> = folder .. "/" .. name
    shell.run(("rm -rf %s && mkdir -p %s/work %s/log && cd %s/work && cp -r %s/Tests/Fixtures/bert-tiny mlm "
      .. "&& %s --no-rc -E %s/prepare.lua"):format(q(path), q(path), q(path), q(path), q(root), q(kilpi), q(lib)))
    return path
  end

  local function generator(of)
    arg.fuzz = fuzz
    local tree = dofile(fuzz .. "/tree.lua")
    local values = dofile(fuzz .. "/values.lua")
    local scenes = dofile(fuzz .. "/scenes.lua")(tree, values, of)
    return dofile(fuzz .. "/calls.lua")(tree, values, scenes, of), tree
  end
  local calls <const>, tree <const> = generator(catalogue)

  -- A call in a child of its own: the kind of its finding, "none", or "long"; and its words.
  local function tried(path, with, name, text, bad, seconds, how)
    shell.write(path .. "/line.json", json.encode{ name = name, text = text, bad = bad })
    os.remove(path .. "/log/found")
    shell.run(("cp %s/line.json %s/log/line.json"):format(q(path), q(path)))
    local guard = how == "open" and "" or ("--sandbox --allow %s/work --allow %s/log --allow %s"):format(
      q(path), q(path), q(with))
    local status = tonumber(shell.output(("cd %s/work; ulimit -v 4000000; ulimit -c 0; timeout --foreground -s INT -k %s %s %s "
      .. "--no-rc -E --memory 300M --threads 1 %s %s/worker.lua line %s/log %s/log/line.json > /dev/null "
      .. "2> %s/err < /dev/null; echo $?"):format(q(path), seconds, seconds, q(kilpi), guard, q(with), q(path),
      q(path), q(path))))
    local words = (shell.read(path .. "/err") or ""):gsub("%s+", " "):sub(-300)
    if status == 124 then return "long", words end
    if status == 137 then return "hang", words end
    if status ~= 0 then return "ended " .. status, words end
    local line = shell.read(path .. "/log/found")
    local found = line and line ~= "" and json.decode(line) or { kind = "none", message = "" }
    return found.kind, found.message
  end

  -- The smallest chunk, by single steps, that still shows the same kind of finding.
  local function shrunk(path, with, name, chunk, kind, seconds, how)
    local function shows(candidate)
      return tried(path, with, name, tree.text(candidate), tree.is_bad(candidate), seconds, how) == kind
    end
    if not shows(chunk) then return nil end
    local left = kind == "hang" and 40 or 200
    local again = true
    while again and left > 0 do
      again = false
      for _, candidate in ipairs(tree.smaller(chunk)) do
        left = left - 1
        if left <= 0 then break end
        if kind ~= "nan" or tree.is_bad(candidate) == tree.is_bad(chunk) then
          if shows(candidate) then
            chunk, again = candidate, true
            break
          end
        end
      end
    end
    return chunk
  end

  if request.replay then
    local path <const> = slot("replay")
    local number <const> = math.tointeger(tonumber(request.replay))
    local name, text, bad, chunk = "attack.replay", request.replay, false, nil
    if number then
      name, chunk = calls.make(request.seed, number)
      text, bad = tree.text(chunk), tree.is_bad(chunk)
    elseif not load(text) then
      text = "return " .. text
    end
    print(text)
    local kind, words = tried(path, lib, name, text, bad, 10)
    print("-> " .. kind .. ": " .. words)
    local smaller = chunk and kind ~= "none" and kind ~= "long"
      and shrunk(path, lib, name, chunk, kind, 10)
    if smaller then print("smaller: " .. tree.text(smaller)) end
    shell.run("rm -rf " .. q(folder))
    return { samples = 1, counts = {}, violations = {}, violation_count = kind == "none" and 0 or 1, skips = {},
      controls = { { id = "replay", caught = true } } }
  end

  local outcome = { samples = 0, violations = {}, violation_count = 0, skips = {}, controls = {}, notes = {},
    counts = { ended = 0, hangs = 0, silent = 0, nowhere = 0, memory = 0, long = 0, errors = 0 } }
  local seen = { targets = {}, options = {}, findings = {}, done = 0 }
  local state <const> = ("%s/lua-fuzz-%s-%d-%s.json"):format(store, request.size, request.seed, shell.sources())
  local kept = shell.read(state)
  if kept and request.size == "full" then
    kept = json.decode(kept)
    seen, outcome.counts, outcome.samples = kept.seen, kept.counts, kept.samples
  end
  local counts <const> = outcome.counts

  -- Adds what a slot left; one finding of a kind and target is kept, all are counted.
  local function gather(path, seed)
    for name in shell.output("ls " .. q(path .. "/log")):gmatch("counts%-%d+") do
      local part = json.decode(shell.read(path .. "/log/" .. name))
      for target, numbers in pairs(part.targets) do
        local sum = seen.targets[target] or { calls = 0, seconds = 0 }
        sum.calls, sum.seconds = sum.calls + numbers.calls, sum.seconds + numbers.seconds
        seen.targets[target] = sum
      end
      for option, count in pairs(part.options) do seen.options[option] = (seen.options[option] or 0) + count end
      outcome.samples = outcome.samples + part.outcome.calls
      counts.errors = counts.errors + part.outcome.errors
    end
    local function add(kind, index, message)
      local name <const> = seed and calls.make(seed, index) or "?"
      local key <const> = kind .. " " .. name
      local finding = seen.findings[key]
      if finding then
        finding.count = finding.count + 1
      else
        seen.findings[key] = { kind = kind, index = index, name = name, message = message, count = 1 }
      end
    end
    for line in (shell.read(path .. "/log/ends") or ""):gmatch("[^\n]+") do
      local status, index, why, words = line:match("^(%d+)\t(%d+)\t(%a+)\t(.*)$")
      index = tonumber(index)
      if why == "hang" then counts.hangs = counts.hangs + 1
      elseif why == "memory" then counts.memory = counts.memory + 1
      elseif why == "long" then counts.long = counts.long + 1
      else
        counts.ended = counts.ended + 1
        why = "ended " .. status
      end
      outcome.samples = outcome.samples + 1
      if why ~= "long" then add(why, index, words) end
    end
    for line in (shell.read(path .. "/log/found") or ""):gmatch("[^\n]+") do
      local found = json.decode(line)
      local name = found.kind == "nan" and "silent" or "nowhere"
      counts[name] = counts[name] + 1
      add(found.kind, found.index, found.message)
    end
  end

  local slots <const> = math.max(1, math.min(8, tonumber(shell.output("nproc"))))
  local clock <const> = os.time()
  while seen.done < size.calls do
    if request.limit and os.time() - clock > request.limit then
      shell.run("rm -rf " .. q(folder))
      return nil, ("time is up after %d of %d calls; the next run goes on"):format(seen.done, size.calls)
    end
    local pipes, paths = {}, {}
    for number = 1, slots do
      local from = seen.done + (number - 1) * size.chunk
      if from >= size.calls then break end
      -- Each fourth chunk runs without the sandbox, and leaves out what names files.
      local how = (from // size.chunk) % 4 == 3 and "open" or "sandbox"
      paths[number] = slot("slot" .. number)
      pipes[number] = io.popen(("bash %s/slot.sh %s %s %s %d %d %d %d %s %d 2>&1"):format(q(lib), q(kilpi), q(lib),
        q(paths[number]), request.seed, from, math.min(from + size.chunk, size.calls), size.limit, how,
        number == 1 and 2 or 1))
    end
    for number, pipe in ipairs(pipes) do
      pipe:read("a")
      pipe:close()
      gather(paths[number], request.seed)
    end
    seen.done = math.min(size.calls, seen.done + slots * size.chunk)
    shell.write(state, json.encode{ seen = seen, counts = counts, samples = outcome.samples })
    io.stderr:write(("\r+ lua-fuzz, %d of %d calls, %d kinds of findings "):format(
      seen.done, size.calls, (function() local n = 0 for _ in pairs(seen.findings) do n = n + 1 end return n end)()))
  end
  io.stderr:write("\n")
  local seconds <const> = os.time() - clock

  -- What was covered.
  local function missing(all, used)
    local names = {}
    for _, name in ipairs(all) do
      if not used[name] then names[#names + 1] = name end
    end
    return names
  end
  local no_target <const>, no_option <const> = missing(calls.targets, seen.targets), missing(calls.options, seen.options)
  counts.targets, counts.called = #calls.targets, #calls.targets - #no_target
  counts.options, counts.given = #calls.options, #calls.options - #no_option
  counts.per_second = seconds > 0 and size.calls // seconds or size.calls

  -- The findings, made smaller, worst kinds first.
  local list <const> = {}
  for _, finding in pairs(seen.findings) do list[#list + 1] = finding end
  table.sort(list, function(a, b)
    return a.kind .. a.name < b.kind .. b.name
  end)
  local path <const> = slot("shrink")
  for number, finding in ipairs(list) do
    local name, chunk = calls.make(request.seed, finding.index)
    local smaller = number <= size.shrunk and finding.kind ~= "memory"
      and shrunk(path, lib, name, chunk, finding.kind, finding.kind == "hang" and 3 or 10)
    outcome.violations[#outcome.violations + 1] = ("%s, %d times: %s  [--seed %d --replay %d]%s %s"):format(
      finding.kind, finding.count, tree.text(smaller or chunk), request.seed, finding.index,
      smaller == nil and " (not alone)" or "", finding.message:sub(1, 200))
  end
  outcome.violation_count = counts.ended + counts.hangs + counts.silent + counts.nowhere + counts.memory

  -- Controls: seeded functions among nothing else.
  local seeded_lib <const>, seeded_catalogue <const> = library("seeded", seeded_entries())
  local seeded_calls <const> = generator(seeded_catalogue)
  local control <const> = slot("control")
  shell.output(("bash %s/slot.sh %s %s %s %d 1 200 4 open 1 2 2>&1"):format(q(seeded_lib), q(kilpi),
    q(seeded_lib), q(control), request.seed))
  local shown = {}
  for line in (shell.read(control .. "/log/ends") or ""):gmatch("[^\n]+") do
    local status, index, why = line:match("^(%d+)\t(%d+)\t(%a+)")
    local name = seeded_calls.make(request.seed, tonumber(index))
    local key = name .. " " .. (why == "ended" and "ended " .. status or why)
    shown[key] = shown[key] or tonumber(index)
  end
  for line in (shell.read(control .. "/log/found") or ""):gmatch("[^\n]+") do
    local found = json.decode(line)
    local key = found.name .. " " .. found.kind
    shown[key] = shown[key] or found.index
  end
  for name, wanted in pairs(seeded) do
    local index, caught = shown["seeded." .. name .. " " .. wanted.kind], false
    if index then
      local full_name, chunk = seeded_calls.make(request.seed, index)
      local smaller = shrunk(path, seeded_lib, full_name, chunk, wanted.kind, wanted.kind == "hang" and 0.5 or 10, "open")
      caught = smaller and tree.text(smaller):find(wanted.text) ~= nil
      if smaller and not caught then io.stderr:write("seeded: ", tree.text(smaller), "\n") end
    end
    outcome.controls[#outcome.controls + 1] = { id = "seeded." .. name, caught = caught == true }
  end
  table.sort(outcome.controls, function(a, b) return a.id < b.id end)

  -- Where the time went, for whoever weighs the calls.
  local slow <const> = {}
  for name, numbers in pairs(seen.targets) do slow[#slow + 1] = { name, numbers.seconds, numbers.calls } end
  table.sort(slow, function(a, b) return a[2] > b[2] end)
  local texts = {}
  for index = 1, math.min(5, #slow) do
    texts[index] = ("%s %.1f s in %d"):format(slow[index][1], slow[index][2], slow[index][3])
  end
  outcome.notes[1] = "most time: " .. table.concat(texts, ", ")
  if #no_target > 0 then outcome.notes[2] = "never called: " .. table.concat(no_target, ", "):sub(1, 400) end
  if #no_option > 0 then
    outcome.notes[#outcome.notes + 1] = #no_option .. " options never given: "
      .. table.concat(no_option, ", "):sub(1, 400)
  end
  shell.run("rm -rf " .. q(folder))
  return outcome
end
