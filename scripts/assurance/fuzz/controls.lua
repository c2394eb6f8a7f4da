-- Seeded defects: what `seeded.lua` does wrong must be found among generated calls, and be made as
-- small as it can be.
local seeded <const> = {
  { name = "ends", kind = "ended 139", text = "^return seeded%.ends%(nil, {size = [^,{}]+}%)$" },
  { name = "rates", kind = "nan", text = "^return seeded%.rates%(nil, {size = [^,{}]+}%)$" },
  { name = "nowhere", kind = "place", text = "^return seeded%.nowhere%(nil, {size = [^,{}]+}%)$" },
  { name = "judges", kind = "nan", text = "^return seeded%.judges%(" },
  { name = "hangs", kind = "hang", text = "^return seeded%.hangs%(.*size = " },
}

-- The seeded function as an entry of the catalogue.
local function entry(defect)
  local function parameter(name, kind, is_optional)
    return { name = name, type = kind, optional = is_optional }
  end
  if defect.name == "judges" then
    local first <const> = parameter("classifier", "classifier|function", false)
    return { name = "judges", options = {}, plausible = true,
      parameters = { first, parameter("images", "tensor", false) } }
  end
  local size <const> = { name = "size", type = "number", form = "number", low = 0, high = 9,
    required = false }
  return { name = defect.name, options = { size },
    parameters = { parameter("images", "tensor", false), parameter("options", "", true) } }
end

-- Adds a row for each defect to `controls`.
--   library: (name, entries) -> folder, catalogue; generator: (catalogue) -> calls
return function(shell, tree, children, kilpi, library, generator, seed, controls)
  local q <const> = shell.quoted

  -- A few of the defects in children of their own: those that hang take seconds at every call.
  local function run(name, defects, count)
    local entries = {}
    for index, defect in ipairs(defects) do entries[index] = entry(defect) end
    local lib, catalogue = library(name, entries)
    local calls = generator(catalogue)
    local slot = children.slot(name .. "-slot", lib)
    shell.output(("bash %s/slot.sh %s %s %s %d 1 %d 8 open 1 2 2>&1"):format(
      q(lib), q(kilpi), q(lib), q(slot), seed, count))
    local shown = {}
    local function add(key, index) shown[key] = shown[key] or index end
    for line in (shell.read(slot .. "/log/ends") or ""):gmatch("[^\n]+") do
      local status, index, why = line:match("^(%d+)\t(%d+)\t(%a+)")
      local kind = why == "ended" and "ended " .. status or why
      add((calls.make(seed, tonumber(index))) .. " " .. kind, tonumber(index))
    end
    for line in (shell.read(slot .. "/log/found") or ""):gmatch("[^\n]+") do
      local found = json.decode(line)
      add(found.name .. " " .. found.kind, found.index)
    end
    for _, defect in ipairs(defects) do
      local full = "seeded." .. defect.name
      local index, text = shown[full .. " " .. defect.kind], ""
      if index then
        local _, chunk = calls.make(seed, index)
        local where = { slot = slot, lib = lib, is_open = true }
        -- Each step of making a hang smaller waits for it: here it must only show again.
        local steps = defect.kind == "hang" and 1 or nil
        local smallest = children.shrunk(full, chunk, defect.kind, where, 3, steps)
        text = smallest and tree.text(smallest) or ""
      end
      controls[#controls + 1] = { id = full, caught = text:find(defect.text) ~= nil }
    end
  end

  run("seeded", { seeded[1], seeded[2], seeded[3], seeded[4] }, 260)
  run("seeded-hang", { seeded[5] }, 40)
end
