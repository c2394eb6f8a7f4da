-- Writes docs/assurance.md from the results of the last runs, which are kept beside it as JSON.
return function(figures, last, shell)
  shell.run("mkdir -p docs/assurance")
  local lines = {}
  local function add(...) lines[#lines + 1] = table.concat{ ... } end
  local page = shell.read("docs/assurance.md")
  local mark <const> = "<!-- written by scripts/assure report; edits below are lost -->"
  local start = page and page:find(mark, 1, true)
  if not start then
    io.stderr:write("assure: docs/assurance.md has no mark for the table\n")
    os.exit(2)
  end
  add(mark, "\n")
  add("| figure | command | target | measured | verdict | seeded defects found |")
  add("|---|---|---|---|---|---|")
  local notes = {}
  for _, figure in ipairs(figures) do
    local result, text = last(figure)
    if result then
      shell.write("docs/assurance/" .. figure.name .. ".json", text)
      local verdict = result.met and "met" or "missed"
      if not result.claimed then
        verdict = verdict .. " (not claimed: " .. result.size .. " size)"
      end
      add("| ", result.figure, " | `", result.command, "` | ", figure.target, " | ",
        result.measured, " | ", verdict, " | ", result.controls.caught, " of ",
        result.controls.total, " |")
      notes[#notes + 1] = ("- %s: %s, commit %s, %d s; %s; OpenBLAS core %s, %s threads; kilpi %s, "
        .. "Swift %s, Lua %s. [JSON](assurance/%s.json)"):format(
        result.figure, result.date, result.commit, result.seconds, result.machine,
        result.blas_core, result.threads, result.versions.kilpi, result.versions.swift,
        result.versions.lua, figure.name)
      for _, texts in ipairs{ result.violations, result.notes or {} } do
        for _, line in ipairs(texts) do notes[#notes + 1] = "  - " .. line end
      end
    else
      add("| ", figure.id, " | `scripts/assure ", figure.name, "` | ", figure.target,
        " | not measured | | |")
    end
  end
  add("")
  for _, note in ipairs(notes) do add(note) end
  shell.write("docs/assurance.md", page:sub(1, start - 1) .. table.concat(lines, "\n") .. "\n")
  print("written: docs/assurance.md")
end
