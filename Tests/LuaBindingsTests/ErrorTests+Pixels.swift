@testable import LuaBindings

extension ErrorTests {
  private static let model = #"local m = clip.create("tiny"); "#
  private static let classifier = model + #"local c = m:classifier{"a cat", "a dog"}; "#
  private static let images = #"local x = tensor.zeros{3, 3, 16, 16}; "#
  private static let bytes =
    " holds 255, outside 0 … 1 (divide bytes by 255; leave normalising to the model)"

  /// Pixels outside 0 … 1, classes that do not fit, and the options of tokens and presets.
  static let pixels: [ErrorCase] =
    [
      ErrorCase(
        model + images + "x[2][1][1][1] = 255; m:encode_image(x)",
        "encode_image: images[2]" + bytes),
      ErrorCase(
        model + "m:encode_image(tensor.full({3, 16, 16}, 255))",
        "encode_image: the image" + bytes),
      ErrorCase(
        model + "m:encode_image(tensor.full({1, 3, 16, 16}, 0/0))",
        "encode_image: images[1] holds nan (check what made the image)"),
      ErrorCase(
        model + "m:encode_image(tensor.full({1, 3, 16, 16}, -1/0))",
        "encode_image: images[1] holds -inf, outside 0 … 1 (divide bytes by 255; leave normalising "
          + "to the model)"),
      ErrorCase(
        model + "m:encode_image(tensor.full({1, 3, 16, 16}, -0.5))",
        "encode_image: images[1] holds -0.5, outside 0 … 1 (divide bytes by 255; leave normalising "
          + "to the model)"),
      ErrorCase(
        model + "m:encode_image(tensor.full({1, 3, 16, 16}, 1.00001, {dtype = \"float64\"}))",
        "encode_image: images[1] holds 1.00001, outside 0 … 1 (x:clamp(0, 1) cuts it off)"),
      ErrorCase(
        model + "m:encode_image(tensor.zeros({1, 3, 16, 16}, {dtype = \"int64\"}))",
        "encode_image: images hold int64, not floating point (divide bytes by 255)"),
      ErrorCase(
        model + images + "x[3][3][16][16] = 255; m:logits(x, {\"a\"})", "logits: images[3]" + bytes),
      ErrorCase(
        classifier + images + "x[1][1][1][2] = 255; c:logits(x)", "logits: images[1]" + bytes),
      ErrorCase(
        classifier + images + "x[1][1][1][2] = 255; c:predict(x)", "predict: images[1]" + bytes),
      ErrorCase(
        classifier + images + "x[1][1][1][2] = 255; c(x)", "call: images[1]" + bytes),
      ErrorCase(
        classifier + "c:accuracy(data.from(tensor.zeros{1, 3, 16, 16}, {1}, {\"a\", \"b\"}):map("
          + "function(x) return x + 255 end))",
        "accuracy: the function's image for memory#0" + bytes),
      ErrorCase(
        classifier
          + "c:accuracy(data.from(tensor.zeros{1, 3, 16, 16}, {3}, {\"a\", \"b\", \"c\"}))",
        "accuracy: the classifier has 2 classes, the data set has 3 (make the classifier from the "
          + "set's class_names, or name all classes in data.from)"),
      ErrorCase(
        classifier + "c:accuracy(data.from(tensor.zeros{1, 3, 16, 16}, {\"a cat\"}))",
        "accuracy: the data set has captions, not labels"),
      ErrorCase(
        "clip.preprocess(tensor.full({3, 8, 8}, 255))", "clip.preprocess: the image" + bytes),
      ErrorCase(
        "clip.preprocess(tensor.full({3, 8, 8}, 0/0))",
        "clip.preprocess: the image holds nan (check what made the image)"),
      ErrorCase(
        "clip.preprocess(tensor.zeros{2, 8, 8})",
        "clip.preprocess: an image has the shape [3, H, W], not [2, 8, 8]"),
      ErrorCase(
        "clip.preprocess(tensor.zeros{3, 8, 8}, {preset = \"siglop\"})",
        #"clip.preprocess: option 'preset' must be one of "openai", "clip", "mmcoa_small", "#
          + #""mmcoa_imagenet", "tecoa", "siglip", got "siglop" (did you mean 'siglip'?)"#),
    ] + [
      ErrorCase(
        model + images
          + "attack.text(m, {\"a\", \"b\", \"c\"}, {objective = \"img\", images = x + 255})",
        "attack.text: images[1]" + bytes),
      ErrorCase(
        model + images + "attack.text(m, {\"a\"}, {objective = \"img\", images = x})",
        "attack.text: images have shape [3, 3, 16, 16], one image for each of the 1 prompts is "
          + "needed"),
      ErrorCase(
        model + "attack.text(m, {\"a\"}, {objective = \"img\", images = tensor.zeros{3, 16, 16}})",
        "attack.text: images have shape [3, 16, 16] (images are [N, 3, H, W] with values in 0 … 1)"),
      ErrorCase(
        classifier + images
          + "attack.text(m, c, {objective = \"ce\", images = x + 255, labels = {1, 1, 1}})",
        "attack.text: images[1]" + bytes),
      ErrorCase(
        classifier + images + "attack.text(m, c, {objective = \"ce\", images = x, labels = {1}})",
        "attack.text: there are 1 labels for 3 images"),
      ErrorCase(
        "attack.pgd(function(x) return x:flatten(2) end, tensor.full({1, 3, 1, 1}, 1 + 2^-23), {1})",
        "attack.pgd: images[1] holds 1.0000001, outside 0 … 1 (x:clamp(0, 1) cuts it off)"),
      ErrorCase(
        model + "attack.embedding(m, tensor.full({1, 3, 16, 16}, 255), {})",
        "attack.embedding: images[1]" + bytes),
      ErrorCase(
        model + "attack.multimodal(m, tensor.full({3, 16, 16}, 255), {1}, {\"a\", \"b\"})",
        "attack.multimodal: the image" + bytes),
      ErrorCase(
        "clip.tokenize(\"a\", {clean = \"refrence\"})",
        #"clip.tokenize: option 'clean' must be one of "reference", "hf", got "refrence" (did you "#
          + #"mean 'reference'?)"#),
      ErrorCase(
        "clip.tokenize(\"a\", {special = 1})",
        "clip.tokenize: option 'special' must be true or false, got 1"),
    ]
}
