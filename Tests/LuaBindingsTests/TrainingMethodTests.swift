import Testing
import Training

@testable import LuaBindings

/// `train.run` from Lua: every method, a loss of one's own, optimisers, low-rank changes, means.
@Suite struct TrainingMethodTests {
  private static let setUp = """
    local model = clip.create("tiny", {seed = 2})
    local x = tensor.rand({6, 3, 16, 16}, {seed = 1})
    local ds = data.from(x, {1, 2, 3, 1, 2, 3}, {"cat", "dog", "bus"})
    local function run(options)
      local all = {model = model, data = ds, steps = 3, batch = 6, warmup = 0, seed = 4}
      for k, v in pairs(options) do all[k] = v end
      return train.run(all)
    end
    local function same(a, b)
      for name, weight in pairs(a:parameters()) do
        if weight:eq(b:parameters()[name]):min():item() ~= 1 then return false end
      end
      return true
    end

    """

  static let cases: [OutputCase] = [
    OutputCase(
      "a method written in Lua is the method, bit for bit",
      """
      local function tecoa(e)
        return tensor.cross_entropy(e.scale * e.image_adv:matmul(e.class_text:transpose(1, 2)), e.labels)
      end
      local attack <const> = {steps = 2, step = "1/255", keep = "last"}
      local sgd <const> = {name = "sgd", lr = 1e-2, weight_decay = 0}
      local mine = run{loss = tecoa, image_attack = attack, optimizer = sgd, train = "visual", clip_norm = 0}
      local theirs = run{method = "tecoa", image_attack = attack, optimizer = sgd}
      print(same(mine.model, theirs.model), same(mine.model, model), mine.history[1].loss_custom == theirs.history[1].loss_image)
      local parts = run{loss = tecoa, image_attack = attack, optimizer = sgd, train = "visual", clip_norm = 0, accumulate = 3}
      print(math.abs(parts.history[3].loss - mine.history[3].loss) < 1e-4)
      """, "true\tfalse\ttrue\ntrue\n"),
    OutputCase(
      "an inner loss of one's own is what fare increases",
      """
      local attack <const> = {steps = 2, step = "1/255", keep = "last"}
      local own = {train = "visual", image_attack = attack, clip_norm = 0, schedule = "cosine",
        optimizer = {lr = 1e-3, betas = {0.9, 0.999}, eps = 1e-8, weight_decay = 1e-4}}
      own.loss = function(e) return (e.raw.image_adv - e.frozen.raw.image):square():sum(2):mean() end
      own.inner_loss = function(image, e) return 1 - (image * e.frozen.image):sum(2) end
      local a = run(own)
      print(a.history[3].loss_custom > 0, a.history[1].floor)
      own.inner_loss = function(image) return image:sum() end
      local ok, problem = pcall(run, own)
      print(ok, (tostring(problem):match("the loss has.*")))
      """,
      "true\tnil\nfalse\tthe loss has shape [], one value a sample is needed: [6] (do not reduce over the batch)\n"
    ),
    OutputCase(
      "the features that a loss reads",
      """
      local seen = {}
      run{steps = 1, text_attack = {method = "char", sites = 2}, loss = function(e)
        for _, name in ipairs{"image", "image_adv", "text", "text_adv", "class_text", "patches"} do
          seen[#seen + 1] = table.concat(e[name]:shape(), "x")
          if name ~= "patches" then
            seen[#seen] = seen[#seen] .. (math.abs(e[name]:square():sum(2):mean():item() - 1) < 1e-5 and "" or "!")
          end
        end
        print(table.concat(seen, " "), e.frozen.image.requires_grad, e.image.requires_grad)
        print(e.frozen.image:eq(e.image):min():item(), e.labels[3]:item(), e.raw.frozen.scale:item() > 1)
        return e.image:sum() * 0 + e.text:sum() * 0
      end}
      """,
      """
      6x8 6x8 6x8 6x8 3x8 6x4x8\tfalse\ttrue
      1\t3\ttrue

      """),
    OutputCase(
      "optimisers, the mean of the weights, low-rank changes, the end from on_step",
      """
      for _, name in ipairs{"adamw", "adam", "adam_l2", "sgd"} do
        local r = run{method = "clean", optimizer = {name = name, lr = 1e-3}, ema = 0.5}
        print(name, same(r.model, model), same(r.average, r.model), same(r.average, model))
      end
      local lora = run{method = "tecoa", train = {lora = {r = 2, on = {"q", "v"}}}, optimizer = {lr = 0.1}}
      local changed = {}
      for key, weight in pairs(lora.model:parameters()) do
        if weight:eq(model:parameters()[key]):min():item() ~= 1 then changed[#changed + 1] = key end
      end
      table.sort(changed)
      print(#changed > 0, changed[1]:match("attn.in_proj_weight$"))
      print((select(2, pcall(run, {method = "tecoa", validation = ds}))):match("%d+ samples .*"))
      local ended = run{method = "clean", steps = 9, on_step = function(s) return s.step < 2 end}
      print(ended.steps, #ended.history)
      """,
      """
      adamw\tfalse\tfalse\tfalse
      adam\tfalse\tfalse\tfalse
      adam_l2\tfalse\tfalse\tfalse
      sgd\tfalse\tfalse\tfalse
      true\tattn.in_proj_weight
      6 samples of memory are in both sets, 'memory#0' among them (train and test on different samples)
      2\t2

      """),
  ]

  @Test(arguments: cases) func prints(_ row: OutputCase) throws {
    #expect(try Script().run(Self.setUp + row.source) == row.output)
  }

  /// Every method trains by its name alone: what its publication trains with is filled in.
  @Test(arguments: TrainingObjectives.all.map(\.name)) func trains(method: String) throws {
    let objective = try #require(TrainingObjectives.named(method))
    let text = objective.attacksTexts ? ", text_attack = {method = \"char\", sites = 2}" : ""
    let output = try Script().run(
      Self.setUp + """
        local r = run{method = "\(method)", steps = 2\(text)}
        local row = r.history[2]
        print(r.steps, row.loss == row.loss, row.gradient_norm > 0, same(r.model, model))
        """)
    #expect(output == "2\ttrue\ttrue\tfalse\n")
  }
}
