import Attacks
import LuaHost
import Testing

@testable import LuaBindings

/// The module `attack` beyond its examples: data sets, functions of scripts, attack tables.
@Suite struct AttackModuleTests {
  private static let model = """
    local model = clip.create("tiny")
    local x = tensor.rand({4, 3, 16, 16}, {seed = 3})
    local ds = data.from(x, {1, 2, 1, 2}, {"cat", "dog"})
    local cls = model:classifier{"cat", "dog"}

    """

  struct Case: CustomTestStringConvertible, Sendable {
    var source: String
    var expected: String
    var testDescription: String { source }
  }

  static let cases: [Case] = [
    Case(
      source: """
        local delta, r = attack.universal(cls, ds, nil, {eps = "8/255", epochs = 1, holdout = 0.25})
        print(delta:size(2), #r.success, r.fitted.n, r.held_out.n, #r.held_out_samples)
        """, expected: "16\t4\t3\t1\t1\n"),
    Case(
      source: """
        local patch, r = attack.patch(cls, ds, nil, {steps = 2, targeted = 2, holdout = 0})
        print(patch:size(2), #r.places, r.targets[1], r.held_out.n, r.held_out.robust_accuracy)
        """, expected: "4\t4\t2\t0\tnil\n"),
    Case(
      source: """
        local y = cls:predict(x)
        local wrong = {} for i = 1, 4 do wrong[i] = 3 - y[i]:item() end
        local _, r = attack.pgd(cls, x, y, {eps = 0, targeted = y, progress = false})
        print(r.clean_accuracy, r.robust_accuracy, #r.left_out, r.target_hit[1], r.target_hit_rate)
        local _, r = attack.pgd(cls, x, y, {eps = 0, targeted = wrong, progress = false})
        print(r.clean_accuracy, r.robust_accuracy, #r.left_out, r.target_hit[1])
        local _, r = attack.universal(cls, x, y, {eps = 0, targeted = y[1]:item(), holdout = 0})
        print(r.fitted.n, r.fitted.robust_accuracy, r.success[1])
        """, expected: "1.0\t1.0\t4\tfalse\tnil\n1.0\t1.0\t0\tfalse\n4\t1.0\tfalse\n"),
    Case(
      source: """
        local mask = tensor.zeros{16, 16}
        mask[{{1, 8}}] = 1
        for _, name in ipairs{"fgsm", "rfgsm", "pgd", "square", "deepfool"} do
          local o = {eps = "8/255", mask = mask, progress = false}
          if name == "square" then o.queries = 10 elseif name == "pgd" then o.init = x:flip(1) end
          local adv, r = attack[name](cls, x, {1, 2, 1, 2}, o)
          local d = (adv - x):abs()
          assert(d[{{}, {}, {9, 16}}]:max():item() == 0, name)
          assert(#r.quality.ssim == 4 and r.quality.ssim[1] <= 1 and r.quality.psnr[1] > 20, name)
        end
        local far = attack.embedding(model, x, {eps = "8/255", steps = 2, mask = mask, init = x:flip(1)})
        local delta = attack.universal(cls, x, {1, 2, 1, 2}, {eps = "8/255", epochs = 1, mask = mask})
        print((far - x)[{{}, {}, {9, 16}}]:abs():max():item(), delta[{{}, {9, 16}}]:abs():max():item(),
          delta:abs():max():item() > 0, attack.pgd(cls, x[1], {1}, {init = x[2], mask = mask}):size(1))
        """, expected: "0.0\t0.0\ttrue\t3\n"),
    Case(
      source: """
        local own = x:clone()
        local f = function(z) local y = cls:logits(z); own[{{1, 4}}] = 0.5; return y end
        local ours = function(z) return cls:logits(z) end
        local a, r = attack.pgd(f, own, {1, 2, 1, 2}, {eps = "8/255", steps = 3, probes = false})
        local b, s = attack.pgd(ours, x, {1, 2, 1, 2}, {eps = "8/255", steps = 3, probes = false})
        print((a - b):abs():max():item(), r.distance.linf[1] == s.distance.linf[1])
        local loss = function(z, y) local v = z:gather(2, y:unsqueeze(2)):squeeze(2) * -1; local w = z:detach(); w[{{1, w:size(1)}}] = 0; return v end
        local _, r = attack.pgd(ours, x, {1, 2, 1, 2}, {loss = loss, steps = 2, probes = false})
        print(#r.success, (own - 0.5):abs():max():item())
        """, expected: "0.0\ttrue\n4\t0.0\n"),
    Case(
      source: """
        local calls = 0
        local adv = attack.universal(cls, x, {1, 2, 1, 2}, {epochs = 1,
          loss = function(z, y) calls = calls + 1; return z:gather(2, y:unsqueeze(2)):squeeze(2) * -1 end})
        print(calls > 0)
        """, expected: "true\n"),
    Case(
      source: """
        local _, r = attack.pgd(cls, x, {1, 2, 1, 2}, {targeted = "all", steps = 1, probes = false})
        print(r.targets[1], r.targets[2], #r.flags)
        """, expected: "2\t1\t0\n"),
    Case(
      source: """
        local far = attack.embedding(model, x, {eps = "8/255", steps = 3})
        local own, r = attack.embedding(model, x, {eps = "8/255", steps = 3, trace = true, batch = 3,
          loss = function(f, images) return f:square():sum{axis = 2} + images:mean{axis = {2, 3, 4}} end})
        print(far:size(1), own:size(1), #r.trace.loss >= 3, r.loss[1] > 0)
        """, expected: "4\t4\ttrue\ttrue\n"),
    Case(
      source: """
        local f = model:encode_image(x, {normalize = false})
        local adv, r = attack.embedding(model, x, {eps = 0, away = f:flip(1)})
        local loss = (f - f:flip(1)):square():sum{axis = 2}
        print((adv - x):abs():max():item() == 0, math.abs(r.loss[1] - loss[1]:item()) <= 1e-4 * r.loss[1], r.queries.forward)
        """, expected: "true\ttrue\t4\n"),
    Case(
      source: """
        local f, n = model:encode_image(x, {normalize = false}), model:encode_image(x)
        local other = f:flip(1)
        local function measured(options)
          options.eps, options.steps, options.seed = "16/255", 4, 1
          local adv, r = attack.embedding(model, x, options)
          return model:encode_image(adv, {normalize = false}), model:encode_image(adv), r.loss
        end
        local raw, unit, loss = measured{}
        print(math.abs((raw - f):square():sum{axis = 2}[1]:item() - loss[1]) <= 1e-4 * loss[1])
        raw, unit, loss = measured{away = other, loss = "kl_embed"}
        local p, q = other:normalize(2):log_softmax(2), raw:normalize(2):log_softmax(2)
        print(math.abs((p:exp() * (p - q)):sum{axis = 2}[2]:item() - loss[2]) < 1e-5)
        raw, unit, loss = measured{toward = other}
        local near = (unit * other:normalize(2)):sum{axis = 2}
        print(math.abs(near[3]:item() - loss[3]) < 1e-5)
        print(near:mean():item() > (n * other:normalize(2)):sum{axis = 2}:mean():item())
        """, expected: "true\ntrue\ntrue\ntrue\n"),
    Case(
      source: """
        local a, r = attack.difgsm(cls, x, {1, 2, 1, 2}, {eps = "8/255", steps = 2, momentum = 1,
          nesterov = true, scales = 2, variance = 2, smoothing = 3, diversity = 0.7})
        print((a - x):abs():max():item() <= 8 / 255 + 1e-7, r.attack)
        """, expected: "true\tdifgsm\n"),
    // Without a random start the seed changes nothing.
    Case(
      source: """
        for _, name in ipairs{"mifgsm", "nifgsm", "sifgsm", "vmifgsm", "vnifgsm", "difgsm", "tifgsm"} do
          local function start(random, seed)
            local first
            attack[name](function(z) first = first or z:clone(); return cls:logits(z) end, x,
              {1, 2, 1, 2}, {eps = "8/255", steps = 1, probes = false, random_start = random, seed = seed})
            return first
          end
          -- The clean pass comes before a random start.
          local a, b = {}, {}
          for index, list in ipairs{a, b} do
            attack[name](function(z) list[#list + 1] = z:clone(); return cls:logits(z) end, x,
              {1, 2, 1, 2}, {eps = "8/255", steps = 1, probes = false, seed = index,
                diversity = false, random_start = true})
          end
          local apart = (a[2] - b[2]):abs():max():item()
          local far = (a[2] - x):abs():max():item()
          print(name, (start(false, 1) - x):abs():max():item() == 0 or name == "difgsm",
            apart > 1 / 255, far > 7 / 255 and far <= 8 / 255 + 1e-7)
        end
        """,
      expected: ["mifgsm", "nifgsm", "sifgsm", "vmifgsm", "vnifgsm", "difgsm", "tifgsm"].map {
        $0 + "\ttrue\ttrue\ttrue\n"
      }.joined()),
    // κ: the margin grows to it, and its gradient ends there.
    Case(
      source: """
        local w = tensor.from{{1, -1}, {2, 0}, {0, 1}}:reshape{3, 2}
        local function f(z) return z:mean{axis = {3, 4}}:matmul(w) end
        local z = tensor.full({1, 3, 2, 2}, 0.5)
        local function loss(kappa)
          local _, r = attack.pgd(f, z, {1}, {eps = 0.5, step = 0.05, steps = 40, loss = "margin",
            kappa = kappa, random_start = false, probes = false})
          return r.loss[1], r.success[1]
        end
        local free, hinge, zero = loss(), loss(0.25), loss(0)
        print(free > 0.6, hinge == 0.25, zero == 0)
        """, expected: "true\ttrue\ttrue\n"),
    // A comparison that stops in its second model goes on where it stopped, and ends as if it had not.
    Case(
      source: """
        local other = clip.create("tiny", {seed = 9})
        local left = math.huge
        local fragile = ds:map(function(image)
          left = left - 1
          if left < 0 then error("stop", 0) end
          return image
        end)
        local function compare(out, resume)
          return eval.compare{{name = "a b", model = model}, {name = "c", model = other}, data = fragile,
            attacks = {image = {eps = "8/255", steps = 2}}, batch = 1, probes = false, seed = 1,
            out = out, resume = resume}
        end
        local function lines(path)
          local file = io.open(path)
          if not file then return 0 end
          local _, count = file:read("a"):gsub("\\n", "")
          file:close()
          return count
        end
        local whole, out = os.tmpname() .. ".whole", os.tmpname() .. ".out"
        local unbroken = compare(whole):table()
        left = 8
        print(tostring(select(2, pcall(compare, out))):match("stop"))
        local first, second = lines(out .. "/1-a_b/record.jsonl"), lines(out .. "/2-c/record.jsonl")
        print(first > 0, second > 0 and second < first, lines(out .. "/comparison.txt"))
        left = math.huge
        print(tostring(select(2, pcall(compare, out))):match("an evaluation exists in"))
        print(compare(out, true):table() == unbroken)
        print(lines(out .. "/1-a_b/record.jsonl") == first, lines(out .. "/2-c/record.jsonl") == first)
        print(lines(out .. "/1-a_b/report.json") > 0, lines(out .. "/comparison.txt") > 0)
        """,
      expected: "stop\ntrue\ttrue\t0\nan evaluation exists in\ntrue\ntrue\ttrue\ntrue\ttrue\n"),
    // Ordinary small CLIPs raise no flag.
    Case(
      source: """
        for seed = 1, 4 do
          local clip = clip.create("tiny", {seed = seed}):classifier{"cat", "dog", "car", "tree"}
          local images = tensor.rand({16, 3, 16, 16}, {seed = seed})
          print(#attack.probe(clip, images, clip:predict(images), {eps = "4/255"}))
        end
        """, expected: "0\n0\n0\n0\n"),
    Case(
      source: """
        local r = eval.robustness{model = model, data = ds, attacks = {image = {
          {method = "ddn", eps = 1e-6, steps = 3}, {method = "cw", eps = 50, steps = 20, fast = true},
          {method = "vmifgsm", eps = "8/255", steps = 2}}}}
        print(r:accuracy("image/ddn") == r:accuracy("clean"),
          r:accuracy("image/vmifgsm") <= r:accuracy("clean"))
        """, expected: "true\ttrue\n"),
    // Records name what was used: losses and restarts of one's own, and the steps of rows whose
    // image attack stands in their own table.
    Case(
      source: """
        local r = eval.robustness{model = model, data = ds, probes = false, attacks = {
          image = {{method = "square", eps = "1/255", queries = 2}, {method = "autoattack",
            version = "ce+dlr", eps = "1/255"}}, text = {method = "char"},
          multimodal = {{method = "adaptive", image = {eps = "1/255"}}, {method = "co-attack", image = {}}}}}
        for _, row in ipairs(r:to_table().scenarios) do
          local image = row.parameters.image
          if image then print(image.loss, image.restarts, image.parameters.loss,
            image.parameters.restarts, image.parameters.steps) end
        end
        """,
      expected:
        "own\t1\town\t1\tnil\nown\town\town\town\tnil\nce\t1\tce\t1\t100\nce\t1\tce\t1\t10\n"),
    Case(
      source: """
        local result = train.run{method = "image-only", model = model, data = ds, steps = 1, batch = 2,
          image_attack = {method = "mifgsm", eps = "2/255", steps = 2}}
        print(result.history[1].loss_image > 0)
        """, expected: "true\n"),
  ]

  @Test(arguments: cases)
  func output(_ row: Case) throws {
    #expect(try Script().run(Self.model + row.source) == row.expected)
  }

  @Test(
    "the norms that an attack lists are those that it has a form for",
    arguments: ImageAttackRow.all.map(\.name))
  func norms(_ name: String) throws {
    let row = try #require(ImageAttackRow.named(name))
    let steps = row.options.filter { ["steps", "search_steps"].contains($0.name) }
    let short = steps.map { ", \($0.name) = 1" }.joined()
    for norm in row.attack.norms {
      let output = try Script().run(
        """
        local function classify(x) return x:flatten(2):narrow(2, 1, 2) * 3 end
        local adv = attack.\(name)(classify, tensor.full({1, 3, 2, 2}, 0.5), {1}, {norm = "\(norm.rawValue)",
          eps = 0, probes = false\(short)})
        print(adv:size(1))
        """)
      #expect(output == "1\n")
    }
    let options = try Script().run(
      """
      for _, norm in ipairs{"linf", "l2", "l1"} do
        local _, text = pcall(attack.\(name), function(x) return x:flatten(2) end,
          tensor.full({1, 3, 2, 2}, 0.5), {1}, {norm = norm, eps = 0, probes = 1})
        io.write(tostring(text):find("'norm'", 1, true) and "" or norm .. " ")
      end
      """)
    #expect(options == row.attack.norms.map { $0.rawValue + " " }.joined())
  }
}
