@testable import LuaBindings

extension ErrorTests {
  private static let run =
    #"train.run{model = clip.create("tiny"), data = data.from(tensor.zeros{2, 3, 4, 4}, {1, 2}, {"a", "b"}), batch = 2, "#

  /// Conversions to int64, options of runs, data sets that are joined.
  static let runs: [ErrorCase] = [
    ErrorCase(
      #"tensor.from{0/0, 1/0}:to("int64")"#,
      #"to: element 1 is nan, which int64 cannot hold (clamp or replace it first)"#),
    ErrorCase(
      #"tensor.from({1, 1e300}, {dtype = "float64"}):to("int64")"#,
      #"to: element 2 is 1e+300, which int64 cannot hold (clamp or replace it first)"#),
    ErrorCase(
      #"tensor.from(tensor.from{1/0}, {dtype = "int64"})"#,
      #"tensor.from: element 1 is inf, which int64 cannot hold (clamp or replace it first)"#),
    ErrorCase(
      #"local t = tensor.zeros({2}, {dtype = "int64"}) t[1] = tensor.full({}, 0/0)"#,
      #"index: element 1 is nan, which int64 cannot hold (clamp or replace it first)"#),
    ErrorCase(
      #"return tensor.ones({2}, {dtype = "int64"}) ^ -1"#,
      #"^: the exponent -1 is negative, which int64 has no result for (convert with to("float32"))"#
    ),
    ErrorCase(
      run + "lr = 1e-4}",
      "train.run: unknown option 'lr' (it stands in a table: image_attack = {lr = …} or optimizer = {lr = …} or validation_attack = {lr = …})"
    ),
    ErrorCase(
      run + #"method = "clean", image_attack = {}}"#,
      #"train.run: option 'image_attack' is given, method = "clean" attacks no images (leave it out, or use mmcoa)"#
    ),
    ErrorCase(
      run + #"method = "image-only", text_attack = {method = "char"}}"#,
      #"train.run: option 'text_attack' is given, method = "image-only" attacks no texts (leave it out, or use mmcoa)"#
    ),
    ErrorCase(
      run + #"method = "image-only", weights = {text = 1}}"#,
      #"train.run: option 'weights.text' is given, method = "image-only" has no such term (it has image and clean)"#
    ),
    ErrorCase(
      run + #"method = "clean", weights = {clean = 1}}"#,
      #"train.run: option 'weights' is given, method = "clean" has no such terms (leave it out, or use mmcoa)"#
    ),
    ErrorCase(
      run + #"method = "tecoa", beta = 2}"#,
      #"train.run: option 'beta' is none of method "tecoa" (leave it out)"#),
    ErrorCase(
      run + #"method = "fare", beta = 2}"#,
      #"train.run: option 'beta' is none of method "fare" (it has anchor, clean_weight)"#),
    ErrorCase(
      run + #"method = "leaf", image_attack = {}}"#,
      #"train.run: option 'image_attack' is given, method = "leaf" attacks no images (leave it out, "#
        + "or use mmcoa)"),
    ErrorCase(
      run + #"method = "clean", loss = function() end}"#,
      #"train.run: option 'method' is given beside a loss of one's own (leave one of them out)"#),
    ErrorCase(
      run + #"loss = function() return tensor.ones{2} end, image_attack = {steps = 1}}"#,
      "train.run: the loss has shape [2], a scalar is needed (take its mean)"),
    ErrorCase(
      run + #"loss = function() return tensor.ones{1} end}"#,
      "train.run: the loss does not depend on any weight that is trained (train other weights, or "
        + "another method)"),
    ErrorCase(
      run + #"method = "clean", warmup = 0, optimizer = {betas = {0.9, 0.9}}}"#,
      "train.run: option 'optimizer.betas' is given, sgd has none (leave it out)"),
    ErrorCase(
      run + #"method = "clean", warmup = 0, train = {lora = {r = 0}}}"#,
      "train.run: option 'train' is none of the tables that select weights, or has a number out of range "
        + #"({last_blocks = n}, {last_tensors = n}, {lora = {r = n, alpha = x, on = {"q", "v"}}}; "#
        + "r from 1 to 4096, alpha above 0)"),
    ErrorCase(
      run + #"method = "tecoa", targets = "identity"}"#,
      #"train.run: option 'targets' is given, method = "tecoa" compares no pairs of a batch (leave it "#
        + "out)"),
    ErrorCase(
      run + "checkpoint_every = 5}",
      "train.run: option 'checkpoint_every' needs out (name the run's folder)"),
    ErrorCase(
      run + "keep_checkpoints = 3}",
      "train.run: option 'keep_checkpoints' needs out (name the run's folder)"),
    ErrorCase(
      run + "image_attack = {init = tensor.zeros{2, 3, 4, 4}}}",
      "train.run: unknown option 'init' (starts belong to known images: attacks that search from a point "
        + "and attacks.image of eval.robustness take it)"),
    ErrorCase(
      run + "learning_rate = 1e-4}",
      "train.run: unknown option 'learning_rate' (it stands in a table: image_attack = {lr = …} or optimizer = {lr = …} or validation_attack = {lr = …})"
    ),
    ErrorCase(
      run + "eps = 0.1}",
      "train.run: unknown option 'eps' (it stands in a table: image_attack = {eps = …} or "
        + "optimizer = {eps = …} or validation_attack = {eps = …})"),
    ErrorCase(
      run + "edits = 1}",
      "train.run: unknown option 'edits' (it stands in a table: text_attack = {edits = …})"),
    ErrorCase(
      run + "batch_size = 1}", "train.run: unknown option 'batch_size' (did you mean 'batch'?)"),
    ErrorCase(
      run + #"method = "teco2"}"#,
      #"train.run: option 'method' must be one of "mmcoa", "image-only", "text-only", "clean", "clean-ce", "adversarial", "tecoa", "fare", "pmg-aft", "tga-zsr", "comp-tga", "trades", "leaf", "tecoa-fare", got "teco2" (did you mean 'tecoa'?)"#
    ),
    ErrorCase(
      run + #"method = "mcoa"}"#,
      #"train.run: option 'method' must be one of "mmcoa", "image-only", "text-only", "clean", "clean-ce", "adversarial", "tecoa", "fare", "pmg-aft", "tga-zsr", "comp-tga", "trades", "leaf", "tecoa-fare", got "mcoa" (did you mean 'mmcoa'?)"#
    ),
    ErrorCase(
      #"data.from(tensor.zeros{2, 3, 4, 4}, {1, 2}):split{0.5, 0.6}"#,
      "split: the shares {0.5, 0.6} are not numbers above 0 whose sum is 1 at most (such as {0.8, 0.2})"
    ),
    ErrorCase(
      #"data.from(tensor.zeros{2, 3, 4, 4}, {1, 2}):split{0.5, 0.5, sed = 1}"#,
      "split: unknown option 'sed' (did you mean 'seed'?)"),
    ErrorCase(
      #"data.from(tensor.zeros{2, 3, 4, 4}, {1, 2}):split({0.5, seed = 1}, {seed = 1})"#,
      "split: option 'seed' stands in the list and beside it"),
    ErrorCase(
      #"data.from(tensor.zeros{2, 3, 4, 4}, {1, 2}):split{"half"}"#,
      "bad argument #1 to 'split' (numbers expected, got string)"),
    ErrorCase(
      "tensor.zeros{2}:abs_()",
      "tensor: there is no field or method 'abs_' (methods change nothing in place: t = t:abs(…))"),
    ErrorCase(
      "tensor.zeros{2}:cuda()",
      "tensor: there is no field or method 'cuda' (tensors are float32, float64 or int64 in memory, "
        + "there is no device to choose)"),
    ErrorCase(
      "tensor.zeros{2}:tolist()",
      "tensor: there is no field or method 'tolist' (t:to_table())"),
    ErrorCase(
      "tensor.zeros{2, 3}:mm(tensor.zeros{3})",
      "mm: the operands [2, 3] and [3] have 2 and 1 axes, not 2 and 2 (matmul takes others)"),
    ErrorCase(
      "tensor.zeros{2, 3, 4}:t()",
      "t: the tensor has 3 axes, two at most can be exchanged so (use transpose(a, b) or permute{…})"
    ),
    ErrorCase(
      run + "keep_checkpoints = 1}",
      #"train.run: option 'keep_checkpoints' is neither a number from 2 on nor "all" (one that is damaged must leave another to go on from)"#
    ),
    ErrorCase(
      run + #"keep_checkpoints = "every"}"#,
      #"train.run: option 'keep_checkpoints' is neither a number from 2 on nor "all" (one that is damaged must leave another to go on from)"#
    ),
  ]
}
