-- Expressions of Lua as trees, which can be written as text and made smaller.
local tree = {}

-- A piece of text. `fast` is what the worker runs in its place (a value it keeps); `bad` marks a
-- model
-- whose logits are never finite, so that a verdict about it must be an error.
function tree.leaf(text, fast, bad) return { kind = "leaf", text = text, fast = fast,
  bad = bad } end

-- A table of positional nodes and {name, node} pairs.
function tree.table(list, named) return { kind = "table", list = list or {}, named = named
  or {} } end

-- `f(args)`, `self:f(args)`, `a op b`, `self[key]`, `self.name`; see `tree.text`.
function tree.call(f, args) return { kind = "call", f = f, args = args } end
function tree.method(self, f, args) return { kind = "method", self = self, f = f, args = args } end
function tree.binary(op, a, b) return { kind = "binary", op = op, a, b } end
function tree.unary(op, a) return { kind = "unary", op = op, a } end
function tree.index(self, key) return { kind = "index", self, key } end

function tree.apply(self, args) return { kind = "apply", self = self, args = args } end

-- What is run: `before` are statements, `how` holds the expression (%s), `value` is assigned to it.
function tree.chunk(expression, more)
  local chunk = { kind = "chunk", expression = expression, how = "return %s" }
  for name, value in pairs(more or {}) do chunk[name] = value end
  return chunk
end

local function list(nodes, fast)
  local texts = {}
  for index, node in ipairs(nodes) do texts[index] = tree.text(node, fast) end
  return table.concat(texts, ", ")
end

local function receiver(node, fast)
  local text = tree.text(node, fast)
  local is_name = text:match("^[%a_][%w_.]*$") and text ~= "nil" and text ~= "true"
    and text ~= "false"
  if node.kind == "leaf" and not is_name or node.kind == "table"
    or node.kind == "unary" or node.kind == "binary" then
    return "(" .. text .. ")"
  end
  return text
end

function tree.text(node, fast)
  local kind = node.kind
  if kind == "leaf" then return fast and node.fast or node.text end
  if kind == "table" then
    local parts = {}
    if #node.list > 0 then parts[1] = list(node.list, fast) end
    for _, pair in ipairs(node.named) do
      local key = pair[1]:match("^[%a_][%w_]*$") and pair[1] or ("[%q]"):format(pair[1])
      parts[#parts + 1] = key .. " = " .. tree.text(pair[2], fast)
    end
    return "{" .. table.concat(parts, ", ") .. "}"
  end
  if kind == "call" then return node.f .. "(" .. list(node.args, fast) .. ")" end
  if kind == "method" then
    return receiver(node.self, fast) .. ":" .. node.f .. "(" .. list(node.args, fast) .. ")"
  end
  if kind == "apply" then
    return "(" .. tree.text(node.self, fast) .. ")(" .. list(node.args, fast) .. ")"
  end
  if kind == "binary" then
    return receiver(node[1], fast) .. " " .. node.op .. " " .. receiver(node[2], fast)
  end
  if kind == "unary" then return node.op .. receiver(node[1], fast) end
  if kind == "index" then
    return receiver(node[1], fast) .. "[" .. tree.text(node[2], fast) .. "]"
  end
  local before = node.before and tree.text(node.before, fast) .. " " or ""
  local expression = tree.text(node.expression, fast)
  if node.value then
    return before .. "local t, k, v = " .. tree.text(node.expression[1], fast) .. ", "
      .. tree.text(node.expression[2], fast) .. ", " .. tree.text(node.value, fast)
      .. " t[k] = v return t"
  end
  local start, stop = node.how:find("%s", 1, true)
  return before .. node.how:sub(1, start - 1) .. expression .. node.how:sub(stop + 1)
end

-- The marks of all leaves but those of `source`: no verdict rests on it, and an attack that has
-- nothing to do never asks it.
function tree.is_bad(node)
  if node.bad then return true end
  for _, inner in pairs(node) do
    if type(inner) == "table" and inner[1] ~= "source" and tree.is_bad(inner) then return true end
  end
  return false
end

local function copied(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, inner in pairs(value) do copy[key] = copied(inner) end
  return copy
end

-- Simpler texts for a leaf, simplest first.
local simple <const> = { "nil", "1", "0", "{}", "\"a\"", "tensor.ones{2}",
  "tensor.ones{2, 3, 4, 4}" }

-- Every way to make a chunk a step smaller, the boldest first; each is a copy.
function tree.smaller(root)
  local found = {}
  local function offer(change)
    local copy = copied(root)
    if change(copy) ~= false then found[#found + 1] = copy end
  end
  local function at(node, path)
    for _, key in ipairs(path) do node = node[key] end
    return node
  end
  local function extended(path, ...)
    local longer = table.move(path, 1, #path, 1, {})
    for _, key in ipairs{ ... } do longer[#longer + 1] = key end
    return longer
  end
  local function walk(node, path)
    if node.kind == "table" then
      for index = #node.named, 1, -1 do
        offer(function(copy) table.remove(at(copy, path).named, index) end)
      end
      for index = #node.list, 1, -1 do
        offer(function(copy) table.remove(at(copy, path).list, index) end)
      end
      for index, pair in ipairs(node.named) do walk(pair[2], extended(path, "named", index, 2)) end
      for index, inner in ipairs(node.list) do walk(inner, extended(path, "list", index)) end
    elseif node.args then
      if #node.args > 0 then
        offer(function(copy) table.remove(at(copy, path).args) end)
      end
      for index, inner in ipairs(node.args) do walk(inner, extended(path, "args", index)) end
      if node.self then walk(node.self, extended(path, "self")) end
    elseif node.kind == "leaf" then
      for _, text in ipairs(simple) do
        if text == node.text then break end
        if #text <= #node.text then
          offer(function(copy)
            local leaf = at(copy, path)
            leaf.text, leaf.fast = text, nil
          end)
        end
      end
    else
      for index, inner in ipairs(node) do walk(inner, extended(path, index)) end
    end
  end
  if root.how ~= "return %s" then offer(function(copy) copy.how = "return %s" end) end
  if root.before then offer(function(copy) copy.before = nil end) end
  walk(root.expression, { "expression" })
  if root.value then walk(root.value, { "value" }) end
  return found
end

return tree
