import Diagnostics
import Testing

@testable import LuaBindings

/// Evaluations from Lua: budgets, targets, functions as models, results and saved files.
@Suite struct EvaluationModuleTests {
  private static let setUp = """
    local model = clip.create("tiny", {seed = 3})
    local x = tensor.rand({6, 3, 16, 16}, {seed = 5})
    local names = {"cat", "dog", "bird"}
    local y = model:classifier(names):predict(x)
    local ds = data.from(x, y, names)
    local function folder() return os.tmpname() .. "-eval" end

    """

  static let cases: [OutputCase] = [
    OutputCase(
      "each attack of a table has its own ranges",
      """
      local function try(attack)
        return pcall(eval.robustness,
          {model = model, data = ds, probes = false, attacks = {image = {attack}}})
      end
      print((try{method = "fab", n_targets = 0, steps = 2}))
      print(select(2, try{method = "apgd", loss = "dlr-targeted", n_targets = 0}):match("n_targets.*"))
      """,
      """
      true
      n_targets is 0, outside 1 … 1000000

      """),
    OutputCase(
      "a list of budgets gives one row each, in any order the same",
      """
      local function rows(eps)
        local r = eval.robustness{model = model, data = ds, probes = false, attacks = {
          image = {{steps = 3, eps = eps}, {method = "fgsm", eps = "2/255"}}}}
        local text = {}
        for _, row in ipairs(r:accuracy()) do
          text[#text + 1] = row.row .. " " .. row.threat .. " " .. row.accuracy
        end
        return table.concat(text, "\\n"), r
      end
      local up, r = rows{"1/255", "2/255", 0.5}
      print(up == rows{0.5, "2/255", "1/255"})
      for _, row in ipairs(r:accuracy()) do print(row.row, row.norm, row.threat) end
      print(select(2, r:accuracy("image/pgd@2/255")), select("#", r:accuracy("clean")))
      print((r:accuracy("image/pgd@0.5")) <= r:accuracy("image/pgd@1/255"))
      """,
      """
      true
      clean\tnil\tnothing
      image/pgd@1/255\tlinf\tlinf 1/255
      image/fgsm\tlinf\tlinf 2/255
      image/pgd@2/255\tlinf\tlinf 2/255
      image/pgd@0.5\tlinf\tlinf 0.5
      worst/linf 2/255\tlinf\tlinf 2/255
      worst/linf 0.5\tlinf\tlinf 0.5
      linf 2/255\t1
      true

      """),
    OutputCase(
      "unnamed attacks that differ in the budget alone are told apart; multimodal tables and other norms",
      """
      local r = eval.robustness{model = model, data = ds, probes = false, attacks = {
        image = {{steps = 1, eps = "8/255"}, {steps = 1, eps = "1/255"}},
        multimodal = {method = "adaptive", image = {steps = 1, norm = "l2", eps = {0.5, 1}},
          text = {method = "char", sites = 1}}}}
      for _, row in ipairs(r:accuracy()) do print(row.row, row.threat) end
      """,
      """
      clean\tnothing
      image/pgd@1/255\tlinf 1/255
      image/pgd@8/255\tlinf 8/255
      mm_t2i/pgd@l2 0.5 + char\tl2 0.5 and prompts
      mm_t2i/pgd@l2 1 + char\tl2 1 and prompts
      worst/linf 8/255\tlinf 8/255
      worst/l2 1\tl2 1 and prompts

      """),
    OutputCase(
      "options beside a list hold for its members, in image and text part by part; own ones come first",
      """
      local function threats(attacks)
        local r = eval.robustness{model = model, data = ds, probes = false, attacks = attacks}
        for _, row in ipairs(r:accuracy()) do
          if row.row ~= "clean" then print(row.row, row.threat) end
        end
        return r:to_table()
      end
      threats{image = {{method = "pgd", steps = 1}, {method = "fgsm", eps = "2/255"}, eps = "8/255"}}
      local t = threats{multimodal = {{method = "adaptive", name = "both"},
        {method = "image-first", image = {eps = "3/255"}, text = {name = "own"}},
        image = {eps = "4/255", steps = 2}, text = {method = "char", edits = 0}}}
      print(t.scenarios[3].parameters.image.parameters.steps, t.texts[1].parameters.edits)
      local c = eval.compare{{name = "a", model = model}, {name = "b", model = model}, data = ds, probes = false,
        attacks = {text = {{name = "x"}, {name = "y", edits = 1}, method = "char", edits = 0}}}
      print(c:to_table().reports[1].report.texts[1].parameters.edits)
      """,
      """
      image/fgsm\tlinf 2/255
      image/pgd\tlinf 8/255
      worst/linf 8/255\tlinf 8/255
      mm_t2i/both\tlinf 4/255 and prompts
      mm_i2t/pgd + own\tlinf 3/255 and prompts
      worst/linf 4/255\tlinf 4/255 and prompts
      2\t0
      0

      """),
    OutputCase(
      "a training record goes with the folder of the model alone",
      """
      local place = folder()
      train.contrastive{model = model, data = ds, steps = 1, batch = 2, out = place}
      local function trained(m)
        local t = eval.robustness{model = m, data = ds, probes = false}:to_table()
        return t.model.training ~= json.null and t.model.training ~= nil and t.model.training.kind
      end
      print(trained(clip.load(place .. "/model")), trained(model))
      model:save(place .. "/beside")
      print(trained(clip.load(place .. "/beside")))
      """,
      "training\tfalse\nfalse\n"),
    OutputCase(
      "rows on survivors say which rows they follow, prompts stand in the budgets",
      """
      local r = eval.robustness{model = model, data = ds, probes = false, attacks = {
        image = {{method = "pgd", steps = 1}, {method = "fgsm"}, eps = {"1/255", "2/255"}},
        text = {method = "char", edits = 0}}}
      for _, row in ipairs(r:accuracy()) do
        if row.on_survivors_of then print(row.row, table.concat(row.on_survivors_of, ", ")) end
      end
      print(r:table():find("char *prompts") ~= nil, r:table("csv"):find("on_survivors_of", 1, true) ~= nil)
      """,
      """
      image/pgd@1/255\timage/fgsm@1/255
      image/fgsm@2/255\timage/fgsm@1/255, image/pgd@1/255
      image/pgd@2/255\timage/fgsm@1/255, image/pgd@1/255, image/fgsm@2/255
      true\ttrue

      """),
    OutputCase(
      "targets: hits and accuracy apart, own classes left out",
      """
      local r = eval.robustness{model = model, data = ds, probes = false, attacks = {image = {
        {name = "own", eps = 0, steps = 1, targeted = y}, {name = "one", eps = 0, steps = 1, targeted = y[1]:item()},
        {name = "far", eps = 1, steps = 20, targeted = "least-likely"}}}}
      local out = {}
      for _, row in ipairs(r:accuracy()) do out[row.row] = row end
      local same = y:eq(y[1]:item()):sum():item()
      print(out["image/own"].n, out["image/own"].left_out, out["image/own"].accuracy)
      print(out["image/one"].n == 6 - same, out["image/one"].left_out == same,
        out["image/one"].accuracy, out["image/one"].target_hit)
      print(out["image/far"].n, out["image/far"].target_hit > 0)
      """,
      "0\t6\tnil\ntrue\ttrue\t1.0\t0.0\n6\ttrue\n"),
    OutputCase(
      "masks are threat models of their own; start images; likeness beside success",
      """
      local mask = tensor.cat({tensor.ones{4, 16}, tensor.zeros{12, 16}}, 1)
      local r = eval.robustness{model = model, data = ds, probes = false, attacks = {image = {
        {name = "all", eps = 0.5, steps = 3, init = x}, {name = "part", eps = 0.5, steps = 3, mask = mask}}}}
      for _, row in ipairs(r:accuracy()) do print(row.row, (row.threat:gsub("mask %x+", "mask X"))) end
      local row = r:to_table().scenarios[2]
      print(row.label, row.ssim < 1 and row.psnr > 0)
      """,
      """
      clean\tnothing
      image/part\tlinf 0.5, mask X (64 of 256 free)
      image/all\tlinf 0.5
      worst/linf 0.5\tlinf 0.5
      image/part\ttrue

      """),
    OutputCase(
      "a Lua function is attacked through its gradients, and judged like the model it wraps",
      """
      local cls = model:classifier(names, {templates = ds.templates})
      local attacks = {image = {steps = 4, eps = "16/255"}}
      local plain = eval.robustness{model = cls, data = ds, attacks = attacks, probes = false}
      local f = eval.robustness{model = function(images) return cls:logits(images) end, data = ds,
        attacks = attacks, probes = false}
      print(f:accuracy("image") == plain:accuracy("image"), f:accuracy("clean"))
      attacks.text = {method = "char", sites = 2}
      attacks.multimodal = {}
      local seen = 0
      local t = eval.robustness{data = ds, attacks = attacks, probes = false, model = {name = "defended",
        text = model, logits = function(images, prompts)
          seen = math.max(seen, #prompts)
          return model:logits(images, prompts)
        end}}
      local m = eval.robustness{model = model, data = ds, attacks = attacks, probes = false}
      for _, row in ipairs(m:accuracy()) do
        if (t:accuracy(row.row)) ~= row.accuracy then print("differs", row.row) end
      end
      print(#t:accuracy(), seen, t:to_table().model.name)
      """, "true\t1.0\n6\t3\tdefended\n"),
    OutputCase(
      "a defended classifier in attacks, and what its records say",
      """
      local cls = model:classifier(ds.class_names)
      local safe = cls:with_noise{draws = 2, seed = 5}
      local images, labels = x, y
      local _, seen = attack.pgd(safe, images, labels, {eps = "4/255", steps = 2, probes = false, progress = false})
      local _, behind = attack.pgd(safe, images, labels, {eps = "4/255", steps = 2, source = cls, probes = false, progress = false})
      print(#seen.success, #behind.success, safe.parameters.seed, cls:with_augmentations{}.parameters.seed)
      local function line(m, more)
        local options = {model = m, data = ds, probes = false, seed = 1, attacks = {image = more or {steps = 2}}}
        return eval.robustness(options):protocol()
      end
      local plain = line(cls)
      print(plain == line(cls), plain == line(safe), line(safe) == line(cls:with_noise{draws = 2, seed = 6}),
        plain == line(cls, {steps = 2, loss = "margin"}))
      local folder = folder()
      local o = {model = safe, data = ds, out = folder, probes = false, attacks = {image = {steps = 1}}}
      eval.robustness(o)
      o.model, o.resume = cls:with_noise{draws = 2, seed = 6}, true
      print((pcall(eval.robustness, o)))
      """,
      "6\t6\t5\tnil\ntrue\tfalse\tfalse\tfalse\nfalse\n"),
    OutputCase(
      "named protocols, transfer attacks, and the line that repeats them",
      """
      local function rows(options)
        options.data, options.probes, options.seed = ds, false, 3
        local r, names = eval.robustness(options), {}
        for _, row in ipairs(r:accuracy()) do names[#names + 1] = row.row end
        return r, table.concat(names, " ")
      end
      local r, names = rows{model = model, protocol = "mmcoa", attacks = {text = {method = "char", sites = 2}}}
      print(names)
      print(r:protocol():match("protocol mmcoa"), r:protocol():match("image/pgd linf 1/255 100 steps"), r:to_table().protocol)
      local again = rows{model = model, protocol = "mmcoa", attacks = {text = {method = "char", sites = 2}}}
      print(again:protocol() == r:protocol(), again:accuracy("image/pgd") == r:accuracy("image/pgd"))
      local cls = model:classifier(ds.class_names)
      print(select(2, rows{model = cls:with_counterattack{}, protocol = "ttc"}))
      print(select(2, rows{model = cls, protocol = "ttc"}))
      local t = rows{model = cls:with_noise{draws = 2}, attacks = {image = {source = cls, steps = 2}}}
      print(t:to_table().scenarios[2].parameters.image.source == t:to_table().model.weights, t:protocol():match("pgd%-transfer .- transfer"))
      """,
      """
      clean image/pgd text/char mm_sep/pgd + char mm_t2i/pgd + char worst
      protocol mmcoa\timage/pgd linf 1/255 100 steps\tmmcoa
      true\ttrue
      clean image/pgd@1/255 image/pgd@4/255 image/undefended-pgd@1/255 image/undefended-pgd@4/255 worst/linf 1/255 worst/linf 4/255
      clean image/pgd@1/255 image/pgd@4/255 worst/linf 4/255
      true\tpgd-transfer linf 1/255 2 steps transfer

      """),
    OutputCase(
      "reports and comparisons as tables, LaTeX and from files; training beside the model",
      """
      local out = folder()
      local run = train.run{method = "clean", model = model, data = ds, steps = 1, batch = 2, warmup = 0, out = out .. "-run"}
      local r = eval.robustness{model = clip.load(out .. "-run/model"), data = ds, out = out, probes = false,
        attacks = {image = {steps = 1, eps = {"1/255", "4/255"}}}}
      print(r:to_table().training == nil, r:to_table().model.training.configuration.method)
      local again = eval.load(out)
      print(again:table() == r:table(), again:strict("image/pgd@4/255") == r:strict("image/pgd@4/255"))
      print(again:table("latex"):match("begin{tabular}"), again:table("csv"):match("threat"),
        again:table("markdown"):match("| image |") ~= nil)
      local lines = io.open(out .. "/samples.jsonl"):read("a")
      print(json.decode(lines:match("^[^\\n]+")).conventions.classes:match("count from 0"))
      local both = folder()
      local c = eval.compare{{name = "a", report = r}, {name = "b", model = model}, data = ds, probes = false,
        attacks = {image = {steps = 1, eps = {"1/255", "4/255"}}}, correction = "holm"}
      print(c:accuracy("a", "clean") == r:accuracy("clean"), select(2, c:accuracy("b", "image/pgd@4/255")))
      local d = c:difference("b", "clean")
      print(d.n, d.p_corrected >= d.p, #c:to_table().reports, c:table("latex"):match("Holm"))
      local path = os.tmpname()
      r:plot(path .. ".svg")
      c:plot(path .. ".svg", {kind = "bars"})
      """,
      """
      true\tclean
      true\ttrue
      begin{tabular}\tthreat\ttrue
      count from 0
      true\tlinf 4/255
      6\ttrue\t2\tHolm

      """),
    OutputCase(
      "retrieval at several budgets: rows, rates in 0 … 1",
      """
      local caps = data.from(x, {"a", "b", "c", "d", "e", "f"})
      local r = eval.retrieval{model = model, data = caps, attack = {
        image = {eps = {"1/255", 0.5}, steps = 2},
        multimodal = {method = "sga", image = {eps = {"1/255", "2/255"}, steps = 1}, scales = {1},
          text = {method = "char", sites = 1}}}}
      for _, row in ipairs(r:to_table().scenarios) do
        local tr = row.tr["R@1"]
        print(row.label, row.threat, type(row.eps) == "number" and row.eps <= 0.5, tr.asr_drop >= -1 and tr.asr_drop <= 1)
      end
      print(select(2, r:recall("image/pgd@0.5", "tr", 1)), r:table("latex"):match("tabular"))
      """,
      """
      clean\tnothing\tfalse\ttrue
      image/pgd@1/255\tlinf 1/255\ttrue\ttrue
      image/pgd@0.5\tlinf 0.5\ttrue\ttrue
      mm_sga/pgd@1/255 + char\tlinf 1/255 and captions\ttrue\ttrue
      mm_sga/pgd@2/255 + char\tlinf 2/255 and captions\ttrue\ttrue
      linf 0.5\ttabular

      """),
  ]

  @Test func theBarOfAComparisonNamesTheModel() throws {
    let script = try Script()
    var names: [String] = []
    script.state.installProgress { if names.last != $0.name { names.append($0.name) } }
    let source =
      "eval.compare{{name = 'plain', model = model}, {name = 'hard', model = model}, data = ds}"
    #expect(try script.run(Self.setUp + source) == "")
    #expect(names == ["plain (1 of 2)", "hard (2 of 2)"])
  }

  @Test(arguments: cases) func prints(_ row: OutputCase) throws {
    #expect(try Script().run(Self.setUp + row.source) == row.output)
  }
}
