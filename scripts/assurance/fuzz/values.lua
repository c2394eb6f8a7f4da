-- Values: hostile ones of every kind, and plausible ones for a scene (images, classes, labels that
-- belong together). Everything is text, so that a call is one line that runs anywhere.
return function(tree)
  local leaf = tree.leaf
  local values = {}

  local random <const> = math.random
  local function one_of(list) return list[random(#list)] end
  local function chance(share) return random() < share end
  values.one_of, values.chance = one_of, chance

  local numbers <const> = {
    "0/0", "math.huge", "-math.huge", "math.mininteger", "math.maxinteger", "math.mininteger + 1",
    "math.maxinteger - 1", "2^53", "2^53 + 2", "-2^53", "2^63", "-2^63", "1e308", "-1e308",
      "5e-324",
    "-0.0", "0", "-1", "-2", "1 << 31", "1 << 32", "(1 << 31) - 1", "-(1 << 31)", "1 << 40", "0.5",
    "1e18", "1e19", "1e-30", "255", "256", "65536", "100000", "1e6", "-0.5", "1.5", "3", "7",
      "1000",
  }
  local strings <const> = {
    "\"\"", "\" \"", "\"\\0\"", "\"a\\0b\"", "\"\\xff\\xfe\"", "\"\\xed\\xa0\\x80\"",
      "(\"x\"):rep(100000)",
    "\"%s%n%99d\"", "\"8/255\"", "\"1/0\"", "\"0/0\"", "\"nan\"", "\"inf\"", "\"-1/255\"",
      "\"1e999\"",
    "\"../x\"", "\"{c}\"", "\"a photo of a {c}\"", "\"\\27[2J\"", "\"\xC3\xA9\"", "\"e\\u{301}\"",
    "\"\\u{1F469}\\u{200D}\\u{1F469}\"", "(\"\\u{E9}\"):rep(300)", "\"1/\" .. (\"9\"):rep(400)",
    "(\"a \"):rep(5000)", "\"<|endoftext|>\"", "\"\\u{202E}x\"", "\"0x10\"", "\"1_000\"",
      "\"\\r\\n\"",
    "(\"(\"):rep(300)", "(\"%\"):rep(99)", "(\"[\"):rep(1000)", "\"a\"", "\"cat's\"",
      "\"9223372036854775808\"",
  }
  local tables <const> = {
    "{}", "{1, 2, nil, 4}", "{[1 << 40] = 1}", "{[0] = 1}", "{{1, 2}, {3}}", "{{}}", "{{}, {}}",
    "(function() local t = {} t[1], t.a = t, t return t end)()",
    "setmetatable({}, {__index = function() error(\"read\") end})",
    "setmetatable({}, {__index = function(_, k) return k end})",
    "setmetatable({}, {__len = function() return 1 << 60 end})",
    "setmetatable({}, {__len = function() return -1 end})",
    "setmetatable({}, {__pairs = function() return function() return 1, 1 end end})",
    "setmetatable({}, {__tostring = function() error(\"text\") end})",
    "setmetatable({}, {__tostring = function() return 1 end})",
    "setmetatable({1, 2}, {__name = \"tensor\"})",
    "(function() local t = {} for i = 1, 10000 do t[i] = i end return t end)()",
    "(function() local t = 1 for i = 1, 300 do t = {t} end return t end)()",
    "{\"a\", 1, true}", "{0/0}", "{math.huge, -math.huge}", "{1e300, -1e300}", "{math.mininteger}",
    "{math.maxinteger, 1}", "{-1}", "{0}", "{1 << 40}", "{1 << 31, 1 << 31}", "{1 << 32, 1 << 32}",
    "{3037000500, 3037000500}", "{1, math.mininteger}", "{1 << 62, 4}", "{0, 1 << 62}", "{1.5}",
      "{\"\"}",
    "{\"a\", \"a\"}", "{\"\\xff\"}", "{{1, 2}, {3, 4}}", "{true}", "{print}", "{1, 2, 3}", "{2, 3}",
    "{{0/0, 1}, {1, 2}}", "{tensor.ones{2}}", "{tensor.ones{2}, tensor.ones{3}}",
      "{{math.mininteger, 5}}",
    "{{1, math.maxinteger}}", "{{math.mininteger, math.mininteger}}", "{{2, 1}}", "{{0, 0}}",
      "{{-1, 1}}",
  }
  local functions <const> = {
    "function() error(\"raised\") end", "function() error({}) end", "function() error() end",
    "function(...) coroutine.yield(...) return ... end", "function() end",
      "function() return 0/0 end",
    "function() return \"x\" end", "function(...) return ... end", "function() return {} end",
    "(function() local function f(...) return f(...) + 1 end return f end)()",
    "(function() local function f(...) return pcall(f, ...) end return f end)()",
    "function() return tensor.ones{2} end", "function() return tensor.full({1}, 0/0) end",
    "string.rep", "coroutine.wrap(function(...) while true do coroutine.yield(...) end end)",
    "function(x) x:release() return x end", "function(x) x[{}] = 0 return x end",
    "function(x) return x:detach() end", "function(x) return x * (0/0) end", "tensor.zeros",
      "print",
    "function(x) return x:flatten() end", "function(x) return tensor.grad(x:sum(), x)[1] end",
    "function(x) collectgarbage() return x end", "function() return nil, 1 end", "error", "next",
  }
  local others <const> = {
    "nil", "true", "false", "json.null", "coroutine.create(print)", "io.stdout", "tensor", "_G",
    "tensor.no_grad()", "random.generator(1)", "string", "\"linf\"",
  }
  local sizes <const> = { 0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 16, 60, 257 }
  local dtypes <const> = { "float32", "float32", "float64", "int64" }

  -- A shape with at most `most` elements, as a list of numbers.
  function values.shape(most)
    local shape, count = {}, 1
    for axis = 1, one_of{ 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6 } do
      local size = one_of(sizes)
      if count * math.max(size, 1) > (most or 3000) then size = one_of{ 0, 1, 2 } end
      count = count * math.max(size, 1)
      shape[axis] = size
    end
    return shape
  end

  function values.shape_text(shape) return "{" .. table.concat(shape, ", ") .. "}" end

  local function view(text, shape)
    local rank = #shape
    if rank == 0 then return text .. ":expand{2, 3}" end
    local way = random(7)
    if way == 1 and rank > 1 then return text .. (":transpose(1, %d)"):format(rank) end
    if way == 2 and shape[1] > 1 then return text .. (":narrow(1, 2, %d)"):format(shape[1] - 1) end
    if way == 3 then return text .. (":flip{%d}"):format(random(rank)) end
    if way == 4 then return text .. ":unsqueeze(1):expand{2" .. (", -1"):rep(rank) .. "}" end
    if way == 5 and shape[rank] > 2 then return text .. (":narrow(%d, 1, 2)"):format(rank) end
    if way == 6 then return text .. "[1]" end
    return text .. ":flatten()"
  end

  -- Any tensor: every dtype, shape, view, with and without a gradient, released ones.
  function values.tensor(shape)
    shape = shape or values.shape()
    local text = values.shape_text(shape)
    local dtype = one_of(dtypes)
    local option = dtype == "float32" and "" or (", {dtype = %q}"):format(dtype)
    local way = random(12)
    if way <= 4 and dtype ~= "int64" then
      text = ("tensor.%s(%s, {seed = %d%s})"):format(
        one_of{ "rand", "randn" }, text, random(9), option:gsub("{", ""):gsub("}", "", 1))
    elseif way <= 6 then
      text = ("tensor.%s(%s%s)"):format(one_of{ "zeros", "ones" }, text, option)
    elseif way <= 8 then
      local value = dtype == "int64" and one_of{ "-1", "math.mininteger", "math.maxinteger", "3",
        "1 << 40" }
        or one_of{ "0/0", "math.huge", "-math.huge", "1e38", "-1e-40", "-1", "0.5", "1e308" }
      text = ("tensor.full(%s, %s%s)"):format(text, value, option)
    elseif way == 9 then
      return leaf("(function() local t = tensor.ones" .. text .. " t:release() return t end)()")
    else
      local count = 1
      for _, size in ipairs(shape) do count = count * size end
      text = ("tensor.arange(1, %d):reshape%s%s"):format(
        count, text, dtype == "float32" and "" or (":to(%q)"):format(dtype))
      if count == 0 then text = "tensor.zeros" .. values.shape_text(shape) end
    end
    if chance(0.3) then text = view(text, shape) end
    if chance(0.15) and dtype ~= "int64" then text = text .. ":requires_grad_()" end
    if chance(0.05) then text = text .. one_of{ ":exp()", " * 2", ":sum()", ":softmax()" } end
    return leaf(text)
  end

  -- A hostile value of a kind: "number", "string", "table", "function", "tensor", "other".
  function values.hostile(kind)
    if kind == "number" then
      return leaf(chance(0.9) and one_of(numbers) or tostring(random(0) >> random(0, 63)))
    end
    if kind == "string" then return leaf(one_of(strings)) end
    if kind == "table" then return leaf(one_of(tables)) end
    if kind == "function" then return leaf(one_of(functions)) end
    if kind == "tensor" then return values.tensor() end
    return leaf(one_of(others))
  end

  local kinds <const> = {
    "number", "number", "number", "string", "string", "table", "table", "function", "tensor",
      "tensor",
    "other",
  }
  function values.any() return values.hostile(one_of(kinds)) end

  values.paths = {
    "\"t.npy\"", "\"t.safetensors\"", "\"a.png\"", "\"set\"", "\"out.npy\"", "\"out.png\"",
      "\"out/x\"",
    "\"out.safetensors\"", "\"missing/x.npy\"", "\"text.json\"", "\"broken.png\"",
      "\"broken.safetensors\"",
    "\"broken.npy\"", "\"broken.pt\"",
  }
  values.hostile_paths = {
    "\"\"", "\".\"", "\"..\"", "\"/\"", "\"/etc/passwd\"", "\"/dev/full\"", "\"/dev/zero\"",
      "\"/proc/self/mem\"",
    "\"noext\"", "(\"d/\"):rep(3000)", "(\"n\"):rep(300) .. \".npy\"", "\"\\0.npy\"",
      "\"a\\0.png\"",
    "\"\\xff.npy\"", "\"-\"", "\"~\"", "\"set/\"", "\"a.png/\"", "\"file://a.png\"", "\"a.PNG\"",
      "\"\\n\"",
  }

  return values
end
