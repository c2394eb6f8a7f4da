import Tensors
import Testing

@testable import LuaBindings

/// Defects found by hostile use, each with the script that showed it.
@Suite struct RegressionTests {
  static let setUp = """
    local w = tensor.randn({192, 4}, {seed = 3})
    local function lin(x) return x:reshape{-1, 192}:matmul(w) end
    local z, y = tensor.rand({5, 3, 8, 8}, {seed = 9}), {1, 2, 3, 4, 1}

    """

  static let rows: [(source: String, output: String)] = [
    // A loss without one value a sample ended the process where the clean point was offered.
    (
      setUp + """
        for _, loss in ipairs{function(l) return l:sum() end, function(l) return l[{{1, 2}, 1}] end} do
          local ok, err = pcall(attack.pgd, lin, z, y, {loss = loss})
          print(ok, tostring(err):match("one value a sample is needed: %[5%]"))
        end
        """, "false\tone value a sample is needed: [5]\nfalse\tone value a sample is needed: [5]\n"
    ),
    // Strides of a shape with a zero overflowed and ended the process.
    (
      "print(select(2, pcall(tensor.zeros, {0, 1 << 40, 1 << 40})))",
      "example:1: tensor.zeros: the shape [0, 1099511627776, 1099511627776] is too large\n"
    ),
    // What the JPEG decoder finds odd was swallowed, or in front of the picture refused.
    (
      """
      local path = os.tmpname() .. ".jpg"
      image.save(path, tensor.full({3, 8, 8}, 0.5))
      local file <close> = io.open(path, "rb")
      local bytes = file:read("a")
      local odd <close> = io.open(path, "wb")
      odd:write(bytes:sub(1, 20), "\\0\\0\\0", bytes:sub(21))
      odd:flush()
      image.load(path)
      warn("@on")
      print(image.load(path):size(3), image.load(path, {depth = "full"}):size(3))
      print(clip.preprocess(path, {size = 8}):size(3))
      warn("@off")
      os.remove(path)
      """,
      ["image.load", "image.load", "8\t8", "clip.preprocess", "8"].map {
        $0.contains(".")
          ? "Lua warning: \($0): 'PATH': Corrupt JPEG data: 3 extraneous bytes before marker 0xdb\n"
          : $0 + "\n"
      }.joined()
    ),
    // A misspelt key of a configuration was ignored, and a model of another size made.
    (
      "print(select(2, pcall(clip.create, {embed_dim = 8, vision_cfg = {image_sise = 32}, text_cfg = {}})))",
      "example:1: clip.create: configuration: 'vision_cfg.image_sise' is not known (did you mean 'image_size'?)\n"
    ),
    // A name's escapes reached the terminal where a value was printed.
    (
      """
      print(clip.create("tiny"):classifier{"\\27[31mred\\27[0m", "dog"})
      """,
      #"classifier: 2 classes, "This is a photo of a \x1b[31mred\x1b[0m" …"# + "\n"
    ),
    // A safetensors file whose header's length looks like a pickle was refused as one.
    (
      """
      local path = os.tmpname() .. ".bin"
      local header = '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
      local file <close> = io.open(path, "wb")
      file:write(string.pack("<I8", 0x280), header, (" "):rep(0x280 - #header), "\\7")
      file:flush()
      print(tensor.load(path).a:item())
      os.remove(path)
      """, "7\n"
    ),
    // The exact per-image attack refused method = "char" with a message meant for Swift.
    (
      """
      local model = clip.create("tiny")
      local cls = model:classifier({"cat", "dog"}, {templates = {"a {c}"}})
      local options = {method = "char", objective = "ce", images = tensor.rand{2, 3, 16, 16}, labels = {1, 2}}
      local prompts, report = attack.text(model, cls, options)
      print(#prompts, #prompts[1], report.accuracy_all <= report.clean_accuracy)
      """, "2\t2\ttrue\n"
    ),
    // A classifier that writes into its argument reached the caller's images.
    (
      setUp + """
        local before = z:clone()
        local adv = attack.fgsm(function(x)
          tensor.no_grad(function() x[1] = 0 end)
          return lin(x)
        end, z, y, {eps = "8/255"})
        print((z - before):abs():max():item(), (adv - z):abs():max():item() <= 8 / 255 + 1e-7)
        """, "0.0\ttrue\n"
    ),
    // A classifier handle is a classifier for the saved file, too.
    (
      """
      local cls = clip.create("tiny"):classifier{"cat", "dog"}
      local x = tensor.rand({3, 16, 16}, {seed = 1})
      local saved, report = image.save_adversarial(os.tmpname() .. ".png", x, x, "8/255",
        {classifier = cls, label = 1})
      print(saved:size(2), type(report.success))
      """, "16\tboolean\n"
    ),
    // int64 quotients lost digits, divided by zero, and took the wrong sign.
    (
      """
      local t = tensor.from({9007199254740993, 7, -7}, {dtype = "int64"})
      print(table.concat((t // 1):to_table(), " "), table.concat((t % 4):to_table(), " "))
      print(table.concat((t // -2):to_table(), " "), pcall(function() return t % 0 end))
      """,
      "9007199254740993 7 -7\t1 3 1\n-4503599627370497 -4 3\tfalse\t"
        + "example:3: %: division by zero in int64 (floats give inf and nan)\n"
    ),
  ]

  @Test(arguments: rows.indices) func staysMended(row: Int) throws {
    let output = try Script().run(Self.rows[row].source)
    #expect(output.replacing(/'\/tmp\/lua_\w+\.jpg'/, with: "'PATH'") == Self.rows[row].output)
  }
}
