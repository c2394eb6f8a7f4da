-- Plausible arguments: names and types of the catalogue's parameters and options, filled so that
-- they
-- belong together.
return function(tree, values, catalogue)
  local leaf, one_of, chance, random = tree.leaf, values.one_of, values.chance, math.random
  local scenes = {}

  local model <const> = leaf("clip.create(\"tiny\", {seed = 1})", "H.model()")
  local bad_model <const> = leaf("(function() local m = clip.create(\"tiny\", {seed = 1}) "
    .. "for _, p in pairs(m:parameters()) do p[{}] = 0/0 end return m end)()", "H.bad_model()",
      true)
  local names <const> = { "cat", "dog", "tree", "sea", "bus" }

  -- One draw of everything that arguments share.
  function scenes.new()
    local scene = { n = one_of{ 1, 1, 2, 2, 3 }, h = one_of{ 1, 2, 3, 4, 4, 5, 8, 16 }, c = one_of{
      2, 2, 3, 5 } }
    scene.w = chance(0.6) and scene.h or one_of{ 1, 2, 3, 7, 33, 60 }
    if scene.h == 16 then scene.w = one_of{ 2, 4, 16 } end
    scene.seed, scene.shape = random(99), values.shape(300)
    scene.real = chance(0.12)
    if scene.real then scene.h, scene.w, scene.c = 16, 16, 3 end
    return scene
  end

  local function list(count, make)
    local nodes = {}
    for index = 1, count do nodes[index] = leaf(make(index)) end
    return tree.table(nodes)
  end

  local function strings(count) return list(count,
    function(i) return ("%q"):format(names[i]) end) end

  local function images(scene)
    return leaf(("tensor.rand({%d, 3, %d, %d}, {seed = %d})"):format(scene.n, scene.h, scene.w,
      scene.seed))
  end

  local function labels(scene)
    local node = list(scene.n, function() return tostring(random(scene.c)) end)
    return node
  end

  local linear <const> = "function(x) return x:mean{axis = {3, 4}}:matmul(tensor.%s) end"
  -- Classifiers that are functions; the last ones never give finite logits.
  local function toy(scene)
    local weights = ("randn({3, %d}, {seed = %d})"):format(scene.c, scene.seed)
    local way = random(33)
    if way <= 18 then return leaf(linear:format(weights)) end
    if way <= 20 then return leaf(linear:format(weights .. " * 1e30")) end
    if way == 21 then return leaf(linear:format(("zeros{3, %d}"):format(scene.c))) end
    if way == 22 then return leaf((linear:format(weights):gsub(" end$", ":detach() end"))) end
    if way == 23 then return leaf((linear:format(weights):gsub(" end$", ":to(\"float64\") end")))
      end
    if way == 24 then return leaf((linear:format(weights):gsub(" end$", ":to(\"int64\") end"))) end
    if way == 25 then
      return leaf("(function() local n = 0 return function(x) n = n + 1 "
        .. "local l = x:mean{axis = {3, 4}}"
        .. (":matmul(tensor.%s) if n > %d then l = l * (0/0) end return l end end)()"):format(
          weights, random(6)))
    end
    if way == 26 then
      return leaf("(function() local n = 0 return function(x) n = n + 1 if n > "
        .. random(5) .. " then error(\"enough\") end return x:mean{axis = {3, 4}} end end)()")
    end
    if way == 27 or way == 30 then
      return leaf(linear:format(("full({3, %d}, 0/0)"):format(scene.c)), nil, true) end
    if way == 28 or way == 31 then return leaf(linear:format(weights .. " * (1/0)"), nil, true) end
    if way == 29 or way == 32 then
      return leaf(linear:format(weights):gsub(" end$", " * tensor.from{0/0"
        .. (", 1"):rep(scene.c - 1)
        .. "} end"), nil, true)
    end
    return values.hostile("function")
  end

  local function classifier(scene)
    if not scene.real then return toy(scene) end
    if chance(0.1) then return leaf(tree.text(bad_model)
      .. ":classifier{\"cat\", \"dog\", \"tree\"}",
      "H.bad_classifier()", true) end
    return leaf(tree.text(model) .. ":classifier{\"cat\", \"dog\", \"tree\"}", "H.classifier()")
  end

  local function clip_model() return chance(0.06) and bad_model or model end

  local function dataset(scene, captions)
    local parts = { images(scene) }
    if captions then
      parts[2] = list(scene.n, function(i) return ("{%q, %q}"):format("a " .. names[i], names[i]
        .. "s") end)
    else
      parts[2], parts[3] = labels(scene), strings(scene.c)
    end
    return tree.call("data.from", parts)
  end

  local function tensor_of(shape, dtype)
    local option = dtype and (", dtype = %q"):format(dtype) or ""
    return leaf(("tensor.randn(%s, {seed = %d%s})"):format(values.shape_text(shape), random(9),
      option))
  end

  local methods <const> = {}
  local text_options
  for _, library in ipairs(catalogue.libraries) do
    if library.name == "attack" then
      for _, entry in ipairs(library.functions) do
        if entry.name == "text" then text_options = entry.options end
        if entry.parameters[1].name == "classifier" and entry.parameters[2].type == "tensor"
          and entry.name ~= "probe" then
          methods[#methods + 1] = entry
        end
      end
    end
  end

  -- Options that a call of the attack has and a table inside another call has not.
  local own <const> = { batch = true, progress = true, trace = true, source = true,
    sample_ids = true,
    attack_all = true, probes = true, early_stop = true, targeted = true,
    objective = true, images = true, labels = true, class_names = true }

  -- {method = "pgd", eps = …, options of that attack}
  local function image_attack(scene, depth)
    local entry = one_of(methods)
    local node = scenes.options(entry.options, scene, depth + 1)
    for index = #node.named, 1, -1 do
      if own[node.named[index][1]] and chance(0.97) then table.remove(node.named, index) end
    end
    table.insert(node.named, 1, { "method", leaf(("%q"):format(entry.name)) })
    return node
  end

  local function text_attack(scene, depth)
    local node = scenes.options(text_options, scene, depth + 1)
    for index = #node.named, 1, -1 do
      if own[node.named[index][1]] and chance(0.97) then table.remove(node.named, index) end
    end
    if chance(0.7) then
      for index = #node.named, 1, -1 do
        if node.named[index][1] == "method" then table.remove(node.named, index) end
      end
      table.insert(node.named, 1, { "method", leaf("\"char\"") })
    end
    return node
  end

  local function multimodal_attack(scene, depth)
    if chance(0.4) then return tree.table() end
    return tree.table({}, {
      { "method", leaf(one_of{ "\"independent\"", "\"co-attack\"", "\"sga\"", "\"adaptive\"",
        "\"worst\"" }) },
      { "image", image_attack(scene, depth) }, { "text", text_attack(scene, depth) } })
  end

  local function or_list(make) return chance(0.3) and tree.table{ make, make } or make end

  -- Options by name, then by form.
  local function integers(...)
    local list_of = { ... }
    return function() return leaf(tostring(one_of(list_of))) end
  end
  local named <const> = {
    steps = integers(1, 2, 3), restarts = integers(1, 2), eot = integers(1, 2),
      queries = integers(1, 5, 30),
    epochs = integers(1), batch = integers(1, 2, 3), search_steps = integers(1, 2),
    n_targets = integers(1, 2), generations = integers(1), population = integers(2, 3),
    width = integers(1, 2), combinations = integers(50, 500), sites = integers(1, 2),
      draws = integers(2),
    k = integers(1, 2), words = integers(1, 2), edits = integers(1), scales = integers(1, 2),
    variance = integers(1, 2), smoothing = integers(1, 3, 5), columns = integers(1, 2),
    scale = integers(1, 2), rows = integers(1, 2), pictures = integers(0, 1, 2),
    size = integers(1, 4, 8, 16), context = integers(77, 8, 20), max_length = integers(8, 30),
    checkpoint_every = integers(0, 1), indent = integers(0, 2), correction = integers(0, 1),
    lattice = integers(8), bits = integers(8, 16), seed = integers(0, 1, 7), epoch = integers(1, 2),
    crop = integers(0, 1), label = integers(1, 2), accumulate = integers(1, 2), limit = integers(1,
      3),
    candidates = integers(2, 3), samples = integers(1, 2), max_change = integers("0.5", 1),
    threshold = integers("0.3", "\"none\""), overshoot = integers("0.02"), holdout = integers("0.2",
      "0.5"),
    eps = integers("\"8/255\"", "0.1", "\"1/2\"", "0.5", "0"), step = integers("\"2/255\"", "0.05"),
    lr = integers("0.01", "1e-3"), loss = integers("\"ce\"", "\"margin\"", "\"dlr\"",
      "function(l, y) return -(l:softmax(2):max(2)) end"),
    objective = integers("\"kl\"", "\"cosine\"", "\"l2\""), depth = integers("8", "\"full\""),
    train = integers("\"both\"", "\"visual\"", "\"text\"", "\"bias_norm\"", "{last_blocks = 1}"),
    templates = integers("\"a photo of a {c}\"", "{\"a {c}\", \"the {c}\"}"),
      title = integers("\"T\""),
    path = integers("\"out.svg\"", "\"out.png\""), out = integers("\"run1\"", "\"run2\"",
      "\"run3\""),
    activation = integers("\"gelu\"", "\"quick_gelu\""), format = integers("\"auto\"",
      "\"image-folder\""),
    split = integers("\"test\"", "\"train\""), id = integers("\"a\"", "\"b\""),
      warmup = integers("0", "0.5", "1"),
    categories = function() return strings(3) end, y = integers("{1, 2, 3}", "{0.5}", "{}"),
    x = integers("{1, 2, 3}", "{0.1}"), matrix = integers("{{1, 2}, {3, 4}}", "{{0}}"),
    series = integers("{{name = \"a\", y = {1, 2}}, {name = \"b\", x = {1, 2}, y = {2, 1}}}"),
    captions = function(scene) return strings(scene.n) end,
    class_names = function(scene) return strings(scene.c) end,
    sources = integers("\"chars\"", "{\"embed\", \"chars\"}", "\"embed\""),
      kinds = integers("\"swap\"", "{\"delete\", \"insert\"}"),
    stop_words = integers("{\"a\", \"the\"}", "\"of\""),
    method = false, norm = integers("\"linf\"", "\"l2\"", "\"l1\""),
    targeted = function(scene)
      return leaf(one_of{ "\"random\"", "\"least-likely\"", "\"all\"", "{" .. ("2, "):rep(scene.n)
        .. "}" })
    end,
    sample_ids = function(scene) return list(scene.n, function(i) return tostring(i * 7) end) end,
    source = classifier, classifier = classifier, model = clip_model, base = clip_model,
    data = function(scene, _, target) return dataset(scene, target == "eval.retrieval") end,
    image = image_attack, image_attack = image_attack, text_attack = text_attack,
    on_step = integers("function(row) return row.loss end"), images = images, labels = labels,
    away = function() return tensor_of{ 1, 8 } end, toward = function() return tensor_of{ 1,
      8 } end,
  }
  -- Without these a plausible call would run for seconds.
  local forced <const> = { steps = 1, queries = 1, search_steps = 1, epochs = 1, generations = 1,
    population = 1,
    sites = 0.9, combinations = 0.8, probes = 0.8, fast = 0.9, eps = 0.9, data = 1, model = 1,
      batch = 0.8, attacks = 0.9, attack = 0.7 }

  local function by_form(option, scene, depth)
    local form = option.form
    if form == "boolean" then return leaf(one_of{ "true", "false" }) end
    if form == "integer" then
      local low, high = math.max(option.low, -2), math.min(option.high, 4)
      return leaf(tostring(low <= high and random(low, high) or option.low))
    end
    if form == "number" then return leaf(one_of{ "0.1", "0.5", "0.9", "1", "0.5" }) end
    if form == "budget" then return leaf(one_of{ "\"8/255\"", "0.1" }) end
    if form == "choice" then return leaf(("%q"):format(one_of(option.choices))) end
    if form == "integers" then return list(scene.n, function(i) return tostring(i) end) end
    if form == "numbers" then return leaf(one_of{ "{0.9, 0.98}", "{1, 2, 3}" }) end
    if form == "strings" then return chance(0.5) and strings(scene.c) or leaf("\"cat\"") end
    if form == "function" then return leaf("function(...) return ... end") end
    if form == "table" then return scenes.options(option.fields, scene, depth + 1) end
    if form == "handle" then return clip_model() end
    return leaf(one_of{ "\"a\"", "1", "{}", "true" })
  end

  function scenes.value(option, scene, depth, target)
    if depth > 3 then return leaf("nil") end
    local name = option.name
    if name == "attacks" or name == "attack" then
      local node = tree.table()
      if chance(0.8) then node.named[1] = { "image", or_list(image_attack(scene, depth)) } end
      if chance(0.3) then table.insert(node.named, { "text", or_list(text_attack(scene, depth)) })
        end
      if chance(0.2) then table.insert(node.named, { "multimodal", multimodal_attack(scene,
        depth) }) end
      return node
    end
    if name == "text" and option.form == "table" then return text_attack(scene, depth) end
    if name == "image" and option.type == "number" then return leaf("0.5") end
    if name == "augment" or option.form == "boolean" or option.form == "choice" then
      return by_form(option, scene, depth)
    end
    if name == "axis" then
      local rank = #scene.shape
      return leaf(rank > 0 and tostring(one_of{ random(rank), -random(rank) }) or "1")
    end
    if name == "crop" and option.form ~= "integer" then return by_form(option, scene, depth) end
    if option.form == "handle" and option.handle == "mlm" then return leaf("text.load_mlm(\"mlm\")",
      "H.mlm()") end
    if named[name] then return named[name](scene, depth, target) end
    return by_form(option, scene, depth)
  end

  -- Some options of a list, those that keep a call short always.
  function scenes.options(options, scene, depth, target)
    local node = tree.table()
    local share = one_of{ 0, 0.05, 0.1, 0.2, 0.4 }
    if #options < 6 then share = one_of{ 0, 0.4, 0.8 } end
    for _, option in ipairs(options) do
      local must = option.required or (forced[option.name] and chance(forced[option.name]))
      if must or chance(share) then
        local value = scenes.value(option, scene, depth or 0, target)
        if option.name == "probes" and must then value = leaf("false") end
        if option.name == "fast" and must then value = leaf("true") end
        node.named[#node.named + 1] = { option.name, value }
      end
    end
    -- An option that goes with another one alone.
    local given = {}
    for index, pair in ipairs(node.named) do given[pair[1]] = index end
    local function text_of(name) return given[name] and tree.text(node.named[given[name]][2])
      or "" end
    local search <const> = text_of("search") .. text_of("method")
    local needs <const> = { population = "genetic", generations = "genetic",
      combinations = "exhaustive",
      width = "beam" }
    for index = #node.named, 1, -1 do
      local need = needs[node.named[index][1]]
      if need and not search:find(need) and chance(0.95) then table.remove(node.named, index) end
    end
    given = {}
    for index, pair in ipairs(node.named) do given[pair[1]] = index end
    if given.kappa and chance(0.9) then
      if given.loss then
        node.named[given.loss][2] = leaf("\"margin\"")
      else
        table.remove(node.named, given.kappa)
      end
    end
    return node
  end

  -- Receivers of methods, operators and fields, by type.
  scenes.receivers = {
    ["tensor"] = function(scene)
      if chance(0.5) then return tensor_of(scene.shape) end
      return values.tensor(scene.shape)
    end,
    ["no_grad guard"] = function() return leaf("tensor.no_grad()") end,
    ["random generator"] = function() return leaf("random.generator(1)") end,
    ["clip model"] = clip_model,
    ["classifier"] = function(scene)
      scene.real, scene.c, scene.h, scene.w = true, 3, 16, 16
      return classifier(scene)
    end,
    ["dataset"] = function(scene) return dataset(scene) end,
    ["robustness report"] = function()
      return leaf("eval.robustness{model = clip.create(\"tiny\", {seed = 1}), probes = false, "
        .. "data = data.from(tensor.rand({2, 3, 16, 16}, {seed = 1}), {1, 2}, {\"cat\", \"dog\"}), "
        .. "attacks = {image = {method = \"fgsm\", eps = \"8/255\"}}}", "H.report()")
    end,
    ["comparison"] = function()
      local r = tree.text(scenes.receivers["robustness report"]())
      return leaf("(function() local r = " .. r
        .. " return eval.compare{{name = \"a\", report = r}, "
        .. "{name = \"b\", report = r}} end)()", "H.comparison()")
    end,
    ["retrieval report"] = function()
      return leaf("eval.retrieval{model = clip.create(\"tiny\", {seed = 1}), data = data.from("
        .. "tensor.rand({2, 3, 16, 16}, {seed = 1}), {{\"a cat\"}, {\"a dog\"}})}", "H.retrieval()")
    end,
    ["json null"] = function() return leaf("json.null") end,
    ["mlm"] = function() return leaf("text.load_mlm(\"mlm\")", "H.mlm()") end,
  }

  scenes.images, scenes.labels, scenes.classifier, scenes.strings = images, labels, classifier,
    strings
  scenes.dataset, scenes.tensor_of, scenes.model, scenes.list = dataset, tensor_of, clip_model, list
  return scenes
end
