import Testing

@testable import LuaBindings

/// `attack.multimodal` from Lua: classes, captions, budgets, what comes back.
@Suite struct MultimodalLuaTests {
  private static let setUp = """
    local model, x = clip.create("tiny", {seed = 2}), tensor.rand({4, 3, 16, 16}, {seed = 1})
    local names, y = {"a cat", "a dog", "a bird"}, {1, 2, 3, 1}
    local small = {method = "char", sites = 2}
    local function run(options, labels, prompts)
      options.text, options.image = options.text or small, options.image or {steps = 3}
      return attack.multimodal(model, x, labels or y, prompts, options)
    end

    """

  static let cases: [OutputCase] = [
    OutputCase(
      "every method keeps the budget and answers every sample",
      """
      for _, method in ipairs{"independent", "adaptive", "image-first", "alternating", "co-attack",
          "sga", "worst"} do
        local adv, texts, r = run({method = method, image = {steps = 3, eps = "4/255"}}, y, names)
        local perImage = type(texts[1]) == "table"
        print(method, (adv - x):abs():max():item() <= 4 / 255 + 1e-7, perImage and #texts or 1,
          #(perImage and texts[1] or texts), #r.success, #r.loss, r.method == method)
      end
      """,
      """
      independent\ttrue\t1\t3\t4\t4\ttrue
      adaptive\ttrue\t1\t3\t4\t4\ttrue
      image-first\ttrue\t4\t3\t4\t4\ttrue
      alternating\ttrue\t4\t3\t4\t4\ttrue
      co-attack\ttrue\t1\t3\t4\t4\ttrue
      sga\ttrue\t4\t3\t4\t4\ttrue
      worst\ttrue\t4\t3\t4\t4\ttrue

      """),
    OutputCase(
      "the report's loss is that of the images and prompts that come back",
      """
      for _, method in ipairs{"adaptive", "image-first", "alternating", "sga", "worst"} do
        local adv, texts, r = run({method = method}, y, names)
        local worst = 0
        for i = 1, 4 do
          local prompts = type(texts[1]) == "table" and texts[i] or texts
          local logits = model:logits(adv[{{i, i}}], prompts)
          local loss = tensor.cross_entropy(logits, {y[i]}):item()
          worst = math.max(worst, math.abs(loss - r.loss[i]))
        end
        print(method, worst < 1e-4)
      end
      """,
      "adaptive\ttrue\nimage-first\ttrue\nalternating\ttrue\nsga\ttrue\nworst\ttrue\n"),
    OutputCase(
      "a row that cannot be done is refused before anything runs",
      """
      local folder = os.tmpname()
      os.remove(folder)
      local set = data.from(x, y, names)
      for _, method in ipairs{"image-first", "alternating"} do
        local _, problem = pcall(eval.robustness, {model = model, data = set, out = folder,
          templates = {"a photo of a {c}", "the {c}"}, attacks = {image = {steps = 1000000},
            multimodal = {method = method, image = {steps = 1}, text = small}}})
        print(tostring(problem):match("method.*"), io.open(folder .. "/record.jsonl") == nil)
      end
      """,
      """
      method "image-first" needs a text attack for each image (it takes classifiers with one template)\ttrue
      method "alternating" needs a text attack for each image (it takes classifiers with one template)\ttrue

      """),
    OutputCase(
      "co-attack and sga have 2/255, the others 1/255, when no eps is given",
      """
      for _, method in ipairs{"independent", "co-attack", "sga", "worst"} do
        local _, _, r = run({method = method}, y, names)
        print(method, r.image.budget)
      end
      """,
      "independent\tlinf 1/255\nco-attack\tlinf 2/255\nsga\tlinf 2/255\nworst\tlinf 1/255\n"),
    OutputCase(
      "several templates: an image's captions are its class's prompts",
      """
      local cls = model:classifier({"cat", "dog"}, {templates = {"a {c}", "my {c}"}})
      local labels = {1, 2, 1, 2}
      local _, texts, r = run({method = "sga"}, labels, cls)
      print(#texts, #texts[1], texts[1][3] == "a dog", texts[2][1] == "a cat", texts[2][2] == "my cat")
      local _, _, worst = run({method = "worst"}, labels, cls)
      print(table.concat(worst.members, " "))
      """, "4\t4\ttrue\ttrue\ttrue\nclean mm_sep mm_t2i mm_co mm_sga\n"),
    OutputCase(
      "captions: a list for each image; pairs and joint images",
      """
      local captions = {{"a red cat", "one cat"}, {"a dog"}, {"a bird", "birds"}, {"sky"}}
      for _, method in ipairs{"independent", "co-attack", "sga"} do
        local adv, texts, r = run({method = method}, captions)
        print(method, adv:size(1), #texts, #texts[1], #texts[2], #r.similarity_after)
      end
      local adv = run({method = "co-attack", joint = true}, captions)
      print(adv:size(1))
      local worst, texts, r = run({method = "worst"}, captions)
      print(worst:size(1), #texts[3], #r.similarity_after, table.concat(r.members, " "), #r.chosen)
      local one, texts = attack.multimodal(model, x[1], {"a cat"}, nil,
        {method = "sga", text = small, image = {steps = 2}})
      print(one:ndim(), #texts, #texts[1])
      """,
      """
      independent\t4\t4\t2\t1\t6
      co-attack\t6\t4\t2\t1\t6
      sga\t4\t4\t2\t1\t6
      4
      4\t2\t6\tclean mm_sep mm_co mm_sga\t4
      3\t1\t1

      """),
    OutputCase(
      "the true class's prompt alone may change",
      """
      local _, texts = run({method = "image-first", text_threat = "true"}, y, names)
      local others = true
      for i, list in ipairs(texts) do
        for c, text in ipairs(list) do
          if c ~= y[i] and text ~= names[c] then others = false end
        end
      end
      print(others)
      """, "true\n"),
  ]

  static let evaluations: [OutputCase] = [
    OutputCase(
      "eval.robustness has a row for every method",
      """
      local ds = data.from(x, y, names)
      local list = {}
      for i, method in ipairs{"independent", "adaptive", "image-first", "alternating", "co-attack",
          "sga", "worst"} do
        list[i] = {method = method, image = {steps = 2}, text = small, scales = {1}}
      end
      local r = eval.robustness{model = model, data = ds, attacks = {multimodal = list}}
      for _, label in ipairs{"mm_sep", "mm_t2i", "mm_i2t", "mm_alt", "mm_co", "mm_sga", "mm_worst"} do
        print(label, r:accuracy(label .. "/pgd + char") <= 1)
      end
      -- Co-Attack and SGA have 2/255 for their budget: two threat models, each with its own worst.
      print((r:accuracy("worst/linf 1/255")) <= r:accuracy("mm_worst"),
        (r:accuracy("worst/linf 2/255")) <= r:accuracy("worst/linf 1/255"),
        (r:accuracy("mm_worst")) <= r:accuracy("mm_alt"))
      """,
      """
      mm_sep\ttrue
      mm_t2i\ttrue
      mm_i2t\ttrue
      mm_alt\ttrue
      mm_co\ttrue
      mm_sga\ttrue
      mm_worst\ttrue
      true\ttrue\ttrue

      """),
    OutputCase(
      "eval.retrieval: image, text and both; success rates; lists of attacks",
      """
      local ds = data.from(x, {{"a red cat", "one cat"}, {"a dog"}, {"a bird", "birds"}, {"sky"}})
      local r = eval.retrieval{model = model, data = ds, name = "tiny", attack = {
        image = {{steps = 2, eps = "8/255"}, {method = "fgsm", objective = "captions"}},
        text = {method = "char", sites = 2, objective = "img"},
        multimodal = {{method = "co-attack", image = {steps = 2}, text = small},
          {method = "sga", image = {steps = 2}, text = small, scales = {0.5}},
          {method = "worst", image = {steps = 2}, text = small, methods = {"independent"}}}}}
      print(tostring(r))
      for _, row in ipairs(r:to_table().scenarios) do
        local tr, ir = row.tr["R@1"], row.ir["R@5"]
        print(row.label, tr.n, ir.n, r:recall(row.label, "tr", 1) == tr.recall,
          r:lost(row.label, "tr", 10))
      end
      print(r:table():find("tiny: memory, 4 images and 6 captions", 1, true) ~= nil)
      """,
      """
      retrieval report: clean, image/pgd, image/fgsm, text/char, mm_co/pgd + char, mm_sga/pgd + char, mm_worst/pgd + char
      clean\t4\t6\ttrue\t0.0
      image/pgd\t4\t6\ttrue\t0.0
      image/fgsm\t4\t6\ttrue\t0.0
      text/char\t4\t6\ttrue\t0.0
      mm_co/pgd + char\t4\t6\ttrue\t0.0
      mm_sga/pgd + char\t4\t6\ttrue\t0.0
      mm_worst/pgd + char\t4\t6\ttrue\t0.0
      true

      """),
  ]

  static let texts: [OutputCase] = [
    OutputCase(
      "an objective of one's own is increased",
      """
      local seen
      local function away(clean, candidates)
        seen = clean:ndim() == 1 and candidates:ndim() == 2
        return -candidates:matmul(clean:unsqueeze(2)):squeeze(2)
      end
      local list = {"a red house", "cat"}
      local options = {method = "char", sites = 3}
      options.objective = away
      local mine, report = attack.text(model, list, options)
      options.objective = "cosine"
      local theirs = attack.text(model, list, options)
      print(seen, mine[1] == theirs[1], mine[2] == theirs[2], mine[1] ~= list[1])
      local r = report.results[1]
      print(r.objective_after > r.objective_before, report.source_shares.chars)
      """, "true\ttrue\ttrue\ttrue\ntrue\t1.0\n"),
    OutputCase(
      "sources, searches and their sizes, the order of words, words that stay alike",
      """
      local list, options = {"a red house", "cat"}, {sources = {"chars"}, search = "beam", width = 2}
      local adv, r = attack.text(model, list, options)
      print(r.attack.search, r.attack.width, r.attack.sources[1], r.source_shares.chars,
        adv[1] ~= list[1], r.results[1].levenshtein)
      options = {method = "genetic", sources = "chars", population = 4, generations = 1}
      adv, r = attack.text(model, list, options)
      print(r.attack.method, r.attack.search, r.attack.population, r.attack.generations)
      adv, r = attack.text(model, list, {sources = {"embed"}, importance = "none", min_word_cos = 1})
      print(r.attack.importance, r.attack.min_word_cos, r.attack.embedding, adv[2],
        r.dropped_shares.min_word_cos)
      adv, r = attack.text(model, {"cat"}, {sources = {"chars", "embed"}})
      print(r.attack.search, r.attack.sources[2], r.attack.method, r.attack.width)
      """,
      """
      beam\t2\tchars\t1.0\ttrue\t1
      genetic\tgenetic\t4\t1
      none\t1.0\tclip\tcat\t1.0
      greedy\tembed\tchar+embedding\tnil

      """),
    OutputCase(
      "kinds of edits, shares of changed words",
      """
      local list = {"house"}
      local adv, r = attack.text(model, list, {method = "char", kinds = {"delete"}, no_new_words = false})
      print(#adv[1], r.attack.kinds[1])
      adv, r = attack.text(model, list, {method = "char", kinds = "swap"})
      print(adv[1], r.dropped_shares.edits)
      local options = {method = "char", kinds = "delete", max_change = 0.4}
      adv, r = attack.text(model, {"red house"}, options)
      print(adv[1], r.dropped_shares.max_change)
      """, "4\tdelete\nhouse\t1.0\nred house\t1.0\n"),
  ]

  @Test(arguments: cases + evaluations + texts) func prints(_ row: OutputCase) throws {
    #expect(try Script().run(Self.setUp + row.source) == row.output)
  }
}
