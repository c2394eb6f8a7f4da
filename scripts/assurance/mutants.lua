-- R19: defects put back one at a time into a copy of the tree; a test must fail each time. The
-- catalogue stands in mutants_catalogue.lua; further mutants of the attack sources are made by
-- rules and drawn with the seed. Results are kept for the same sources, so that a run that was cut
-- short goes on.
local catalogue <const> = dofile("scripts/assurance/mutants_catalogue.lua")
local equivalents <const> = dofile("scripts/assurance/mutants_equivalent.lua")

-- A line with one place changed; rules give every such line.
local flips <const> = { ["<"] = ">=", [">"] = "<=", ["<="] = ">", [">="] = "<" }
local swaps <const> = { min = "max", max = "min" }

local quick_suites <const> = "BudgetTests|OracleTests|AttackErrorTests|AutoGradientTests"

-- The second argument of a call's text "(a, b)"; nil when there are not two.
local function second_argument(call)
  local depth = 0
  for at = 2, #call - 1 do
    local char = call:sub(at, at)
    if char:find("[%(%[{]") then depth = depth + 1 end
    if char:find("[%)%]}]") then depth = depth - 1 end
    if char == "," and depth == 0 then
      local rest = call:sub(at + 1, -2):match("^%s*(.-)%s*$")
      return not rest:find(":", 1, true) and rest or nil
    end
  end
end

local rules <const> = {
  { name = "drop a clamp", make = function(line, add)
    for first, last in line:gmatch("()%.m[ai][nx]imum%b()()") do
      add(line:sub(1, first - 1) .. line:sub(last))
    end
    for first, last in line:gmatch("()%.clamped%b()()") do
      add(line:sub(1, first - 1) .. line:sub(last))
    end
    for first, call, last in line:gmatch("()%f[%w]m[ai][nx](%b())()") do
      local rest = second_argument(call)
      if rest then add(line:sub(1, first - 1) .. "(" .. rest .. ")" .. line:sub(last)) end
    end
  end },
  { name = "flip a comparison", make = function(line, add)
    for first, sign, last in line:gmatch("() ([<>]=?) ()") do
      add(line:sub(1, first) .. flips[sign] .. line:sub(last - 1))
    end
  end },
  { name = "swap min and max", make = function(line, add)
    for first, word, last in line:gmatch("()%f[%w](m[ai][nx])()%(") do
      if swaps[word] then add(line:sub(1, first - 1) .. swaps[word] .. line:sub(last)) end
    end
  end },
  { name = "one step less", make = function(line, add)
    for first, bound, last in line:gmatch("0%.%.<()([%w%.]*[Ss]teps)()") do
      add(line:sub(1, first - 1) .. "max(" .. bound .. " - 1, 0)" .. line:sub(last))
    end
  end },
  { name = "omit a zeroing", make = function(line, add)
    if line:find("^%s+[%w%.%[%]]+ = 0$") or line:find("= 0 }$") and line:find("^%s+for ") then
      add("")
    end
  end },
}

-- Lines whose change would alter messages, checks of parameters or progress alone.
local boring <const> = {
  "^%s*//", "KilpiError", "advice", '"', "import ", "progress", "steps_?Done", "stepsPlanned",
  "description", "firstIndex", "plannedVisits", "overflow", "ParameterCheck", "guard let", "%->",
}

local function is_boring(line)
  for _, pattern in ipairs(boring) do
    if line:find(pattern) then return true end
  end
end

local function generated(shell)
  local list = {}
  local folder <const> = "Sources/Study/Attacks/"
  local files = shell.output(("ls %sImage/*.swift %sThreat/*.swift"):format(folder, folder))
  for file in files:gmatch("[^\n]+") do
    local number = 0
    for line in (shell.read(file) .. "\n"):gmatch("(.-)\n") do
      number = number + 1
      if not is_boring(line) then
        for _, rule in ipairs(rules) do
          local count = 0
          rule.make(line, function(changed)
            count = count + 1
            list[#list + 1] = {
              id = ("%s:%d %s%s"):format(file:match("[^/]+$"), number, rule.name,
                count > 1 and " " .. count or ""),
              file = file, line = number, about = line:match("^%s*(.-)%s*$"), new = changed,
            }
          end)
        end
      end
    end
  end
  return list
end

-- Why no test can tell a generated mutant from the program; nil where one should.
local function equivalence(mutant)
  local new = mutant.line and mutant.new:match("^%s*(.-)%s*$")
  for _, known in ipairs(equivalents) do
    if mutant.about == known.old and new == known.new then return known.why end
  end
end

-- The file with the mutant in it; nil and the reason when it does not apply.
local function mutated(mutant, source)
  if mutant.line then
    local lines = {}
    for line in (source .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = line end
    lines[mutant.line] = mutant.new
    return table.concat(lines, "\n")
  end
  local first, last = source:find(mutant.old, 1, true)
  if not first then return nil, "its text is not in " .. mutant.file end
  if source:find(mutant.old, last + 1, true) then
    return nil, "its text stands twice in " .. mutant.file
  end
  return source:sub(1, first - 1) .. mutant.new .. source:sub(last + 1)
end

-- A copy of the tree whose package holds one test target and what it needs.
local function prepare(tests, shell, store)
  local folder = store .. "/mutants/" .. tests
  shell.run("mkdir -p " .. folder)
  shell.run(("git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - "
    .. "--ignore-failed-read 2>/dev/null | tar -xf - -C %s"):format(folder))
  local dump = json.decode(shell.output("swift package dump-package"))
  local byname, kept = {}, { TestSupport = true }
  for _, target in ipairs(dump.targets) do byname[target.name] = target end
  local function keep(name)
    if kept[name] and name ~= "TestSupport" or not byname[name] then return end
    kept[name] = true
    for _, dependency in ipairs(byname[name].dependencies) do
      for _, description in pairs(dependency) do
        if description[1] ~= "TestSupport" then keep(description[1]) end
      end
    end
  end
  keep("TestSupport")
  keep(tests)
  local names = {}
  for name in pairs(kept) do names[#names + 1] = '"' .. name .. '"' end
  table.sort(names)
  local manifest = shell.read("Package.swift")
  local changed, count = manifest:gsub("targets: (system[%w +]+),", function(all)
    return "targets: (" .. all .. ").filter {\n    [" .. table.concat(names, ", ")
      .. "].contains($0.name)\n  },"
  end)
  changed = changed:gsub("products: %b[]", "products: []")
    :gsub("dependencies: %[\n    %.package.-\n  %]", "dependencies: []")
  if count ~= 1 then return nil, "Package.swift lists its targets otherwise" end
  if shell.read(folder .. "/Package.swift") ~= changed then
    shell.write(folder .. "/Package.swift", changed)
  end
  return folder
end

return function(request, shell, store)
  local outcome = { samples = 0, violations = {}, violation_count = 0, skips = {}, notes = {},
    controls = {},
    counts = { caught = 0, hung = 0, survived = 0, equivalent = 0, catalogue = 0,
      invalid = 0, unapplied = 0 } }
  local counts = outcome.counts
  local function fail(text)
    outcome.violations[#outcome.violations + 1] = text
    outcome.violation_count = outcome.violation_count + 1
  end
  -- Which ones: those asked for, or the catalogue and some of the generated.
  local chosen, asked = {}, nil
  if request.only then
    asked = {}
    for id in request.only:gmatch("[^,]+") do asked[id] = true end
  end
  local others = generated(shell)
  math.randomseed(request.seed, 19)
  for index = #others, 2, -1 do
    local other = math.random(index)
    others[index], others[other] = others[other], others[index]
  end
  if asked then
    for _, list in ipairs{ catalogue, others } do
      for _, mutant in ipairs(list) do
        local tests = mutant.tests or "AttacksTests"
        if asked[mutant.id] or asked[tests] and list == catalogue then
          chosen[#chosen + 1] = mutant
        end
      end
    end
    local wanted = math.tointeger(tonumber(request.only:match("generic=(%d+)") or 0))
    for index = 1, math.min(wanted, #others) do
      chosen[#chosen + 1] = others[index]
    end
  else
    local quick = request.size == "quick"
    for index, mutant in ipairs(catalogue) do
      if not quick or not mutant.tests and index % 10 == 2 then
        chosen[#chosen + 1] = mutant
      end
    end
    for index = 1, math.min(quick and 2 or 60, #others) do
      chosen[#chosen + 1] = others[index]
    end
  end
  -- A comment that is changed is no defect: it must survive, or the tests fail by themselves.
  table.insert(chosen, 1, {
    id = "control", file = "Sources/Study/Attacks/Threat/Ball.swift", old = "// MARK: Projection",
    new = "// MARK: Projections", about = "a comment",
  })
  local kept = store .. "/mutants/results-" .. shell.sources() .. ".jsonl"
  shell.run("mkdir -p " .. store .. "/mutants")
  local known = {}
  for line in (shell.read(kept) or ""):gmatch("[^\n]+") do
    local one = json.decode(line)
    known[one.key] = one.verdict
  end
  local folders = {}
  local function verdict_of(mutant)
    local tests = mutant.tests or "AttacksTests"
    local source = shell.read(mutant.file)
    if not source then return "unapplied", "there is no " .. mutant.file end
    local changed, reason = mutated(mutant, source)
    if not changed then return "unapplied", reason end
    local key = table.concat({ tests, mutant.id, mutant.old or mutant.about, mutant.new }, "|")
    if known[key] then return known[key] end
    if not folders[tests] then
      local folder, problem = prepare(tests, shell, store)
      if not folder then return nil, problem end
      folders[tests] = folder
      local line = ("cd %s && swift build --build-tests > build.log 2>&1"):format(folder)
      for _ = 1, 8 do
        if shell.run(shell.long(line, 230)) then break end
      end
    end
    local folder = folders[tests]
    shell.write(folder .. "/" .. mutant.file, changed)
    local function tests_line(filter, log)
      -- What runs several times as long as all tests do hangs, unless the machine is overloaded.
      return ("timeout -s KILL 900 swift test --skip-build --disable-xctest --filter %s > %s.log "
        .. "2>&1 || { test $? = 137 && exit 7; exit 8; }; "):format(shell.quoted(filter), log)
    end
    local line = ("cd %s && timeout -s KILL 600 swift build --build-tests > build.log 2>&1 "
      .. "|| exit 9; "):format(folder)
    -- Suites that are quick and notice most come first; the rest is asked when they say nothing.
    if tests == "AttacksTests" then line = line .. tests_line(quick_suites, "first") end
    line = line .. tests_line(tests, "test")
    local _, _, code = os.execute(shell.long(line, 2500))
    local verdicts <const> = { [0] = "survived", [7] = "hung", [8] = "caught" }
    local verdict = verdicts[code] or "invalid"
    shell.write(folder .. "/" .. mutant.file, source)
    local file <close> = assert(io.open(kept, "a"))
    file:write(json.encode{ key = key, verdict = verdict }, "\n")
    known[key] = verdict
    return verdict
  end
  local start = os.time()
  for index, mutant in ipairs(chosen) do
    if request.limit and os.time() - start > request.limit then
      return nil, ("time is up after %d of %d; the next run goes on"):format(index - 1, #chosen)
    end
    local verdict, reason = verdict_of(mutant)
    if not verdict then return nil, reason end
    local why = verdict == "survived" and equivalence(mutant)
    if why then
      verdict = "equivalent"
      table.insert(outcome.notes, "equivalent: " .. mutant.id .. ": " .. why)
    end
    io.stderr:write(("+ mutants, %d of %d: %s %s\n"):format(index, #chosen, mutant.id, verdict))
    if mutant.id == "control" then
      outcome.controls[1] = { id = "a changed comment survives", caught = verdict == "survived" }
    else
      outcome.samples = outcome.samples + 1
      counts[verdict] = counts[verdict] + 1
      if not mutant.line then counts.catalogue = counts.catalogue + 1 end
      if verdict == "survived" then fail("survived: " .. mutant.id .. ": " .. mutant.about) end
      if verdict == "unapplied" then fail("does not apply: " .. mutant.id .. ": " .. reason) end
      if verdict == "invalid" and not mutant.line then fail("does not build: " .. mutant.id) end
    end
  end
  return outcome
end
