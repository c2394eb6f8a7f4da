-- Things that were built and never connected: members that nobody sets or reads, functions that
-- install or set something and that nobody calls, cases of an option that are never looked at,
-- options that are listed and not read, installed closures that ignore what they are given.
--
--     kilpi scripts/checks/unset.lua [FOLDER]
--
-- Looks at the text of the Swift files below FOLDER (default: Sources), not at types: a name that
-- is set for another type of the same file is taken for this one. Closures and optionals must be
-- set in FOLDER itself; a parameter of the library that has a default may also be set by a test
-- beside it. Of the cases of an option one may be the "else". Prints every offender; status 1 if
-- there is one.

local root = arg[1] or "Sources"
local tests = root:gsub("Sources/?$", "Tests")

-- Names that are right as they are, each with the reason.
local known <const> = {
  ["Models/TextModels/Bert/MaskedLanguageModel.swift: fingerprint"] = "lazy: sets itself",
  ["Lua/LuaHost/State/Memory.swift: setSoftLimit"] = "for tests of the collector",
}

local offences = 0

local function complain(file, line, form, name, ...)
  if known[file.path:sub(#root + 2) .. ": " .. name] then return end
  offences = offences + 1
  io.stderr:write(file.path, ":", line, ": ", form:format(name, ...), "\n")
end

local function set(words)
  local result = {}
  for word in words:gmatch("%S+") do result[word] = true end
  return result
end

-- Tokens ------------------------------------------------------------------------------------------

-- Behind the quote at `start`: where the string ends; \( … ) may hold strings of its own.
local function string_end(text, start)
  local at = start + 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == '"' then return at end
    if c == "\\" and text:sub(at + 1, at + 1) == "(" then
      local depth = 1
      at = at + 2
      while depth > 0 and at <= #text do
        c = text:sub(at, at)
        if c == "(" then depth = depth + 1 end
        if c == ")" then depth = depth - 1 end
        if c == '"' then at = string_end(text, at) end
        at = at + 1
      end
    else
      at = at + (c == "\\" and 2 or 1)
    end
  end
  return at
end

-- A text as tokens without comments: names, numbers, symbols of one character, and strings.
local function tokens_of(text)
  local tokens, position, line = {}, 1, 1
  local function skip(stop)
    local _, newlines = text:sub(position, stop):gsub("\n", "")
    line = line + newlines
    position = stop + 1
  end
  local function add(kind, value, stop)
    tokens[#tokens + 1] = {kind = kind, value = value, line = line}
    skip(stop)
  end
  while position <= #text do
    -- Matching against a short piece: no name and no run of spaces is longer.
    local piece = text:sub(position, position + 200)
    local space, name = piece:match("^%s+"), piece:match("^[%a_][%w_]*")
    -- `$0.name` holds a number of one digit.
    local number = piece:match("^%d[%w_]*%.%d[%w_]*") or piece:match("^%d[%w_]*")
    if space then
      skip(position + #space - 1)
    elseif piece:find("^//") then
      skip((text:find("\n", position, true) or #text + 1) - 1)
    elseif piece:find("^/%*") then
      local _, stop = text:find("*/", position, true)
      skip(stop or #text)
    elseif piece:find('^"""') then
      local _, stop = text:find('"""', position + 3, true)
      add("string", text:sub(position + 3, (stop or #text) - 3), stop or #text)
    elseif piece:find('^"') then
      local stop = string_end(text, position)
      local value = text:sub(position + 1, stop - 1)
      add("string", value, stop)
      -- Names in \( … ) are read too.
      for part in value:gmatch("\\%b()") do
        for word in part:gmatch("[%a_][%w_]*") do
          tokens[#tokens + 1] = {kind = "name", value = word, line = line}
        end
      end
    elseif name then
      add("name", name, position + #name - 1)
    elseif number then
      add("number", number, position + #number - 1)
    else
      add("symbol", text:sub(position, position), position)
    end
  end
  return tokens
end

local function value(tokens, index) return tokens[index] and tokens[index].value end

-- The Swift files below a folder; `names` maps a name to its places, `strings` a text to a count.
local function gather(folder)
  local files, count = {}, {}
  local list = assert(io.popen("find '" .. folder .. "' -name '*.swift' 2> /dev/null | sort"))
  for path in list:lines() do
    local stream = assert(io.open(path))
    local file = {path = path, tokens = tokens_of(stream:read("a")), names = {}, strings = {}}
    stream:close()
    for index, token in ipairs(file.tokens) do
      local text = token.value
      if token.kind == "name" then
        file.names[text] = file.names[text] or {}
        table.insert(file.names[text], index)
        count[text] = (count[text] or 0) + 1
      elseif token.kind == "string" then
        file.strings[text] = (file.strings[text] or 0) + 1
      end
    end
    files[#files + 1] = file
  end
  list:close()
  return files, count
end

local files, count = gather(root)
local test_files = tests ~= root and gather(tests) or {}

-- Members -----------------------------------------------------------------------------------------

local type_words <const> = set "class struct enum extension actor protocol"
local declaration_words <const> = set [[var let func public private static init internal case weak
  lazy mutating final struct class enum override nonisolated fileprivate package]]

-- What stands between a member's name and the end of its declaration.
local function read_declaration(tokens, index, member)
  local depth, at = 0, index + 2
  while tokens[at] do
    local token, text = tokens[at], tokens[at].value
    if token.kind == "symbol" then
      if depth == 0 and text == "=" then member.has_default = true return end
      if depth == 0 and text == "{" then member.is_computed = true return end
      if text == "}" then return end
      if text == "(" or text == "[" then depth = depth + 1 end
      if text == ")" or text == "]" then depth = depth - 1 end
      if text == "-" and value(tokens, at + 1) == ">" then member.is_closure = true end
      if text == "?" then member.is_optional = true end
    elseif depth == 0 and token.line > member.line and declaration_words[text] then
      return
    end
    at = at + 1
  end
end

-- What stands in front of `var`: private, static, private(set), or a wrapper such as @Option(…).
local function read_modifiers(tokens, index, member)
  for back = index - 1, math.max(1, index - 4), -1 do
    local text = value(tokens, back)
    if text == "@" then break end
    if text == "private" or text == "fileprivate" then member.is_private = true end
    if text == "override" then member.is_override = true end
  end
  if value(tokens, index - 1) ~= ")" then return end
  local depth, at = 1, index - 2
  while depth > 0 and at > 0 do
    local text = value(tokens, at)
    if text == ")" then depth = depth + 1 end
    if text == "(" then depth = depth - 1 end
    at = at - 1
  end
  member.is_wrapped = value(tokens, at - 1) == "@"
end

-- `type Name` opens a scope; the type of an extension may be written with a dot.
local function scope_of(tokens, index)
  local scope = {kind = value(tokens, index), type = value(tokens, index + 1)}
  if value(tokens, index + 2) == "." then scope.type = value(tokens, index + 3) end
  for ahead = index, index + 30 do
    local text = value(tokens, ahead)
    if text == "{" then break end
    if text == "String" then scope.is_text = true end
    if text == "CaseIterable" then scope.is_listed = true end
  end
  return scope
end

-- case a, b = "text", c
local function add_cases(tokens, index, scope, found)
  local at = index + 1
  repeat
    found[#found + 1] = {
      is_case = true, name = value(tokens, at), type = scope.type, line = tokens[index].line,
      is_option = scope.is_text and scope.is_listed}
    if value(tokens, at + 1) == "=" then at = at + 2 end
    at = at + 2
  until value(tokens, at - 1) ~= ","
end

-- The stored and computed members and the cases of all types of a file.
local function members_of(file)
  local tokens, found, scopes, pending = file.tokens, {}, {}, nil
  for index, token in ipairs(tokens) do
    local text, following = token.value, tokens[index + 1]
    local is_word = token.kind == "name" and value(tokens, index - 1) ~= "."
    local is_named = is_word and following and following.kind == "name"
    local scope = scopes[#scopes]
    if token.kind == "symbol" and (text == "{" or text == "(" or text == "[") then
      scopes[#scopes + 1] = text == "{" and pending or {}
      if text == "{" then pending = nil end
    elseif token.kind == "symbol" and (text == "}" or text == ")" or text == "]") then
      scopes[#scopes] = nil
    elseif is_named and type_words[text] and following.value ~= "func"
      and following.value ~= "var" then
      pending = scope_of(tokens, index)
    elseif is_word and (text == "func" or text == "init" or text == "subscript") then
      pending = pending or {}
    elseif is_named and scope and scope.type and (text == "var" or text == "let") then
      local member = {
        name = following.value, type = scope.type, owner = scope.kind, line = token.line,
        index = index + 1, is_variable = text == "var"}
      read_declaration(tokens, index, member)
      read_modifiers(tokens, index, member)
      found[#found + 1] = member
    elseif is_named and text == "case" and scope and scope.kind == "enum" then
      add_cases(tokens, index, scope, found)
    end
  end
  return found
end

-- Writes ------------------------------------------------------------------------------------------

local changing <const> = set [[append insert remove removeAll removeValue removeLast removeFirst
  formUnion removeSubrange sort reserveCapacity subtract popLast merge update next swapAt toggle
  replaceSubrange]]

-- The place behind the bracket that opens at `at`.
local function behind_bracket(tokens, at)
  local depth = 0
  repeat
    local text = value(tokens, at)
    if text == "[" then depth = depth + 1 end
    if text == "]" then depth = depth - 1 end
    at = at + 1
  until depth == 0 or not tokens[at]
  return at
end

local function is_assignment(tokens, at)
  return value(tokens, at) == "=" and value(tokens, at + 1) ~= "="
end

-- Whether the name at `index` is written: `x.name =`, `name =`, `name +=`, `name:` as a label,
-- `(a.name, b.name) =`, `name[i] =`, `&x.name`, or a call that changes it.
local function is_write(tokens, index, in_place)
  local before, after, second =
    value(tokens, index - 1), value(tokens, index + 1), value(tokens, index + 2) or ""
  if before == "var" or before == "let" then return false end
  if is_assignment(tokens, index + 1) then return true end
  if after and ("+-*/|&^"):find(after, 1, true) and second == "=" then return true end
  if after == "&" and value(tokens, index + 3) == "=" then return true end
  if after == ":" and (before == "(" or before == ",") then return true end
  if after == "?" and second == "." then return true end
  if after == "." and (changing[second] or value(tokens, index + 3) == "=") then return true end
  if after == "." and in_place and value(tokens, index + 3) == "(" then return true end
  if before == "\\" or (before == "." and value(tokens, index - 2) == "\\") then return true end
  if after == "," or after == ")" then
    local at = index
    while tokens[at] and value(tokens, at) ~= ")" and at < index + 40 do at = at + 1 end
    if is_assignment(tokens, at + 1) then return true end
  end
  if after == "[" then
    local at = behind_bracket(tokens, index + 1)
    local text = value(tokens, at) or ""
    if is_assignment(tokens, at) or (text ~= "" and (".+-,?|&*"):find(text, 1, true)) then
      return true
    end
  end
  local at = index - 1
  while at > index - 8 and tokens[at] and (tokens[at].kind == "name" or value(tokens, at) == ".") do
    at = at - 1
  end
  return value(tokens, at) == "&" and value(tokens, at - 1) ~= "&"
end

local function writes(file, member, in_place)
  for _, index in ipairs(file.names[member.name] or {}) do
    if not (file == member.home and index == member.index)
      and is_write(file.tokens, index, in_place) then return true end
  end
  return false
end

local function folder_of(file) return file.path:match("^(.*/)") end

local function is_written(member)
  -- A method may change a value that is kept here.
  if writes(member.home, member, not member.is_closure and not member.is_optional) then
    return true
  end
  if member.is_private then return false end
  for _, file in ipairs(files) do
    -- An instance may be used where its type is not named; but closures of one name are many.
    local is_near = not member.is_closure or file.names[member.type]
      or member.home.path:find(folder_of(file), 1, true)
    if file ~= member.home and is_near and writes(file, member) then return true end
  end
  if member.is_closure or member.is_optional then return false end
  for _, file in ipairs(test_files) do
    if writes(file, member) then return true end
  end
  return false
end

-- Checks ------------------------------------------------------------------------------------------

local function check_member(member)
  if member.is_override or member.owner == "protocol" or member.is_computed then return end
  local is_read = count[member.name] > 1
  if member.is_wrapped then
    -- The parser of the command line sets it.
    if not is_read then
      complain(member.home, member.line, "the option '%s' is listed and never read", member.name)
    end
    return
  end
  if not is_read then
    complain(member.home, member.line, "nobody reads '%s' of %s", member.name, member.type)
  end
  if member.is_variable and (member.has_default or member.is_optional) and not is_written(member)
  then
    complain(member.home, member.line, "nobody sets '%s' of %s", member.name, member.type)
  end
end

local function is_looked_at(name)
  for _, file in ipairs(files) do
    for _, index in ipairs(file.names[name] or {}) do
      if value(file.tokens, index - 1) == "." then return true end
    end
  end
  return false
end

-- What an installed closure takes, when `install…` stands at `index`: a parameter `_` ignores it.
local function ignores_a_parameter(tokens, index)
  local at = index + 1
  while value(tokens, at) == "(" do at = at + 1 end
  if value(tokens, at) ~= "{" then return false end
  for ahead = at + 1, at + 14 do
    local text = value(tokens, ahead)
    if text == "_" then return true end
    if text == "in" or text == "{" or text == "}" or text == "=" then return false end
  end
  return false
end

local function check_installers(file)
  for index, token in ipairs(file.tokens) do
    local text, after = token.value, value(file.tokens, index + 1) or ""
    if token.kind == "name" and text == "func" then
      if (after:find("^install%u") or after:find("^set%u")) and count[after] == 1 then
        complain(file, token.line, "nobody calls '%s'", after)
      end
    elseif token.kind == "name" and text:find("^install%u")
      and value(file.tokens, index - 1) ~= "func" and ignores_a_parameter(file.tokens, index) then
      complain(file, token.line, "what '%s' gives is ignored", text)
    end
  end
end

local option_forms <const> =
  set "integer number string boolean budget choice table any list integers numbers strings function"

-- Options of the catalogue, `.integer("steps", …)`: the name stands somewhere else too.
local function check_options()
  local declared, texts, names = {}, {}, {}
  for _, file in ipairs(files) do
    if file.path:find("LuaBindings", 1, true) then
      for text, times in pairs(file.strings) do texts[text] = (texts[text] or 0) + times end
      for index, token in ipairs(file.tokens) do
        local before = value(file.tokens, index - 4)
        if token.kind == "string" and value(file.tokens, index - 1) == "("
          and option_forms[value(file.tokens, index - 2)] and value(file.tokens, index - 3) == "."
          and (before == "," or before == "[" or before == "OptionSpec") then
          local option = declared[token.value] or {file = file, line = token.line, times = 0}
          option.times = option.times + 1
          declared[token.value] = option
        end
      end
    end
  end
  for name in pairs(declared) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local option = declared[name]
    if texts[name] <= option.times then
      complain(option.file, option.line, "the option '%s' is listed and never read", name)
    end
  end
end

for _, file in ipairs(files) do
  local unseen, enums = {}, {}
  for _, member in ipairs(members_of(file)) do
    member.home = file
    if not member.is_case then
      check_member(member)
    elseif member.is_option and not is_looked_at(member.name) then
      if not unseen[member.type] then enums[#enums + 1] = member.type end
      unseen[member.type] = unseen[member.type] or {}
      table.insert(unseen[member.type], member)
    end
  end
  for _, enum in ipairs(enums) do
    for _, member in ipairs(#unseen[enum] > 1 and unseen[enum] or {}) do
      complain(
        file, member.line, "the case '%s' of %s is offered and never looked at", member.name, enum)
    end
  end
  check_installers(file)
end
check_options()
if offences > 0 then os.exit(1) end
