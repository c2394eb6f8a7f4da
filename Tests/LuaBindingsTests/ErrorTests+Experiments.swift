@testable import LuaBindings

extension ErrorTests {
  /// Bad input to attacks, models, training, evaluation and plots.
  static let experiments: [ErrorCase] = [
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.zeros{1, 3, 1, 1}, {1}, {eps "#
        + #"= 8})"#,
      #"attack.pgd: eps is 8, outside 0 … 1 (for 8 of 255 levels write eps = "8/255")"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.zeros{1, 3, 1, 1}, {0}, {eps "#
        + #"= "8/255"})"#,
      #"attack.pgd: labels[1] is 0, classes are 1 and up (labels count from 1)"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.zeros{1, 3, 1, 1}, {4}, {eps "#
        + #"= "8/255"})"#,
      #"attack.pgd: labels[1] is 4, classes are 1 … 3 (labels count from 1)"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.zeros{1, 3, 1, 1}, {1, 2}, "#
        + #"{eps = "8/255"})"#,
      #"attack.pgd: there are 2 labels for 1 images"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.zeros{1, 3, 1, 1}, {1}, "#
        + #"{step_size = 1})"#,
      #"attack.pgd: unknown option 'step_size' (did you mean 'step'?)"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.zeros{1, 3, 1, 1}, {1}, "#
        + #"{norm = "linfty"})"#,
      #"attack.pgd: option 'norm' must be one of "linf", "l2", "l1", got "linfty" (did you "#
        + #"mean 'linf'?)"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.zeros{1, 3, 1, 1}, {1}, "#
        + #"{steps = 0})"#,
      #"attack.pgd: steps is 0, outside 1 … 1000000"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.zeros{1, 3, 1, 1}, {1}, {eps "#
        + #"= "8/256x"})"#,
      #"attack.pgd: option 'eps' must be a number or a fraction such as "8/255", got "8/256x""#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.full({1, 3, 1, 1}, 2), {1}, "#
        + #"{eps = "8/255"})"#,
      #"attack.pgd: images[1] holds 2, outside 0 … 1 (divide bytes by 255; leave normalising "#
        + #"to the model)"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.zeros{3, 1}, {1}, {eps = "#
        + #""8/255"})"#,
      #"attack.pgd: images have shape [3, 1] (images are [N, 3, H, W] or [3, H, W] with "#
        + #"values in 0 … 1)"#),
    ErrorCase(
      #"attack.pgd(function(x) return 1 end, tensor.zeros{1, 3, 1, 1}, {1}, {eps = "8/255"})"#,
      #"attack.pgd: the classifier function returned a number, not a tensor (it takes "#
        + "images and gives logits)"),
    ErrorCase(
      #"attack.pgd(function(x) local y = x:flatten(2) y:release() return y end, tensor.zeros{1, 3, 1, 1}, {1}, "#
        + #"{eps = "8/255"})"#,
      #"attack.pgd: the classifier function returned a tensor that was released (it was freed by "#
        + #"release, close or scope)"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:sum() end, tensor.zeros{1, 3, 1, 1}, {1}, {eps = "#
        + #""8/255"})"#,
      #"attack.pgd: the classifier function returned [] for 1 image (logits are [N, C])"#),
    ErrorCase(
      #"attack.pgd(function(x) error("mine", 0) end, tensor.zeros{1, 3, 1, 1}, {1}, {eps = "#
        + #""8/255"})"#,
      #"mine"#),
    ErrorCase(
      #"attack.pgd(3, tensor.zeros{1, 3, 1, 1}, {1})"#,
      #"bad argument #1 to 'pgd' (classifier or function expected, got number)"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, nil, {1})"#,
      #"bad argument #2 to 'pgd' (tensor expected, got nil)"#),
    ErrorCase(
      #"attack.pgd(function(x) return x:flatten(2) end, tensor.zeros{1, 3, 1, 1})"#,
      #"bad argument #3 to 'pgd' (tensor or table of integers expected, got no value)"#),
    ErrorCase(
      #"attack.fgsm(function(x) return x:flatten(2) end, tensor.zeros{1, 3, 1, 1}, {1}, "#
        + #"{eps = -1})"#,
      #"attack.fgsm: eps is -1, below 0 or not finite"#),
    ErrorCase(
      #"clip.load("no/such/model")"#,
      #"clip.load: there is no model 'no/such/model' (give a path, or the name of a folder "#
        + #"in KILPI_MODELS; clip.create makes random weights)"#),
    ErrorCase(
      #"clip.create("ViT-X-99")"#,
      #"clip.create: there is no architecture 'ViT-X-99' "#
        + #"(clip.available() lists them)"#),
    ErrorCase(
      #"clip.create{vision_config = {hidden_size = 4611686018427387904, hidden_act = "gelu"}, text_config = {hidden_act = "gelu"}}"#,
      #"clip.create: configuration: 'vision_config.hidden_size' is 4611686018427387904, out of range"#
    ),
    ErrorCase(
      #"clip.create{embed_dim = 8, vision_cfg = {layers = {1, 1, 1, 1}, width = math.maxinteger}, text_cfg = {}}"#,
      #"clip.create: configuration: 'vision_cfg.width' is 9223372036854775807, out of range"#),
    ErrorCase(
      #"clip.create{embed_dim = 8, vision_cfg = {layers = 1, width = 8, head_width = -1}, text_cfg = {}}"#,
      #"clip.create: configuration: 'vision_cfg.head_width' is -1, below 1"#),
    ErrorCase(
      #"clip.create{embed_dim = 8, vision_cfg = {layers = 1, width = 64, norm_kwargs = {eps = -1}}, text_cfg = {}}"#,
      #"clip.create: configuration: the epsilon -1.0 of the vision norms is outside 0 … 1"#),
    ErrorCase(
      #"clip.load("a\0b")"#, #"clip.load: the path contains a zero byte"#),
    ErrorCase(
      #"clip.create({})"#,
      #"clip.create: this is no CLIP configuration: it has neither vision_config nor vision_cfg"#),
    ErrorCase(
      #"eval.robustness{}"#,
      #"eval.robustness: option 'model' is missing (it is: what to evaluate: a model, a "#
        + #"classifier, a function from images to logits, or {logits =, text =, name =})"#),
    ErrorCase(
      #"eval.robustness{model = clip.create("tiny"), data = data.from(tensor.zeros{1, 3, 4, 4}, {{"a cat"}}), attacks = {clean = true}}"#,
      #"eval.robustness: memory has captions, not classes (evaluate it with eval.retrieval)"#),
    ErrorCase(
      #"eval.robustness{model = clip.create("tiny"), data = data.from(tensor.zeros{1, 3, 4, 4}, {1}, {"a", "b"}), resume = true}"#,
      #"eval.robustness: resume needs out (name the evaluation's folder)"#),
    ErrorCase(
      #"eval.cost{model = clip.create("tiny"), data = data.from(tensor.zeros{1, 3, 4, 4}, {1}, {"a", "b"}), save_images = "png"}"#,
      #"eval.cost: save_images needs out (name the evaluation's folder)"#),
    ErrorCase(
      #"train.run{method = "mmcoa"}"#,
      #"train.run: option 'model' is missing (it is: the model to start from)"#),
    ErrorCase(
      #"train.run{method = "mmco"}"#,
      #"train.run: option 'method' must be one of "mmcoa", "image-only", "text-only", "#
        + #""clean", "clean-ce", "adversarial", "tecoa", "fare", "pmg-aft", "tga-zsr", "comp-tga", "trades", "leaf", "tecoa-fare", got "mmco" (did you mean 'mmcoa'?)"#
    ),
    ErrorCase(
      #"plot.line{}"#,
      #"plot.line: there is nothing to draw (give y or series)"#),
  ]
}
