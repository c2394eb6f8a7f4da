@testable import LuaBindings

extension ErrorTests {
  private static let call =
    #"(function(x) return x:flatten(2) end, tensor.full({1, 3, 1, 1}, 0.5), {1}, "#
  private static let set =
    #"local m = clip.create("tiny"); "#
    + #"local ds = data.from(tensor.rand{2, 3, 16, 16}, {1, 2}, "#
    + #"{"cat", "dog"}); "#

  private static let broken =
    #"local m = clip.create("tiny"); m:parameters()["visual.proj"][1] = 0/0; "#
    + #"local c = m:classifier{"cat", "dog"}; "#

  private static let noStart =
    " (starts belong to known images: attacks that search from a point and attacks.image of "
    + "eval.robustness take it)"

  /// Options of the attacks beyond PGD, and of attack tables.
  static let attacks: [ErrorCase] = [
    ErrorCase(
      broken + #"c:predict(tensor.full({2, 3, 16, 16}, 0.5))"#,
      "predict: the logits of sample 1 are not finite (check the classifier's output on this image)"
    ),
    ErrorCase(
      broken + #"c:accuracy(data.from(tensor.full({2, 3, 16, 16}, 0.5), {1, 2}, {"cat", "dog"}))"#,
      "accuracy: the logits of sample 'memory#0' are not finite (check the classifier's output on this "
        + "image)"),
    ErrorCase(
      #"attack.pgd"# + call + #"{mask = tensor.ones{2, 2}})"#,
      "attack.pgd: mask has shape [1, 1, 2, 2], the images [1, 3, 1, 1] (a mask is [H, W], [C, H, W], "
        + "[N, 1, H, W] or [N, C, H, W])"),
    ErrorCase(
      #"attack.square"# + call + #"{mask = tensor.full({1, 1}, 2)})"#,
      "attack.square: mask holds 2, not only 0 and 1 (1: the pixel may change, 0: it stays)"),
    ErrorCase(
      #"attack.fab"# + call + #"{mask = 1})"#,
      "attack.fab: option 'mask' must be a tensor, got 1"),
    ErrorCase(
      #"attack.pgd"# + call + #"{init = tensor.zeros{2, 3, 1, 1}})"#,
      "attack.pgd: init is float32 [2, 3, 1, 1], the images are float32 [1, 3, 1, 1] (one start point an "
        + "image, of its size)"),
    ErrorCase(
      #"attack.pgd"# + call + #"{init = tensor.full({1, 3, 1, 1}, 0/0)})"#,
      "attack.pgd: init holds NaN or infinity"),
    ErrorCase(
      #"attack.fgsm"# + call + #"{init = tensor.zeros{1, 3, 1, 1}})"#,
      "attack.fgsm: unknown option 'init'" + noStart),
    ErrorCase(
      #"attack.deepfool"# + call + #"{init = tensor.zeros{1, 3, 1, 1}})"#,
      "attack.deepfool: unknown option 'init'" + noStart),
    ErrorCase(
      #"attack.patch"# + call + #"{mask = tensor.ones{1, 1}})"#,
      "attack.patch: unknown option 'mask'"),
    ErrorCase(
      #"attack.cw"# + call + #"{norm = "linf"})"#,
      #"attack.cw: option 'norm' must be one of "l2", got "linf""#),
    ErrorCase(
      #"attack.apgd"# + call + #"{n_targets = 2})"#,
      #"attack.apgd: option 'n_targets' goes with loss = "dlr-targeted" (give that loss, or "#
        + #"leave it out)"#),
    ErrorCase(
      #"attack.pgd"# + call + #"{kappa = 1})"#,
      #"attack.pgd: option 'kappa' goes with loss = "margin" (give that loss, or leave it out)"#),
    ErrorCase(
      #"attack.mifgsm"# + call + #"{beta = 2})"#,
      #"attack.mifgsm: option 'beta' goes with variance (give variance, or leave it out)"#),
    ErrorCase(
      #"attack.mifgsm"# + call + #"{resize = 0.5, diversity = false})"#,
      #"attack.mifgsm: option 'resize' goes with diversity (give diversity, or leave it out)"#),
    ErrorCase(
      #"attack.pgd"# + call + #"{loss = "margin", kappa = -1})"#,
      #"attack.pgd: kappa is -1, below 0"#),
    ErrorCase(
      #"attack.square"# + call + #"{kappa = 1})"#, #"attack.square: unknown option 'kappa'"#),
    ErrorCase(
      #"attack.apgd"# + call + #"{loss = "dlr-targeted"})"#,
      #"attack.apgd: the targeted dlr loss needs 4 classes, the classifier has 3 (use loss = "#
        + #""ce" or "margin")"#),
    ErrorCase(
      #"attack.autoattack"# + call + #"{restarts = 2})"#,
      #"attack.autoattack: unknown option 'restarts'"#),
    ErrorCase(
      #"attack.autoattack"# + call + #"{version = "ce+dlr", targeted = {2}})"#,
      #"attack.autoattack: unknown option 'targeted'"#),
    ErrorCase(
      #"attack.embedding(clip.create("tiny"), tensor.rand{2, 3, 16, 16}, {eps = 0, "#
        + #"loss = function(f) return f:sum() end})"#,
      #"attack.embedding: the loss has shape [], one value a sample is needed: [2] (do not "#
        + #"reduce over the batch)"#),
    ErrorCase(
      #"attack.square"# + call + #"{loss = "ce"})"#, #"attack.square: unknown option 'loss'"#),
    ErrorCase(
      #"attack.cw"# + call + #"{keep = "last"})"#,
      #"attack.cw: unknown option 'keep'"#),
    ErrorCase(
      #"attack.deepfool"# + call + #"{loss = "dlr"})"#,
      #"attack.deepfool: unknown option 'loss'"#),
    ErrorCase(
      #"attack.probe"# + call + #"{norm = "l1"})"#,
      #"attack.probe: norm = "l1" has no default budget (give eps)"#),
    ErrorCase(
      #"attack.ddn"# + call + #"{gamma = 1})"#,
      #"attack.ddn: gamma is 1, outside 0 … 1 (exclusive)"#),
    ErrorCase(
      #"attack.deepfool"# + call + #"{targeted = {2}})"#,
      #"attack.deepfool: unknown option 'targeted'"#),
    ErrorCase(
      #"attack.pgd"# + call + #"{targeted = "every"})"#,
      #"attack.pgd: option 'targeted' is 'every' "#
        + #"(labels, "random", "least-likely" or "all")"#),
    ErrorCase(
      #"attack.vmifgsm"# + call + #"{variance = "five"})"#,
      #"attack.vmifgsm: option 'variance' must be true, false or a number, got string"#),
    ErrorCase(
      #"attack.tifgsm"# + call + #"{smoothing = 4})"#,
      #"attack.tifgsm: smoothing is 4, an odd side of 1 … 255 is needed"#),
    ErrorCase(
      set
        + #"eval.robustness{model = m, data = ds, "#
        + #"attacks = {image = {method = "fgsm", beta = 1}}}"#,
      #"eval.robustness: option 'attacks.image.beta' is none of method "fgsm" (leave it out)"#),
    ErrorCase(
      set
        + #"eval.robustness{model = m, data = ds, attacks = {image = {method = "ddn"}}}"#,
      #"eval.robustness: norm = "l2" has no default budget (give eps)"#),
    ErrorCase(
      set + #"attack.embedding(m, tensor.rand{1, 3, 16, 16}, {loss = function(f) return f end, "#
        + #"away = tensor.zeros{1, 32}})"#,
      #"attack.embedding: both loss and away are given (give one of them)"#),
    ErrorCase(
      set + #"attack.embedding(m, tensor.rand{1, 3, 16, 16}, {loss = function(f) return f end})"#,
      #"attack.embedding: the loss has shape [1, 8], one value a sample is needed: [1] (do not "#
        + #"reduce over the batch)"#),
    ErrorCase(
      set + #"eval.compare{{model = m}, {model = m}, data = ds, resume = true}"#,
      #"eval.compare: resume needs out (name the evaluation's folder)"#),
    ErrorCase(
      set + #"attack.embedding(m, tensor.rand{1, 3, 16, 16}, {loss = "l1"})"#,
      #"attack.embedding: unknown loss 'l1' (losses are "l2embed", "cosine", "kl_embed", or a "#
        + #"function)"#),
    ErrorCase(
      #"attack.universal"# + call + #"{norm = "l2"})"#,
      #"attack.universal: norm = "l2" has no default budget (give eps)"#),
    ErrorCase(
      #"attack.universal"# + call + #"{targeted = 4})"#,
      #"attack.universal: targets[1] is 4, classes are 1 … 3 (targets count from 1)"#),
    ErrorCase(
      set + #"attack.universal(m:classifier{"a cat", "a dog"}, ds, {1})"#,
      #"attack.universal: there are 1 labels for 2 images (sets with captions need labels)"#),
    ErrorCase(
      #"attack.patch"# + call + #"{area = 2})"#, #"attack.patch: area is 2, outside 0 … 1"#),
    ErrorCase(
      #"attack.patch"# + call + #"{area = 0})"#,
      #"attack.patch: area is 0, outside 0 … 1 (0 excluded)"#),
  ]
}
