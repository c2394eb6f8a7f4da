import Testing

@testable import LuaBindings

/// What examples leave open about `image`, `data` and `text`.
@Suite struct ModuleTests {
  static let images = [
    OutputCase(
      "PNG keeps every level, 8 and 16 bits",
      """
      local x = tensor.arange(0, 255):reshape{1, 16, 16} / 255
      x = tensor.cat{x, x:flip{2}, x:flip{3}}
      local path = os.tmpname() .. ".png"
      image.save(path, x)
      print((image.load(path) - x):abs():max():item() == 0)
      image.save(path, x, {bits = 16})
      print((image.load(path, {depth = "full"}) - x):abs():max():item() < 1e-6)
      print((image.load(path, {depth = 8}) - x):abs():max():item() < 1e-6)
      os.remove(path)
      """, "true\ntrue\ntrue\n"),
    OutputCase(
      "gray becomes RGB, a batch of one is an image",
      """
      local path = os.tmpname() .. ".png"
      image.save(path, tensor.full({1, 1, 2, 2}, 1))
      print(table.concat(image.load(path):shape(), " "), image.load(path):min():item())
      os.remove(path)
      """, "3 2 2\t1.0\n"),
    OutputCase(
      "success is judged on the file",
      """
      local path = os.tmpname() .. ".png"
      local clean = tensor.full({3, 2, 2}, 100 / 255)
      local function classifier(x)  -- class 2 when the mean is above 101.5 levels
        local m = x:mean{axis = {2, 3, 4}} - 101.5 / 255
        return tensor.stack({-m, m}, 2)
      end
      local options = {classifier = classifier, label = 1}
      local saved, report = image.save_adversarial(path, clean + 4 / 255, clean, "4/255", options)
      print(report.success, report.prediction, report.bits, #report.warnings)
      print(saved:eq(image.load(path)):min():item(), report.saved.linf <= 4 / 255)
      saved, report = image.save_adversarial(path, clean + 1 / 255, clean, "4/255", options)
      print(report.success, report.prediction)
      os.remove(path)
      """, "true\t2\t8\t0\n1\ttrue\nfalse\t1\n"),
    OutputCase(
      "sizes are height and width",
      """
      local x = tensor.zeros{2, 3, 8, 4}
      print(table.concat(image.resize(x, {6, 5}, {filter = "bilinear"}):shape(), " "))
      print(table.concat(image.resize(x, 2, {filter = "nearest"}):shape(), " "))
      print(table.concat(image.center_crop(x, 3, {rule = "hf"}):shape(), " "))
      """, "2 3 6 5\n2 3 4 2\n2 3 3 3\n"),
  ]

  static let clips = [
    OutputCase(
      "cleaning and special tokens are chosen",
      """
      local function ids(text, options)
        local t = clip.tokenize(text, options)
        local shown = {}
        for i = 1, t:size(2) do
          shown[i] = t[1][i]:item()
          if shown[i] == 49407 and i > 2 then break end
        end
        return table.concat(shown, " ")
      end
      print(ids("it’s"), ids("it’s", {clean = "hf"}) == ids("it's", {clean = "hf"}))
      print(ids("<end_of_text>") == ids("<end_of_text>", {special = true}))
      print(ids("a <start_of_text>", {special = true}))
      print(ids("a<|startoftext|>b", {special = true, clean = "hf"}))
      print(ids("a<start_of_text>b", {clean = "hf", special = true, context = 20}))
      """,
      """
      49406 585 568 49407\tfalse
      false
      49406 320 49406 49407
      49406 320 49406 321 49407
      49406 320 283 1572 318 539 318 4160 285 321 49407

      """),
    OutputCase(
      "siglip squashes, the others crop; rounding is no reason to refuse an image",
      """
      local x = tensor.rand({3, 20, 10}, {seed = 1})
      for _, preset in ipairs{"siglip", "openai", "mmcoa_imagenet", "mmcoa_small"} do
        print(preset, table.concat(clip.preprocess(x, {preset = preset, size = 8}):shape(), " "))
      end
      local levels = tensor.arange(0, 99):reshape{1, 10, 10} / 255
      levels = tensor.cat{levels, levels, levels}
      local squashed = clip.preprocess(levels, {preset = "siglip", size = 4})
      print((squashed - image.resize(levels, {4, 4})):abs():max():item())
      local model = clip.create("tiny")
      print(model:encode_image(tensor.full({1, 3, 16, 16}, 1 + 2^-22)):size(2))
      """,
      """
      siglip\t3 8 8
      openai\t3 8 8
      mmcoa_imagenet\t3 8 8
      mmcoa_small\t3 20 10
      0.0
      8

      """),
  ]

  private static let numbered = """
    local images = (tensor.arange(0, 9):reshape{10, 1, 1, 1} / 10):expand{10, 3, 2, 2}
    local ds = data.from(images, {1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, {"a", "b"})
    local function first(x) return math.floor(x[1][1][1]:item() * 10 + 0.5) end

    """

  static let sets = [
    OutputCase(
      "batches in order, shuffled the same with one seed, other orders each epoch",
      numbered + """
        local function order(options)
          local t = {}
          for x in ds:batches(4, options) do for i = 1, #x do t[#t + 1] = first(x[i]) end end
          return table.concat(t, " ")
        end
        print(order())
        print(order{drop_last = true})
        local one = order{shuffle = true, seed = 1}
        print(one == order{shuffle = true, seed = 1}, one == order{shuffle = true, seed = 2},
          one == order{shuffle = true, seed = 1, epoch = 2}, #one)
        """, "0 1 2 3 4 5 6 7 8 9\n0 1 2 3 4 5 6 7\ntrue\tfalse\tfalse\t19\n"),
    OutputCase(
      "labels and ids go with their images",
      numbered + """
        for x, labels, ids in ds:batches(3, {shuffle = true, seed = 4}) do
          for i = 1, #x do
            assert(labels[i]:item() == first(x[i]) % 2 + 1)
            assert(ids[i] == "memory#" .. first(x[i]))
          end
        end
        print(ds, ds:get(-1).label, ds:get(10).id, ds.name, #ds.templates, ds:labels():sum():item())
        """,
      "dataset memory: 10 samples, 2 classes\t2\tmemory#9\tmemory\t1\t15\n"),
    OutputCase(
      "subsets of subsets",
      numbered + """
        local sub = ds:subset(tensor.from({9, 2, -1}, {dtype = "int64"}))
        print(table.concat(sub:ids(), " "), first(sub:take(2):get(2).image))
        print(table.concat(ds:per_class(2, {seed = 1}):labels():sort():to_table(), " "))
        print(#ds:take(3, {seed = 1}), table.concat(ds:take(3):ids(), " "))
        """, "memory#8 memory#1 memory#9\t1\n1 1 2 2\n3\tmemory#0 memory#1 memory#2\n"),
    OutputCase(
      "a map stays callable in sets made from it",
      numbered + """
        local seen = {}
        local mapped = ds:map(function(x, label, id) seen[#seen + 1] = label .. id; return 1 - x end)
          :take(4):subset{4, 1}
        collectgarbage() collectgarbage()
        local t = {}
        for x in mapped:batches(1) do collectgarbage() t[#t + 1] = first(x[1]) end
        print(table.concat(t, " "), table.concat(seen, " "))
        """, "7 10\t2memory#3 1memory#0\n"),
    OutputCase(
      "captions",
      """
      local ds = data.from(tensor.zeros{2, 3, 2, 2}, {"a dog", {"a cat", "some cat"}})
      print(ds, ds:get(1).label, ds:get(2).captions[2])
      for x, captions in ds:batches(2) do print(#x, captions[1][1], #captions[2]) end
      """,
      "dataset memory: 2 samples, captions\tnil\tsome cat\n2\ta dog\t2\n"),
    OutputCase(
      "augmentation is seeded",
      numbered + """
        local function sum(seed)
          local total = 0
          for x in ds:batches(5, {seed = seed, augment = {crop = 1, flip = true, color = 0.1}}) do
            total = total + x:sum():item()
          end
          return total
        end
        print(sum(1) == sum(1), sum(1) == sum(2))
        """, "true\tfalse\n"),
  ]

  static let texts = [
    OutputCase(
      "edits of every kind",
      """
      for _, kind in ipairs{"swap", "delete", "insert", "keyboard", "homoglyph"} do
        io.write(kind, " ", #text.edits("ox", {kind = kind}), "  ")
      end
      print(#text.edits("ox"), table.concat(text.edits("ox", {kind = "delete"}), " "))
      """, "swap 1  delete 2  insert 76  keyboard 10  homoglyph 4  92\tx o\n")
  ]

  @Test(arguments: images + clips + sets + texts)
  func output(_ row: OutputCase) throws {
    let output = try Script().run(row.source)
    #expect(output == row.output)
  }
}
