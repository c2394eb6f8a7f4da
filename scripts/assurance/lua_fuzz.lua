-- R9: calls generated from the binding catalogue over every module, function, method, operator,
-- field and option, with hostile and plausible values, in child processes with a memory cap and a
-- limit for each call. fuzz/ holds the parts; call number i of a seed is always the same.
local fuzz <const> = "scripts/assurance/fuzz"
-- Calls, calls a process, quarters of a second a call, findings that are made smaller.
local sizes <const> = {
  smoke = { calls = 300, chunk = 150, limit = 40, shrunk = 5 },
  quick = { calls = 10000, chunk = 2500, limit = 20, shrunk = 20 },
  full = { calls = 1120000, chunk = 20000, limit = 12, shrunk = 40 },
}
local tree <const> = dofile(fuzz .. "/tree.lua")
local values <const> = dofile(fuzz .. "/values.lua")(tree)

local function generator(catalogue)
  local scenes = dofile(fuzz .. "/scenes.lua")(tree, values, catalogue)
  return dofile(fuzz .. "/calls.lua")(tree, values, scenes, catalogue)
end

-- Full size takes the optimised program.
local function executable(request, shell)
  local kilpi = shell.kilpi()
  if request.size == "full" then
    local line <const> = "swift build -c release --product kilpi"
    io.stderr:write("+ ", line, "\n")
    if not shell.run(shell.long(line .. " >&2", 3600)) then return nil end
    kilpi = shell.output("swift build -c release --show-bin-path") .. "/kilpi"
  end
  return shell.output("realpath " .. shell.quoted(kilpi))
end

-- What a run has found so far. `seen` goes from one run to the next.
local function new_results()
  return {
    seen = { targets = {}, options = {}, findings = {}, done = 0 }, samples = 0,
    counts = { ended = 0, hangs = 0, silent = 0, nowhere = 0, memory = 0, long = 0, errors = 0,
      seconds = 0 },
  }
end

-- Adds what a slot left; one finding of a kind and target is kept, all are counted.
local function gather(results, shell, calls, path, seed)
  local seen <const>, counts <const> = results.seen, results.counts
  for name in shell.output("ls " .. shell.quoted(path .. "/log")):gmatch("counts%-%d+") do
    local part = json.decode(shell.read(path .. "/log/" .. name))
    for target, numbers in pairs(part.targets) do
      local sum = seen.targets[target] or { calls = 0, seconds = 0 }
      sum.calls, sum.seconds = sum.calls + numbers.calls, sum.seconds + numbers.seconds
      seen.targets[target] = sum
    end
    for option, count in pairs(part.options) do
      seen.options[option] = (seen.options[option] or 0) + count
    end
    results.samples = results.samples + part.outcome.calls
    counts.errors = counts.errors + part.outcome.errors
  end
  local function add(kind, index, message)
    local key <const> = kind .. " " .. (calls.make(seed, index))
    local finding = seen.findings[key]
      or { kind = kind, index = index, message = message, count = 0 }
    finding.count = finding.count + 1
    seen.findings[key] = finding
  end
  local columns <const> = { hang = "hangs", memory = "memory", long = "long" }
  for line in (shell.read(path .. "/log/ends") or ""):gmatch("[^\n]+") do
    local status, index, why, words = line:match("^(%d+)\t(%d+)\t(%a+)\t(.*)$")
    local column = columns[why] or "ended"
    counts[column] = counts[column] + 1
    results.samples = results.samples + 1
    if why == "ended" then why = "ended " .. status end
    if why ~= "long" then add(why, tonumber(index), words) end
  end
  for line in (shell.read(path .. "/log/found") or ""):gmatch("[^\n]+") do
    local found = json.decode(line)
    local column = found.kind == "nan" and "silent" or "nowhere"
    counts[column] = counts[column] + 1
    add(found.kind, found.index, found.message)
  end
end

-- Names of `all` that are no key of `used`.
local function missing(all, used)
  local names = {}
  for _, name in ipairs(all) do
    if not used[name] then names[#names + 1] = name end
  end
  return names
end

-- Where the time went and what was not reached, for whoever weighs the calls.
local function notes(results, no_target, no_option)
  local slow = {}
  for name, numbers in pairs(results.seen.targets) do
    slow[#slow + 1] = { name, numbers.seconds, numbers.calls }
  end
  table.sort(slow, function(a, b) return a[2] > b[2] end)
  local texts = {}
  for index = 1, math.min(5, #slow) do
    texts[index] = ("%s %.1f s in %d"):format(table.unpack(slow[index]))
  end
  local lines = { "most time: " .. table.concat(texts, ", ") }
  local function add(what, names)
    if #names == 0 then return end
    lines[#lines + 1] = ("%d %s: %s"):format(#names, what, table.concat(names, ", "):sub(1, 300))
  end
  add("targets never called", no_target)
  add("options never given", no_option)
  return lines
end

-- Runs one call again: its number, or its text.
local function replay(request, children, calls, where)
  local number <const> = math.tointeger(tonumber(request.replay))
  local call, chunk = { name = "attack.replay", text = request.replay, bad = false }, nil
  if number then
    call.name, chunk = calls.make(request.seed, number)
    call.text, call.bad = tree.text(chunk), tree.is_bad(chunk)
  elseif not load(call.text) then
    call.text = "return " .. call.text
  end
  local kind, words = children.tried(call, where, 10)
  print(call.text .. "\n-> " .. kind .. ": " .. words)
  local smaller = chunk and kind ~= "none" and children.shrunk(call.name, chunk, kind, where, 10)
  if smaller then print("smaller: " .. tree.text(smaller)) end
  return { samples = 1, counts = {}, violations = {}, violation_count = kind == "none" and 0 or 1,
    skips = {}, controls = { { id = "replay", caught = true } } }
end

return function(request, shell, store)
  local q <const> = shell.quoted
  local size <const> = sizes[request.size]
  local kilpi <const> = executable(request, shell)
  if not kilpi then return nil, "the release build fails" end
  local folder <const> = shell.output("mktemp -d")
  local function ended(...)
    shell.run("rm -rf " .. q(folder))
    return ...
  end

  -- A copy of the parts with a catalogue, which the sandbox may read.
  local function library(name, seeded)
    local lib = folder .. "/" .. name
    shell.run(("mkdir -p %s && cp %s/* %s"):format(q(lib), fuzz, q(lib)))
    local catalogue = json.decode(shell.output(q(kilpi) .. " catalogue"))
    catalogue.seeded = seeded
    shell.write(lib .. "/catalogue.json", json.encode(catalogue))
    return lib, catalogue
  end
  local lib <const>, catalogue <const> = library("lib")
  local calls <const> = generator(catalogue)
  local children <const> = dofile(fuzz .. "/children.lua")(shell, tree, kilpi, folder)
  if request.replay then
    local where = { slot = children.slot("replay", lib), lib = lib }
    return ended(replay(request, children, calls, where))
  end

  local state <const> = ("%s/lua-fuzz-%s-%d-%s.json"):format(
    store, request.size, request.seed, shell.sources())
  local kept <const> = request.size == "full" and shell.read(state)
  local results <const> = kept and json.decode(kept) or new_results()
  local seen <const>, counts <const> = results.seen, results.counts
  local slots <const> = math.max(1, math.min(8, tonumber(shell.output("nproc"))))
  local begin <const> = os.time()
  while seen.done < size.calls do
    if request.limit and os.time() - begin > request.limit then
      return ended(nil, ("time is up after %d of %d calls; the next run goes on"):format(
        seen.done, size.calls))
    end
    local clock <const> = os.time()
    local pipes, paths = {}, {}
    for number = 1, slots do
      local from = seen.done + (number - 1) * size.chunk
      if from >= size.calls then break end
      -- Each fourth chunk runs without the sandbox, and leaves out what names files.
      local how = (from // size.chunk) % 4 == 3 and "open" or "sandbox"
      paths[number] = children.slot("slot" .. number, lib)
      pipes[number] = io.popen(("bash %s/slot.sh %s %s %s %d %d %d %d %s %d 2>&1"):format(q(lib),
        q(kilpi), q(lib), q(paths[number]), request.seed, from,
        math.min(from + size.chunk, size.calls), size.limit, how, number == 1 and 2 or 1))
    end
    for number, pipe in ipairs(pipes) do
      pipe:read("a")
      pipe:close()
      gather(results, shell, calls, paths[number], request.seed)
    end
    seen.done = math.min(size.calls, seen.done + slots * size.chunk)
    counts.seconds = counts.seconds + os.time() - clock
    shell.write(state, json.encode(results))
    io.stderr:write(("\r+ lua-fuzz, %d of %d calls"):format(seen.done, size.calls))
  end
  io.stderr:write("\n")

  local no_target <const> = missing(calls.targets, seen.targets)
  local no_option <const> = missing(calls.options, seen.options)
  counts.targets, counts.called = #calls.targets, #calls.targets - #no_target
  counts.options, counts.given = #calls.options, #calls.options - #no_option

  local list <const> = {}
  for _, finding in pairs(seen.findings) do list[#list + 1] = finding end
  table.sort(list, function(a, b)
    return a.kind < b.kind or a.kind == b.kind and a.index < b.index
  end)
  local where <const> = { slot = children.slot("shrink", lib), lib = lib }
  local violations = {}
  for number, finding in ipairs(list) do
    local name, chunk = calls.make(request.seed, finding.index)
    local smaller = number <= size.shrunk and finding.kind ~= "memory"
      and children.shrunk(name, chunk, finding.kind, where, finding.kind == "hang" and 3 or 10)
    violations[number] = ("%s, %d times: %s  [--seed %d --replay %d%s] %s"):format(finding.kind,
      finding.count, tree.text(smaller or chunk), request.seed, finding.index,
      smaller == nil and ", not alone" or "", finding.message:sub(1, 200))
  end
  local controls = {}
  dofile(fuzz .. "/controls.lua")(
    shell, tree, children, kilpi, library, generator, request.seed, controls)
  return ended({
    samples = results.samples, counts = counts, violations = violations, skips = {},
    violation_count = counts.ended + counts.hangs + counts.silent + counts.nowhere + counts.memory,
    controls = controls, notes = notes(results, no_target, no_option),
  })
end
