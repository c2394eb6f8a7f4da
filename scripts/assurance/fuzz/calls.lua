-- Calls from the catalogue: call number i of a seed is always the same, whatever came before it.
return function(tree, values, scenes, catalogue)
  local leaf, one_of, chance, random = tree.leaf, values.one_of, values.chance, math.random
  local calls = {}

  -- Arguments by name where the name says more than the type; `scene.shape` is the receiver's.
  local function axis(scene)
    local rank = #scene.shape
    return rank > 0 and one_of{ random(rank), -random(rank) } or 1
  end
  local function number(list) return function() return leaf(one_of(list)) end end
  local function same_shape(scene)
    local way = random(4)
    if way == 1 then return leaf(one_of{ "2", "0.5", "-1" }) end
    if way == 2 then return values.tensor(scene.shape) end
    return scenes.tensor_of(scene.shape)
  end
  local function permutation(scene)
    local order = {}
    for i = 1, #scene.shape do table.insert(order, random(i), i) end
    return leaf(values.shape_text(order))
  end
  local function two(scene) return tree.table{ scenes.tensor_of(scene.shape),
    scenes.tensor_of(scene.shape) } end
  local function path() return leaf(one_of(values.paths)) end
  local function logits(scene) return scenes.tensor_of{ scene.n, scene.c } end
  local function prompts(scene) return scenes.strings(scene.c) end
  local function image(scene)
    return leaf(("tensor.rand({3, %d, %d}, {seed = 1})"):format(scene.h, scene.w))
  end
  local named <const> = {
    shape = function() return leaf(values.shape_text(values.shape(500))) end, n = number{ "1", "3",
      "5" },
    value = number{ "0.5", "-1", "2" }, first = number{ "1", "0", "2" }, last = number{ "5", "-3",
      "2" },
    step = number{ "1", "0.5", "-1" }, count = number{ "1", "5" }, low = number{ "0", "-1" },
      high = number{ "1", "5" },
    values = number{ "{1, 2, 3}", "{{1, 2}, {3, 4}}", "3" }, list = two, tensors = two, path = path,
      folder = path,
    condition = function(scene) return leaf(tree.text(scenes.tensor_of(scene.shape))
      .. ":gt(0)") end,
    a = same_shape, b = same_shape, other = same_shape, p = logits, q = logits, logits = logits,
    labels = scenes.labels, images = scenes.images, classifier = scenes.classifier,
      model = scenes.model,
    axis = function(scene) return leaf(tostring(axis(scene))) end, axes = permutation,
    length = number{ "1", "2" }, before = number{ "0", "1", "2" }, after = number{ "0", "1" },
    size = number{ "1", "2", "8", "{4, 4}" }, k = number{ "1", "2", "5" }, i = number{ "1", "2" },
    indices = number{ "{1}", "{1, 1}", "tensor.from({1, 1}, {dtype = \"int64\"})" }, on = number{
      "true", "false" },
    dtype = number{ "\"float32\"", "\"float64\"", "\"int64\"" }, seed = number{ "1", "7" },
    loss = function() return leaf("(x * 2):sum()") end, inputs = number{ "x", "{x}" },
    f = number{ "function(...) return ... end", "function(x) return (x * x):sum() end",
      "function() return 1 end",
      "function(s) return s end" },
    image = image, adversarial = image, clean = image, eps = number{ "\"8/255\"", "1", "0.5" },
    text = number{ "\"a photo of a cat\"", "\"[1, {\\\"a\\\": null}]\"", "{\"a\", \"b\"}",
      "\"[1e400]\"" },
    texts = prompts, prompts = prompts,
      class_names = function(scene) return scenes.strings(scene.c) end,
    word = number{ "\"cat\"", "\"running\"", "\"the\"" }, sentence = number{ "\"a cat sat\"" },
    ids = number{ "{49406, 320, 2368, 49407}", "{1}" }, path_or_name = number{ "\"kilpi-tiny\"",
      "\"model\"", "\"tiny\"" },
    config = number{ "\"tiny\"" }, dataset = scenes.dataset, scenario = number{ "\"image/fgsm\"",
      "\"clean\"" },
    direction = number{ "\"tr\"", "\"ir\"", "\"text\"" },
  }

  -- A value of a type in the words of signatures.
  local function by_type(kind, scene)
    local part = {}
    for word in kind:gmatch("[^|]+") do part[#part + 1] = word end
    kind = part[1] and one_of(part) or "any"
    if kind == "tensor" then return scenes.tensor_of(scene.shape) end
    if kind == "integer" then return leaf(tostring(random(0, 3))) end
    if kind == "number" then return leaf(one_of{ "0.5", "1", "2" }) end
    if kind == "string" then return leaf("\"a\"") end
    if kind == "integer[]" then return leaf("{1, 2}") end
    if kind == "string[]" then return leaf("{\"a\", \"b\"}") end
    if kind == "function" then return leaf("function(...) return ... end") end
    if kind == "nil" then return leaf("nil") end
    if kind == "table" then return leaf("{}") end
    return values.any()
  end

  -- Hostile values of the kind that is expected, more often than of any kind.
  local costly <const> = {}
  for name in ("steps restarts eot queries epochs search_steps population generations "
    .. "scales variance combinations draws k n_targets width sites"):gmatch("%S+") do
    costly[name] = true
  end
  local function hostile(name, kind)
    if chance(0.25) then return values.any() end
    if name == "path" or name == "folder" or name == "path_or_name" or name == "out" then
      return leaf(one_of(values.hostile_paths))
    end
    if name == "classifier" or name == "f" then return values.hostile("function") end
    if kind:find("tensor", 1, true) and chance(0.6) then return values.tensor() end
    if costly[name] and chance(0.9) then
      return leaf(one_of{ "0", "-1", "math.mininteger", "0/0", "-math.huge", "1.5", "\"2\"",
        "2^53" })
    end
    if kind:find("integer[]", 1, true) or kind:find("table", 1, true) or kind:find("[]", 1,
      true) then
      return values.hostile(chance(0.7) and "table" or "number")
    end
    if kind:find("number", 1, true) or kind:find("integer", 1, true) then
      return values.hostile("number") end
    if kind:find("function", 1, true) then return values.hostile("function") end
    if kind:find("string", 1, true) or kind:find("\"", 1, true) then return values.hostile("string")
      end
    return values.any()
  end

  -- Replaces a few arguments and options by hostile values.
  local function attacked(args, parameters, entry)
    local places = {}
    for index in ipairs(args) do
      local parameter = parameters[index] or { name = "", type = "" }
      if args[index].kind == "table" and parameter.name == "options" then
        local function fields(node, options)
          for _, option in ipairs(options) do
            places[#places + 1] = function()
              local value = hostile(option.name, option.type)
              for _, pair in ipairs(node.named) do
                if pair[1] == option.name then
                  if pair[2].kind == "table" and option.fields and chance(0.7) then
                    return fields(pair[2], option.fields)
                  end
                  pair[2] = value
                  return
                end
              end
              node.named[#node.named + 1] = { option.name, value }
            end
          end
        end
        fields(args[index], entry.options)
        places[#places + 1] = function() args[index] = values.any() end
        places[#places + 1] = function()
          if not args[index].named then return end
          table.insert(args[index].named, { one_of{ "step5", "", "eps ", "seed\0" }, leaf("1") })
        end
      else
        -- Positions weigh as much as all options together.
        for _ = 1, 1 + #(entry.options or {}) // 3 do
          places[#places + 1] = function() args[index] = hostile(parameter.name, parameter.type) end
        end
      end
    end
    for _ = 1, one_of{ 0, 0, 0, 1, 1, 1, 1, 2, 2, 3 } do
      if #places > 0 then one_of(places)() end
    end
    if chance(0.03) then args[#args + 1] = values.any() end
    if chance(0.03) then args[#args] = nil end
    return args
  end

  local function arguments(entry, scene, target, first)
    local parameters = table.move(entry.parameters, first or 1, #entry.parameters, 1, {})
    local args = {}
    for index, parameter in ipairs(parameters) do
      -- Defaults are made for long searches: without its options an attack would not end soon.
      local is_search = #(entry.options or {}) > 5 and parameter.name == "options"
      if parameter.optional and chance(0.4) and not is_search then break end
      if parameter.name == "options" and #(entry.options or {}) > 0 then
        args[index] = scenes.options(entry.options, scene, 0, target)
        if target == "eval.compare" then
          local report = scenes.receivers["robustness report"]()
          args[index].list = { tree.table({}, { { "name", leaf("\"a\"") }, { "report", report } }),
            tree.table({}, { { "name", leaf("\"b\"") }, { "model", scenes.model() } }) }
        end
      elseif named[parameter.name] then
        args[index] = named[parameter.name](scene)
      else
        args[index] = by_type(parameter.type, scene)
      end
    end
    return entry.plausible and args or attacked(args, parameters, entry)
  end

  -- Targets, in groups that share the calls.
  local groups = { tensor = {}, attack = {}, heavy = {}, rest = {}, lua = {} }
  local shares <const> = { tensor = 0.55, attack = 0.12, heavy = 0.012, rest = 0.28, lua = 0.038 }
  calls.options, calls.targets = {}, {}
  local function add(group, name, make, options)
    table.insert(groups[group], { name = name, make = make })
    calls.targets[#calls.targets + 1] = name
    for _, option in ipairs(options or {}) do calls.options[#calls.options + 1] = name .. "."
      .. option.name end
  end

  local heavy <const> = { ["attack.autoattack"] = true, ["attack.multimodal"] = true,
    ["attack.text"] = true,
    ["attack.universal"] = true, ["attack.patch"] = true, ["clip.load"] = true,
      ["clip.create"] = true,
    ["text.load_mlm"] = true, ["data.fashion_mnist"] = true, ["attack.cw"] = true,
      ["attack.fab"] = true }
  local heavy_modules <const> = { train = true, eval = true, plot = true }

  for _, library in ipairs(catalogue.libraries) do
    for _, entry in ipairs(library.functions) do
      local name = library.name == "" and entry.name or library.name .. "." .. entry.name
      local group = (heavy[name] or heavy_modules[library.name]) and "heavy"
        or (library.name == "tensor" or library.name == "attack") and library.name or "rest"
      add(group, name, function(scene)
        local before = name == "tensor.grad"
          and leaf("local x = tensor.rand({2, 3}, {seed = 1}):requires_grad_()") or nil
        return tree.chunk(tree.call(name, arguments(entry, scene, name)), { before = before })
      end, entry.options)
    end
  end
  for _, type in ipairs(catalogue.types) do
    local receiver = scenes.receivers[type.name] or function() return values.any() end
    local group = type.name == "tensor" and "tensor" or type.name:find("report") and "heavy"
      or type.name == "comparison" and "heavy" or "rest"
    for _, entry in ipairs(type.methods) do
      local name = type.name .. ":" .. entry.name
      add(group, name, function(scene)
        local self = receiver(scene)
        if entry.name == "matmul" then
          local inner = scene.shape[#scene.shape] or 2
          return tree.chunk(tree.method(self, "matmul", attacked({ scenes.tensor_of{ inner, 3 } },
            entry.parameters, entry)))
        end
        return tree.chunk(tree.method(self, entry.name, arguments(entry, scene, name)))
      end, entry.options)
    end
    add(group, type.name .. ":release", function(scene)
      return tree.chunk(tree.method(receiver(scene), "release", {}))
    end)
    for _, entry in ipairs(type.operators) do
      local symbols <const> = { __add = "+", __sub = "-", __mul = "*", __div = "/", __mod = "%",
        __pow = "^",
        __idiv = "//", __eq = "==", __lt = "<", __le = "<=", __concat = ".." }
      local op = symbols[entry.name]
      add(group, type.name .. " " .. entry.name, function(scene)
        local self = receiver(scene)
        if op then
          local other = chance(0.7) and same_shape(scene) or values.any()
          if chance(0.5) then return tree.chunk(tree.binary(op, self, other)) end
          return tree.chunk(tree.binary(op, other, self))
        end
        if entry.name == "__unm" or entry.name == "__len" then
          return tree.chunk(tree.unary(entry.name == "__unm" and "-" or "#", self))
        end
        if entry.name == "__call" then
          local args = attacked({ scenes.images(scene) }, entry.parameters, entry)
          return tree.chunk(tree.apply(self, args))
        end
        return tree.chunk(tree.call(entry.name == "__display" and "display" or "tostring", {
          self }))
      end)
    end
    for _, field in ipairs(type.fields) do
      add(group, type.name .. "." .. field.name, function(scene)
        local node = tree.index(receiver(scene), leaf(("%q"):format(field.name)))
        local is_write = field.writable and chance(0.5) or chance(0.05)
        return tree.chunk(node, { value = is_write and (chance(0.5) and same_shape(scene)
          or values.any()) or nil })
      end)
    end
    local function key(scene)
      if chance(0.35) then return values.any() end
      local parts = {}
      for index = 1, random(0, math.max(1, #scene.shape)) do
        parts[index] = chance(0.2) and hostile("", "integer") or leaf(one_of{ "{}", "1", "-1",
          "{1, 2}", "{1, -1}",
          "{2, 1}", "{1, 1}", "2", "{1, 3, 2}", "true" })
      end
      return tree.table(parts)
    end
    if type.indexed or #type.fields > 0 then
      add(group, type.name .. " [k]", function(scene) return tree.chunk(tree.index(receiver(scene),
        key(scene))) end)
    end
    add(group, type.name .. " [k] = v", function(scene)
      local self = receiver(scene)
      return tree.chunk(tree.index(self, key(scene)),
        { value = chance(0.6) and same_shape(scene) or values.any() })
    end)
  end
  -- Lua's own functions of which Kilpi has versions, and their neighbours.
  for module, list in pairs{
    string = "byte char find format gmatch gsub len lower match pack packsize rep reverse "
      .. "sub unpack upper", table = "concat insert move pack remove sort unpack",
    utf8 = "char codepoint codes len offset", math = "floor tointeger random max fmod ult" } do
    for name in list:gmatch("%S+") do
      add("lua", module .. "." .. name, function()
        local args = {}
        for index = 1, random(0, 4) do
          args[index] = values.hostile(one_of{ "number", "string", module == "table" and "table"
            or "string" })
        end
        if module == "table" and name ~= "pack" then args[1] = values.hostile("table") end
        if name == "sort" or name == "gsub" then args[3] = args[3] and values.hostile("function")
          end
        return tree.chunk(tree.call(module .. "." .. name, args))
      end)
    end
  end
  table.sort(groups.lua, function(a, b) return a.name < b.name end)
  if catalogue.seeded then
    groups.seeded = {}
    for _, entry in ipairs(catalogue.seeded) do
      add("seeded", "seeded." .. entry.name, function(scene)
        return tree.chunk(tree.call("seeded." .. entry.name, arguments(entry, scene, "seeded."
          .. entry.name)))
      end, entry.options)
    end
  end

  local frames <const> = {
    "return coroutine.wrap(function() return %s end)()",
      "return tensor.no_grad(function() return %s end)",
    "return tensor.scope(function() return %s end)", "return tostring(%s)", "return display(%s)",
      "print(%s)",
    "return select(\"#\", %s)", "return json.encode(%s)",
      "return coroutine.wrap(function() coroutine.yield(%s) end)()",
  }

  -- The name of the target and the chunk of call `index`.
  function calls.make(seed, index)
    math.randomseed(seed, index)
    local group = groups.seeded
    if not group then
      local draw = random()
      for _, name in ipairs{ "tensor", "rest", "attack", "lua", "heavy" } do
        group = groups[name]
        draw = draw - shares[name]
        if draw < 0 then break end
      end
    end
    local target = one_of(group)
    local chunk = target.make(scenes.new())
    if not chunk.value and chance(0.08) and not groups.seeded then chunk.how = one_of(frames) end
    return target.name, chunk
  end

  return calls
end
