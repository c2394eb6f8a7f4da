@testable import LuaBindings

extension ErrorTests {
  static let modules = modules1 + modules2

  /// A tiny masked language model (scripts/reference/masked_lm.py).
  private static let mlm = #"text.load_mlm("Tests/Fixtures/bert-tiny")"#

  private static let modules1: [ErrorCase] = [
    ErrorCase(#"random.seed("x")"#, #"bad argument #1 to 'seed' (integer expected, got string)"#),
    ErrorCase(#"random.generator(1):integers(5, 1)"#, #"integers: there is no integer in 5 … 1"#),
    ErrorCase(
      #"random.generator(1):permutation(-1)"#,
      #"bad argument #1 to 'permutation' (-1 is no size)"#),
    ErrorCase(#"json.decode("{")"#, #"json.decode: not valid JSON at byte 1: expected a key"#),
    ErrorCase(
      #"json.decode('{"a": 1, "a": 2}')"#,
      #"json.decode: not valid JSON at byte 12: the key 'a' stands twice"#),
    ErrorCase(#"json.decode(3)"#, #"bad argument #1 to 'decode' (string expected, got number)"#),
    ErrorCase(#"json.encode(print)"#, #"json.encode: value is a function, which JSON cannot hold"#),
    ErrorCase(
      #"json.encode{1, 2, x = 3}"#,
      #"json.encode: value has keys that are no strings (keys are 1 … n without holes, or "#
        + #"strings)"#),
    ErrorCase(
      #"local t = {}; t.t = t; json.encode(t)"#,
      #"json.encode: the table contains itself"#),
    ErrorCase(#"json.encode("\xff")"#, #"json.encode: value is not valid UTF-8"#),
    ErrorCase(
      #"image.load("no.png")"#,
      #"image.load: cannot read 'no.png': there is no such file"#),
    ErrorCase(
      #"image.load("Package.swift")"#,
      #"image.load: cannot read 'Package.swift': it is not a PNG, JPEG, WebP or PPM image"#),
    ErrorCase(#"image.load("a\0b")"#, #"bad argument #1 to 'load' (path contains a zero byte)"#),
    ErrorCase(
      #"image.load("x.png", {depth = 12})"#,
      #"image.load: option 'depth' must be 8 or "full""#),
    ErrorCase(
      #"image.save("x.gif", tensor.zeros{3, 2, 2})"#,
      #"image.save: cannot tell the format of 'x.gif' (end the name in .png, .jpg or .ppm)"#),
    ErrorCase(
      #"image.save("/no/such/dir/x.png", tensor.zeros{3, 2, 2})"#,
      #"image.save: cannot write '/no/such/dir/x.png': the folder is not there"#),
    ErrorCase(
      #"image.save("/tmp/kilpi-x.png", tensor.zeros{2, 2})"#,
      #"image.save: an image has the shape [3, H, W], not [2, 2]"#),
    ErrorCase(
      #"image.save("/tmp/kilpi-x.png", tensor.full({3, 2, 2}, 2))"#,
      #"image.save: the image's values lie in 2.0 … 2.0, outside 0 … 1 (clamp them to 0 "#
        + #"… 1 first; for bytes divide by 255)"#),
    ErrorCase(
      #"image.save("/tmp/kilpi-x.png", tensor.full({3, 2, 2}, 0/0))"#,
      #"image.save: the image holds nan"#),
    ErrorCase(
      #"image.save("/tmp/kilpi-x.png", tensor.zeros{3, 2, 2}, {bits = 12})"#,
      #"image.save: option 'bits' must be 8 or 16"#),
    ErrorCase(
      #"image.save("x.jpg", tensor.zeros{3, 2, 2}, {bits = 16})"#,
      #"image.save: 16 bits can be written as PNG only, not to 'x.jpg' (end the name in .png)"#),
    ErrorCase(
      #"image.save_adversarial("/tmp/kilpi-x.png", tensor.zeros{3, 2, 2}, tensor.zeros{3, 2, "#
        + #"2}, 8)"#,
      #"image.save_adversarial: eps is 8, outside 0 … 1 (for 8 of 255 levels write eps = "#
        + #""8/255")"#),
    ErrorCase(
      #"image.save_adversarial("/tmp/kilpi-x.png", tensor.zeros{3, 2, 2}, tensor.zeros{3, 2, "#
        + #"2}, "8/x")"#,
      #"bad argument #4 to 'save_adversarial' (number or fraction such as "8/255" expected)"#),
    ErrorCase(
      #"image.save_adversarial("/tmp/kilpi-x.png", tensor.ones{3, 2, 2}, tensor.zeros{3, 2, "#
        + #"2}, "8/255")"#,
      #"image.save_adversarial: the adversarial image lies 1.0 from the clean one, outside "#
        + #"eps 0.03137254901960784"#),
    ErrorCase(
      #"image.save_adversarial("/tmp/kilpi-x.jpg", tensor.zeros{3, 2, 2}, tensor.zeros{3, 2, "#
        + #"2}, "8/255")"#,
      #"image.save_adversarial: '/tmp/kilpi-x.jpg' is no PNG: other formats change the pixels "#
        + #"(end the name in .png)"#),
    ErrorCase(
      #"image.resize(tensor.zeros{3, 2, 2}, 0)"#,
      #"image.resize: size is 0, outside 1 … 1000000"#),
    ErrorCase(
      #"image.resize(tensor.zeros{3, 2, 2}, {1, 2, 3})"#,
      #"image.resize: the size has 3 numbers (it is {height, width})"#),
    ErrorCase(
      #"image.resize(tensor.zeros{2, 2}, {4, 4})"#,
      #"image.resize: an image has the shape [3, H, W], not [2, 2]"#),
    ErrorCase(
      #"image.resize(tensor.zeros{3, 2, 2}, {4, 4}, {filter = "lanczos"})"#,
      #"image.resize: option 'filter' must be one of "bicubic", "bilinear", "nearest", got "#
        + #""lanczos""#),
    ErrorCase(
      #"image.center_crop(tensor.zeros{3, 2, 2}, 4)"#,
      #"image.center_crop: cannot crop 4 x 4 from [3, 2, 2] (resize the image first)"#),
    ErrorCase(
      #"image.diff(tensor.zeros{3, 2, 2}, tensor.zeros{3, 2, 3})"#,
      #"image.diff: the images differ in shape: [3, 2, 2] and [3, 2, 3]"#),
    ErrorCase(#"image.grid({})"#, #"image.grid: a grid needs at least one image"#),
    ErrorCase(
      #"image.grid(tensor.zeros{2, 3, 4, 4}, {captions = {"a"}})"#,
      #"image.grid: option 'captions' has 1 texts for 2 images"#),
    ErrorCase(
      #"image.show(tensor.zeros{2})"#,
      #"image.show: an image has the shape [2] (images are [3, H, W] or [1, H, W], batches "#
        + #"[N, 3, H, W])"#),
    ErrorCase(
      #"image.show(tensor.zeros{5, 2, 2})"#,
      #"image.show: an image has the shape [3, H, W], not [5, 2, 2]"#),
    ErrorCase(#"image.show(nil)"#, #"bad argument #1 to 'show' (tensor expected, got nil)"#),
    ErrorCase(
      #"data.open("no/such/set")"#,
      #"data.open: there is no data set 'no/such/set' (give a folder, or the name of one in "#
        + #"KILPI_DATA)"#),
    ErrorCase(
      #"data.open("fashion-mnist", {formt = "idx"})"#,
      #"data.open: unknown option 'formt' (did you mean 'format'?)"#),
    ErrorCase(
      #"data.fashion_mnist{split = "val"}"#,
      #"data.fashion_mnist: option 'split' must be one of "train", "test", got "val""#),
    ErrorCase(
      #"data.from(tensor.zeros{2, 3, 4, 4}, {0, 1}, {"a", "b"})"#,
      #"data.from: labels[1] is 0, classes are 1 … 2 (labels count from 1)"#),
  ]

  private static let modules2: [ErrorCase] = [
    ErrorCase(
      #"data.from(tensor.zeros{2, 3, 4, 4}, {1, 3}, {"a", "b"})"#,
      #"data.from: labels[2] is 3, classes are 1 … 2 (labels count from 1)"#),
    ErrorCase(
      #"data.from(tensor.zeros{2, 3, 4, 4}, {1})"#,
      #"data.from: there are 2 images, but 1 labels"#),
    ErrorCase(
      #"data.from(tensor.zeros{2, 4, 4}, {1})"#,
      #"data.from: images have the shape [N, 3, H, W], not [2, 4, 4]"#),
    ErrorCase(
      #"data.from(tensor.full({1, 3, 4, 4}, 255), {1})"#,
      #"data.from: image 1 holds 255.0, outside 0 … 1 (for bytes divide by 255)"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {"a", 3})"#,
      #"bad argument #2 to 'from' (captions expected, got number at [2])"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):get(0)"#,
      #"get: there is no sample 0 in 1 … 1 (indices count from 1; -1 is the last)"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):get(2)"#,
      #"get: there is no sample 2 in 1 … 1 (indices count from 1; -1 is the last)"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):take(2)"#,
      #"take: cannot take 2 of 1 samples"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):per_class(2)"#,
      #"per_class: class '1' has 1 samples, fewer than 2"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):subset{1, 1}"#,
      #"subset: index 1 appears twice"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):subset{0}"#,
      #"subset: there is no sample 0 in 1 … 1 (indices count from 1; -1 is the last)"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):subset("no.txt")"#,
      #"subset: cannot read 'no.txt': there is no such file"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):batches(0)"#,
      #"batches: the batch size is 0, less than 1"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):batches(1, {augment = {crops = 1}})"#,
      #"batches: unknown option 'crops' (did you mean 'crop'?)"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):map(function() return 1 end):get(1)"#,
      #"get: the function gave a number for memory#0, not an image"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):map(function() return tensor.zeros{2} "#
        + #"end):get(1)"#,
      #"get: the function gave [2] for memory#0 (an image is [3, H, W])"#),
    ErrorCase(
      #"data.from(tensor.zeros{1, 3, 4, 4}, {1}):map(function() error("mine", 0) end):get(1)"#,
      #"mine"#),
    ErrorCase(
      #"text.synonyms("dog", {source = "thesaurus"})"#,
      #"text.synonyms: option 'source' must be one of "wordnet", got "thesaurus""#),
    ErrorCase(
      #"text.synonyms(3)"#,
      #"bad argument #1 to 'synonyms' (string expected, got number)"#),
    ErrorCase(
      #"text.edits("dog", {kind = "swop"})"#,
      #"text.edits: option 'kind' must be one of "swap", "delete", "insert", "keyboard", "#
        + #""homoglyph", got "swop" (did you mean 'swap'?)"#),
    ErrorCase(
      #"text.load_mlm("models/bert")"#,
      #"text.load_mlm: cannot load 'models/bert': there is no such file (give a folder with "#
        + #"config.json, vocab.txt and model.safetensors)"#),
    ErrorCase(
      #"text.load_mlm("Tests/Fixtures/clip-gelu")"#,
      #"text.load_mlm: cannot load 'Tests/Fixtures/clip-gelu/config.json': configuration: the model "#
        + #"type is 'clip' (only "bert" with a WordPiece vocabulary is read)"#),
    ErrorCase(
      mlm + #":candidates("a dog", {threshold = "high"})"#,
      #"candidates: option 'threshold' must be a number or "none""#),
    ErrorCase(
      mlm + #":candidates("a dog", {mode = "shifted"})"#,
      #"candidates: option 'mode' must be one of "aligned", "coattack", got "shifted""#),
    ErrorCase(
      mlm + #":candidates("a dog", {max_length = 7})"#,
      #"candidates: max_length is 7, outside 8 … 1048576"#),
    ErrorCase(
      mlm + #":candidates(3)"#,
      #"bad argument #1 to 'candidates' (string or table expected, got number)"#),
    ErrorCase(
      #"attack.text(clip.create("tiny"), {"a dog"}, {method = "bert"})"#,
      #"attack.text: method = "bert" needs a masked language model (pass mlm = text.load_mlm(path))"#
    ),
    ErrorCase(
      #"attack.text(clip.create("tiny"), {"a dog"}, {mlm = clip.create("tiny")})"#,
      #"attack.text: option 'mlm' must be a mlm, got clip model"#),
  ]
}
