import Testing

@testable import LuaBindings

/// `attack.text` and what takes `truncate`, from Lua: glue, limits, quality, long texts.
@Suite struct TextAttackLuaTests {
  private static let setUp = """
    local model, x = clip.create("tiny", {seed = 2}), tensor.rand({6, 3, 16, 16}, {seed = 1})
    local long = ("cat "):rep(100)
    local function try(f, ...)
      local ok, problem = pcall(f, ...)
      print(ok and "ok" or tostring(problem):match("[^:]*:%d+: (.*)") or tostring(problem))
    end

    """

  static let cases: [OutputCase] = [
    OutputCase(
      "a glued name never becomes another class's prompt",
      """
      local methods = {
        {method = "char", sites = 3}, {method = "char", draws = 20}, {method = "synonym"},
        {method = "embedding"}, {method = "beam"}, {method = "genetic", generations = 2},
        {method = "exhaustive"}, {method = "char", kinds = {"delete", "insert"}},
      }
      local names, broken, runs = {"cat", "coat"}, 0, 0
      for _, template in ipairs{"the {c}'s picture", "a {c}-like thing", "this:{c}"} do
        local cls = model:classifier(names, {templates = {template}})
        local clean = {}
        for i, prompt in ipairs(cls.prompts) do clean[prompt:lower():gsub("%W", "")] = i end
        for _, options in ipairs(methods) do
          for _, scope in ipairs{"class", options.method ~= "char" and "prompt" or nil} do
            local copy = {}
            for k, v in pairs(options) do copy[k] = v end
            copy.scope = scope
            local ok, texts = pcall(attack.text, model, cls, copy)
            if ok then
              runs = runs + 1
              for i, text in ipairs(texts) do
                local owner = clean[text:lower():gsub("%W", "")]
                if owner and owner ~= i then broken = broken + 1 print(template, options.method, text) end
              end
            end
          end
        end
      end
      print(broken, runs > 10)
      """, "0\ttrue\n"),
    OutputCase(
      "plain strings are the prompts of a set, too",
      """
      local prompts = {"a cat", "a coat"}
      local options = {method = "char", no_new_words = false, sites = 9}
      local texts, r = attack.text(model, prompts, options)
      print(texts[1] ~= prompts[2], texts[2] ~= prompts[1], r.dropped_shares.forbid_class_names > 0)
      options.forbid_class_names = false
      local _, free = attack.text(model, prompts, options)
      print(free.dropped_shares.forbid_class_names)
      """, "true\ttrue\ttrue\nnil\n"),
    OutputCase(
      "a limit of queries ends the search, and the report says so",
      """
      local texts, r = attack.text(model, {"a photo of a house"}, {method = "char", max_queries = 10})
      print(r.queries.encoded, r.stopped.max_queries, r.stopped.max_seconds, r.results[1].flags[1],
        r.attack.max_queries)
      print(r.results[1].objective_after >= r.results[1].objective_before)
      local _, free = attack.text(model, {"a photo of a house"}, {method = "char", max_queries = 1e6 // 1 | 0})
      print(free.stopped, free.queries.encoded > 10, #free.results[1].flags)
      local _, late = attack.text(model, {"a photo of a house"}, {method = "char", max_seconds = 1e-9})
      print(late.stopped.max_seconds, late.queries.encoded)
      """,
      "10\t1\t0\tmax_queries\t10\ntrue\nnil\ttrue\t0\n1\t1\n"),
    OutputCase(
      "the exact attack for each image takes a limit, too",
      """
      local cls = model:classifier({"cat", "dog"}, {templates = {"a {c}"}})
      local options = {method = "char", objective = "ce", images = x, labels = {1, 2, 1, 2, 1, 2}}
      local _, free = attack.text(model, cls, options)
      options.max_queries = 7
      local _, r = attack.text(model, cls, options)
      print(r.queries.encoded, r.stopped.max_queries, free.stopped, r.accuracy_all >= free.accuracy_all)
      """, "14\t2\tnil\ttrue\n"),
    OutputCase(
      "quality: Levenshtein distance, and a cosine where an encoder is given",
      """
      local calls = 0
      local function encoder(texts)
        calls = calls + #texts
        local rows = {}
        for i, s in ipairs(texts) do rows[i] = {#s, 1} end
        return tensor.from(rows)
      end
      local options = {method = "char", kinds = {"delete"}, no_new_words = false, encoder = encoder}
      local texts, r = attack.text(model, {"house"}, options)
      local a, b = tensor.from{{5, 1}}:normalize(2), tensor.from{{4, 1}}:normalize(2)
      print(r.levenshtein, math.abs(r.cosine - (a * b):sum():item()) < 1e-6,
        r.results[1].cosine == r.cosine, calls > 0)
      options.encoder = model
      local _, own = attack.text(model, {"house"}, options)
      local f = model:encode_text({"house", own.results[1].adversarial})
      print(math.abs(own.cosine - (f[1] * f[2]):sum():item()) < 1e-5)
      options.encoder = nil
      print(select(2, attack.text(model, {"house"}, options)).cosine)
      """, "1.0\ttrue\ttrue\ttrue\ntrue\nnil\n"),
    OutputCase(
      "long texts: cut where it is asked for, the same as cut by hand",
      """
      local ids = clip.tokenize(long, {truncate = true})
      local cut = model:encode_text(ids)
      local function same(f) return (f - cut):abs():max():item() == 0 end
      print(same(model:encode_text(long, {truncate = true})))
      local cls = model:classifier({long, "dog"}, {templates = "{c}", truncate = true})
      local logits = model:logits(x, {long, "dog"}, {truncate = true})
      print((cls:logits(x) - logits):abs():max():item() < 1e-4)
      print(cls:with_prompts{"a cat", long}.prompts[2] == long)
      local plain = model:classifier{"cat", "dog"}
      try(plain.with_prompts, plain, {"a cat", long})
      print(plain:with_prompts({"a cat", long}, {truncate = true}):predict(x):size(1))
      -- What lies behind the cut is not seen, so it cannot be what changes.
      local texts, r = attack.text(model, {long .. "house"}, {method = "char", sites = 3, truncate = true})
      print(r.results[1].edits[1].word <= 75)
      """,
      """
      true
      true
      true
      with_prompts: the prompt of class 'dog' has 102 tokens, the context holds 77: 'cat cat cat cat cat cat cat cat cat cat…' (shorten it, or pass truncate = true to cut it)
      6
      true

      """),
    OutputCase(
      "long captions are found before the first step, and named",
      """
      local ds = data.from(x, {"a", "b", "c", "d", "e", long})
      local function step() print("a step") end
      try(train.contrastive, {model = model, data = ds, batch = 2, steps = 3, on_step = step})
      try(train.run, {method = "clean", model = model, data = ds, batch = 2, steps = 3, warmup = 0, on_step = step})
      try(eval.retrieval, {model = model, data = ds})
      try(eval.robustness, {model = model, data = data.from(x, {1, 2, 1, 2, 1, 2}, {long, "dog"})})
      try(attack.text, model, {long}, {method = "char"})
      try(attack.multimodal, model, x, {"a", "b", "c", "d", "e", long}, nil,
        {method = "co-attack", text = {method = "char"}, image = {steps = 1}})
      """,
      """
      train.contrastive: the caption of sample 6 (id 'memory#5') has 102 tokens, the context holds 77: 'cat cat cat cat cat cat cat cat cat cat…' (shorten it, or pass truncate = true to cut it)
      train.run: the caption of sample 6 (id 'memory#5') has 102 tokens, the context holds 77: 'cat cat cat cat cat cat cat cat cat cat…' (shorten it, or pass truncate = true to cut it)
      eval.retrieval: the caption of sample 6 (id 'memory#5') has 102 tokens, the context holds 77: 'cat cat cat cat cat cat cat cat cat cat…' (shorten it, or pass truncate = true to cut it)
      eval.robustness: the prompt of class 'cat cat cat cat cat cat cat cat cat cat ' has 108 tokens, the context holds 77: 'This is a photo of a cat cat cat cat ca…' (shorten it, or pass truncate = true to cut it)
      attack.text: the text has 102 tokens, the context holds 77: 'cat cat cat cat cat cat cat cat cat cat…' (shorten it, or pass truncate = true to cut it)
      attack.multimodal: the text has 102 tokens, the context holds 77: 'cat cat cat cat cat cat cat cat cat cat…' (shorten it, or pass truncate = true to cut it)

      """),
    OutputCase(
      "with truncate = true the same calls run",
      """
      local ds = data.from(x, {"a", "b", "c", "d", "e", long})
      local r = train.contrastive{model = model, data = ds, batch = 2, steps = 3, truncate = true}
      print(#r.history)
      try(r.model.encode_text, r.model, long)
      print(#train.run{method = "text-only", model = model, data = ds, batch = 2, steps = 3, truncate = true,
        text_attack = {method = "char", draws = 2}}.history)
      local e = eval.retrieval{model = model, data = ds, truncate = true,
        attack = {text = {method = "char", draws = 2}}}
      print(e:to_table().truncate, e:recall("clean", "tr", 10))
      local ds = data.from(x, {1, 2, 1, 2, 1, 2}, {long, "dog"})
      print(eval.robustness{model = model, data = ds, truncate = true, attacks = {text = {method = "char", draws = 2}}}
        :accuracy("clean") >= 0)
      local _, captions = attack.multimodal(model, x, {"a", "b", "c", "d", "e", long}, nil,
        {method = "co-attack", truncate = true, text = {method = "char", draws = 2}, image = {steps = 1}})
      print(#captions)
      """,
      """
      3
      encode_text: the text has 102 tokens, the context holds 77: 'cat cat cat cat cat cat cat cat cat cat…' (shorten it, or pass truncate = true to cut it)
      3
      true\t1.0
      true
      6

      """),
    OutputCase(
      "masks and starts where attack tables stand",
      """
      local names, mask = {"a cat", "a dog", "a bird"}, tensor.zeros{16, 16}
      mask[{{1, 8}}] = 1
      local function keeps(adv, from) return (adv - from)[{{}, {}, {9, 16}}]:abs():max():item() == 0 end
      for _, method in ipairs{"independent", "adaptive", "image-first", "alternating", "co-attack", "sga",
          "worst"} do
        local adv = attack.multimodal(model, x, {1, 2, 3, 1, 2, 3}, names, {method = method,
          scales = {}, text = {method = "char", sites = 1},
          image = {eps = "8/255", steps = 2, mask = mask, init = x:flip(1)}})
        assert(keeps(adv, x) and (adv - x):abs():max():item() > 0, method)
      end
      -- One image a caption, each with its own image's mask.
      local pair, each = x[{{1, 2}}], tensor.zeros{2, 1, 16, 16}
      each[{1, 1, {1, 8}}] = 1
      local adv = attack.multimodal(model, pair, {{"a cat", "one cat"}, "a dog"}, nil, {method = "co-attack",
        text = {method = "char", words = 0}, image = {eps = "8/255", steps = 2, mask = each}})
      print(#adv, keeps(adv[{{1, 2}}], pair[{{1, 1}}]), (adv[{{1, 2}}] - pair[{{1, 1}}]):abs():max():item() > 0,
        (adv[3] - pair[2]):abs():max():item())
      local set = data.from(pair, {"a cat", "a dog"})
      local r = eval.retrieval{model = model, data = set, attack = {image = {steps = 1, mask = mask},
        multimodal = {method = "co-attack", image = {steps = 1, mask = mask}, text = {method = "char", words = 0}}}}
      local run = train.run{method = "image-only", model = model, data = set, batch = 2, steps = 1,
        image_attack = {steps = 1, mask = mask}}
      print(r:recall("image/pgd", "tr", 10), run.steps, r:to_table().scenarios[2].threat_model.mask ~= nil)
      """, "3\ttrue\ttrue\t0.0\n1.0\t1\ttrue\n"),
    OutputCase(
      "a targeted image attack in attack.multimodal: accuracy and hits apart",
      """
      local names = {"a cat", "a dog", "a bird"}
      local y = model:logits(x, names):argmax(2):to_table()
      local targets = {}
      for i, c in ipairs(y) do targets[i] = c % 3 + 1 end
      for _, method in ipairs{"independent", "adaptive"} do
        local adv, texts, r = attack.multimodal(model, x, y, names, {method = method,
          text = {method = "char", sites = 1}, image = {targeted = targets, eps = 0, steps = 1}})
        local top = model:logits(adv, texts):argmax(2):to_table()
        local good = true
        for i = 1, 6 do
          good = good and r.target_hit[i] == (top[i] == targets[i]) and r.success[i] == (top[i] ~= y[i])
            and not r.image_success[i] and r.targets[i] == targets[i]
        end
        print(method, good, r.clean_accuracy)
      end
      local _, _, r = attack.multimodal(model, x, y, names,
        {text = {method = "char", words = 0}, image = {targeted = y, eps = 0}})
      print(#r.left_out, r.target_hit[1], r.target_hit_rate, r.strict_accuracy, r.image.target_hit_rate)
      for _, method in ipairs{"image-first", "alternating", "co-attack", "sga", "worst"} do
        try(attack.multimodal, model, x, y, names,
          {method = method, text = {method = "char"}, image = {targeted = targets}})
      end
      """,
      """
      independent\ttrue\t1.0
      adaptive\ttrue\t1.0
      6\tfalse\tnil\t1.0\tnil
      attack.multimodal: method "image-first" has no targeted form (independent and adaptive take targeted)
      attack.multimodal: method "alternating" has no targeted form (independent and adaptive take targeted)
      attack.multimodal: method "co-attack" has no targeted form (independent and adaptive take targeted)
      attack.multimodal: method "sga" has no targeted form (independent and adaptive take targeted)
      attack.multimodal: method "worst" has no targeted form (independent and adaptive take targeted)

      """),
  ]

  @Test(arguments: cases) func prints(_ row: OutputCase) throws {
    #expect(try Script().run(Self.setUp + row.source) == row.output)
  }

  /// Texts that are not UTF-8 are named where they are given.
  @Test(arguments: [
    (#"attack.text(m, {"a", b}, {method = "char"})"#, "[2]"),
    (#"attack.text(m, {"a"}, {method = "char", class_names = {b}})"#, "[1]"),
    (#"m:encode_text{b}"#, "[1]"), (#"m:classifier{"a", b}"#, "[2]"), (#"m:logits(x, {b})"#, "[1]"),
    (#"m:classifier{"a"}:with_prompts{b}"#, "[1]"), (#"text.synonyms(b)"#, ""),
    (#"text.edits(b)"#, ""), (#"clip.tokenize(b)"#, ""), (#"data.from(x, {"a", b})"#, "[2]"),
    (#"data.from(x, {{"a"}, {"c", b}})"#, "[2][2]"), (#"data.from(x, {b, "a"})"#, "[1]"),
    (#"attack.multimodal(m, x, {{"a"}, {b}}, nil, {method = "co-attack"})"#, "[2][1]"),
  ])
  func textsAreUTF8(call: String, place: String) throws {
    let setUp = #"local m, x, b = clip.create("tiny"), tensor.zeros{2, 3, 16, 16}, "c\xffat" "#
    let message = try #require(Script().message(of: setUp + call))
    #expect(message.contains("not valid UTF-8"), "\(message)")
    #expect(message.contains(place), "\(message)")
  }
}
