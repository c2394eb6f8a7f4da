-- Calls in child processes of their own: one at a time, and made smaller.
return function(shell, tree, kilpi, folder)
  local q <const> = shell.quoted
  local children = {}

  -- A slot: a folder with work/, where calls run beside the files that they name, and log/.
  function children.slot(name, lib)
    local path <const> = folder .. "/" .. name
    local root <const> = shell.output("pwd")
    shell.run(("rm -rf %s && mkdir -p %s/work %s/log"):format(q(path), q(path), q(path)))
    shell.run(("cd %s/work && cp -r %s/Tests/Fixtures/bert-tiny mlm && %s --no-rc -E %s"
      .. "/prepare.lua"):format(q(path), q(root), q(kilpi), q(lib)))
    return path
  end

  -- What a call does in a child: the kind of its finding, "none" or "long", and the last words.
  --   call: name, text, bad; where: slot, lib; seconds before Ctrl-C, and again before the end
  function children.tried(call, where, seconds)
    local slot <const> = where.slot
    shell.write(slot .. "/log/line.json", json.encode(call))
    os.remove(slot .. "/log/found")
    local guard = where.is_open and "" or ("--sandbox --allow %s/work --allow %s/log --allow %s")
      :format(q(slot), q(slot), q(where.lib))
    local status = tonumber(shell.output(table.concat({
      "cd " .. q(slot) .. "/work; ulimit -v 4000000; ulimit -c 0; timeout --foreground -s INT -k",
      seconds, seconds, q(kilpi), "--no-rc -E --memory 300M --threads 1", guard,
      q(where.lib) .. "/worker.lua line ../log ../log/line.json > /dev/null 2> ../err < /dev/null;",
      "echo $?",
    }, " ")))
    local words = (shell.read(slot .. "/err") or ""):gsub("%s+", " "):sub(-300)
    if status == 137 or words:find("was not heeded", 1, true) then return "hang", words end
    if status == 124 then return "long", words end
    if status ~= 0 then return "ended " .. status, words end
    local line = shell.read(slot .. "/log/found")
    local found = line and line ~= "" and json.decode(line) or { kind = "none", message = "" }
    return found.kind, found.message
  end

  -- The smallest chunk, by single steps, that shows the same kind of finding; nil when it does not
  -- show alone.
  function children.shrunk(name, chunk, kind, where, seconds, steps)
    local function shows(candidate)
      local call = { name = name, text = tree.text(candidate), bad = tree.is_bad(candidate) }
      return children.tried(call, where, seconds) == kind
    end
    if not shows(chunk) then return nil end
    local left = steps or kind == "hang" and 40 or 200
    local again = true
    while again and left > 0 do
      again = false
      for _, candidate in ipairs(tree.smaller(chunk)) do
        left = left - 1
        if left <= 0 then break end
        if (kind ~= "nan" or tree.is_bad(candidate) == tree.is_bad(chunk)) and shows(candidate) then
          chunk, again = candidate, true
          break
        end
      end
    end
    return chunk
  end

  return children
end
