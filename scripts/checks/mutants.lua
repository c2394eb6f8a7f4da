-- Every mutant of the catalogue applies: its text stands in its file exactly once.
--   kilpi scripts/checks/mutants.lua                 (run by scripts/lint)
local problems, count = 0, 0

local function complain(mutant, what)
  problems = problems + 1
  io.stderr:write("mutant ", mutant.id, ": its text ", what, " ", mutant.file, "\n")
end

for _, mutant in ipairs(dofile("scripts/assurance/mutants_catalogue.lua")) do
  count = count + 1
  local file <close> = io.open(mutant.file)
  local text = file and file:read("a") or ""
  local first, last = text:find(mutant.old, 1, true)
  if not first then
    complain(mutant, "is not in")
  elseif text:find(mutant.old, last + 1, true) then
    complain(mutant, "stands twice in")
  end
end

print(("mutants: %d looked at, %d do not apply"):format(count, problems))
if problems > 0 then os.exit(1) end
