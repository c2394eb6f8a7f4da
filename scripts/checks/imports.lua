-- Compares every `import` line with the target's declared dependencies; run by scripts/lint.
--   kilpi scripts/checks/imports.lua PACKAGE.json        (swift package dump-package)
-- The compiler lets through a module that another dependency reaches; this does not.
local package = json.decode(assert(io.open(arg[1])):read("a"))

-- `import struct Module.Name` names a declaration first.
local declarations <const> = { struct = true, class = true, enum = true, func = true, var = true }

-- Brought by the toolchain.
local system <const> = {
  Swift = true, Foundation = true, Glibc = true, Synchronization = true, Testing = true,
}

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  pipe:close()
  return text:gmatch("[^\n]+")
end

local function declared(target)
  local names = {}
  for _, dependency in ipairs(target.dependencies) do
    -- {"byName": [name, condition]}, {"target": [...]} or {"product": [name, package, ...]}
    for _, description in pairs(dependency) do names[description[1]] = true end
  end
  return names
end

local function folder(target)
  if type(target.path) == "string" then return target.path end
  return (target.type == "test" and "Tests/" or "Sources/") .. target.name
end

local problems, files = 0, 0
local function complain(text)
  problems = problems + 1
  io.stderr:write(text, "\n")
end

for _, target in ipairs(package.targets) do
  local names = declared(target)
  for path in lines_of("find '" .. folder(target) .. "' -name '*.swift' 2>/dev/null") do
    files = files + 1
    local number = 0
    for line in io.lines(path) do
      number = number + 1
      local before, module = line:match("^%s*([%a@_() ]-)import%s+([%w_]+)")
      if module and not before:find("//", 1, true) then
        if declarations[module] then module = line:match("import%s+%w+%s+([%w_]+)") end
        local place = path .. ":" .. number .. ": "
        if module ~= target.name and not system[module] and not names[module] then
          complain(place .. target.name .. " imports " .. module .. ", which it does not declare")
        end
      end
    end
  end
end

print(("imports: %d files compared with the manifest, %d problems"):format(files, problems))
if problems > 0 then os.exit(1) end
