@testable import LuaBindings

extension ErrorTests {
  private static let call =
    #"attack.multimodal(clip.create("tiny"), tensor.zeros{1, 3, 16, 16}, "#

  private static let words =
    #"attack.text(clip.create("tiny"), {"a cat"}, {method = "char", "#

  private static let retrieval =
    #"eval.retrieval{model = clip.create("tiny"), data = data.from(tensor.zeros{2, 3, 16, 16}, "#
    + #"{"a", "b"}), "#

  private static let free = #"attack.text(clip.create("tiny"), {"a cat"}, {"#

  /// Sources and searches of text attacks.
  static let textSearches: [ErrorCase] = [
    ErrorCase(
      free + #"sources = {"bert"}})"#,
      #"attack.text: option 'sources' holds "bert" (there are mlm, wordnet, embed, chars)"#),
    ErrorCase(
      free + #"sources = {"wordnt"}})"#,
      #"attack.text: option 'sources' holds "wordnt" (did you mean 'wordnet'?)"#),
    ErrorCase(
      free + #"sources = {"mlm"}})"#,
      #"attack.text: the source "mlm" needs a masked language model (pass mlm = "#
        + #"text.load_mlm(path))"#),
    ErrorCase(
      free + #"sources = {"chars", "chars"}})"#,
      #"attack.text: sources names "chars" twice (name it once)"#),
    ErrorCase(
      free + #"sources = {}})"#,
      #"attack.text: sources is empty (there are mlm, wordnet, embed, chars)"#),
    ErrorCase(
      free + #"method = "char", sources = {"embed"}})"#,
      #"attack.text: method = "char" and other sources are both given (leave one of them out)"#),
    ErrorCase(
      free + #"method = "beam", search = "greedy"})"#,
      #"attack.text: method = "beam" and search = "greedy" are both given (leave one of them out)"#
    ),
    ErrorCase(
      free + #"search = "beem"})"#,
      #"attack.text: option 'search' must be one of "greedy", "beam", "genetic", "exhaustive", "#
        + #"got "beem" (did you mean 'beam'?)"#),
    ErrorCase(
      free + #"width = 4})"#,
      #"attack.text: option 'width' goes with search = "beam" (give that search, or leave it out)"#
    ),
    ErrorCase(
      free + #"method = "beam", population = 4})"#,
      #"attack.text: option 'population' goes with search = "genetic" (give that search, or leave "#
        + #"it out)"#),
    ErrorCase(
      free + #"search = "beam", generations = 4})"#,
      #"attack.text: option 'generations' goes with search = "genetic" (give that search, or "#
        + #"leave it out)"#),
    ErrorCase(
      free + #"method = "beam", width = 0})"#, #"attack.text: width is 0, outside 1 … 100000"#),
    ErrorCase(
      free + #"search = "genetic", population = 1})"#,
      #"attack.text: population is 1, outside 2 … 100000"#),
    ErrorCase(
      free + #"search = "genetic", generations = -1})"#,
      #"attack.text: generations is -1, outside 0 … 100000"#),
    ErrorCase(
      "attack.pgd(function(x) return x:mean{axis = {2, 3}} end, tensor.zeros{1, 3, 4, 4}, {1}, {source = {}})",
      "attack.pgd: option 'source' holds no classifier (leave it out)"),
    ErrorCase(
      free + #"search = "beam", combinations = 4})"#,
      #"attack.text: option 'combinations' goes with search = "exhaustive" (give that search, or "#
        + #"leave it out)"#),
    ErrorCase(
      free + #"search = "exhaustive", combinations = 0})"#,
      "attack.text: combinations is 0, outside 1 … 1000000000"),
    ErrorCase(
      free + #"importance = "deleted"})"#,
      #"attack.text: option 'importance' must be one of "delete", "unk_literal", "none", got "#
        + #""deleted" (did you mean 'delete'?)"#),
    ErrorCase(
      free + #"max_queries = 0})"#, "attack.text: max_queries is 0, outside 1 … 1000000000"),
    ErrorCase(
      free + #"max_seconds = 0})"#,
      "attack.text: max_seconds is 0, outside 0 … 1000000000 (0 excluded)"),
    ErrorCase(
      free + #"encoder = 3})"#,
      "attack.text: option 'encoder' must be an mlm, a clip model or a function, got number"),
    ErrorCase(
      free + #"method = "char", encoder = function(t) return tensor.zeros{2, 3} end})"#,
      "attack.text: encoder gave [2, 3] for 1 text (it must give [N, D] for N texts)"),
    ErrorCase(
      free + #"method = "char", encoder = function(t) return tensor.zeros{1, 3} end, words = 0})"#,
      "attack.text: encoder's features of 'a cat' and 'a cat' have no cosine (features must be finite "
        + "and not all zero)"),
    ErrorCase(
      free + #"method = "char", encoder = function(t) return 1 end})"#,
      "attack.text: the encoder function returned a number, not a tensor"),
    ErrorCase(
      call + #"{{"a cat"}}, nil, {method = "co-attack", image = {targeted = "random"}})"#,
      "attack.multimodal: targeted goes with labels and prompts (captions have no classes)"),
    ErrorCase(
      free + #"min_word_cos = 2})"#, #"attack.text: min_word_cos is 2, outside -1 … 1"#),
  ]

  /// Bad input to attacks on images and texts together.
  static let multimodal: [ErrorCase] = [
    ErrorCase(
      call + #"{1}, {"a", "b"}, {method = "image_first"})"#,
      #"attack.multimodal: option 'method' must be one of "independent", "adaptive", "#
        + #""image-first", "alternating", "co-attack", "sga", "worst", got "image_first" (did you "#
        + #"mean 'image-first'?)"#),
    ErrorCase(
      call + #"{3}, {"a", "b"})"#,
      #"attack.multimodal: labels[1] is 3, classes are 1 … 2 (labels count from 1)"#),
    ErrorCase(
      call + #"{1, 2}, {"a", "b"})"#, #"attack.multimodal: there are 2 labels for 1 images"#),
    ErrorCase(
      call + #"{{"a cat"}}, {"a", "b"}, {method = "sga"})"#,
      #"attack.multimodal: captions and prompts are both given (labels go with prompts, "#
        + #"captions stand alone: pass nil)"#),
    ErrorCase(
      call + #"{{"a cat"}}, nil, {method = "adaptive"})"#,
      #"attack.multimodal: method "adaptive" needs labels (captions take "independent", "#
        + #""co-attack", "sga" or "worst")"#),
    ErrorCase(
      call + #"{{"a cat"}}, nil, {method = "worst", methods = {"image-first"}})"#,
      #"attack.multimodal: method "image-first" needs labels (captions take "independent", "#
        + #""co-attack", "sga" or "worst")"#),
    ErrorCase(
      retrieval + #"attack = {multimodal = {method = "worst", methods = {"sgb"}}}}"#,
      #"eval.retrieval: option 'attack.multimodal.methods' holds "sgb" (did you mean 'sga'?)"#),
    ErrorCase(
      call + #"{{"a cat"}, {"a dog"}}, nil, {method = "sga"})"#,
      #"attack.multimodal: there are captions for 2 images, 1 are given"#),
    ErrorCase(
      call + #"{1}, {"a", "b"}, {method = "worst", methods = {"sgb"}})"#,
      #"attack.multimodal: option 'methods' holds "sgb" (did you mean 'sga'?)"#),
    ErrorCase(
      call + #"{1}, {"a", "b"}, {method = "worst", methods = {"worst"}})"#,
      #"attack.multimodal: option 'methods' holds "worst" (there are independent, adaptive, "#
        + #"image-first, alternating, co-attack, sga)"#),
    ErrorCase(
      call + #"{1}, {"a", "b"}, {method = "alternating", rounds = 0})"#,
      #"attack.multimodal: rounds is 0, outside 1 … 1000"#),
    ErrorCase(
      call + #"{1}, {"a", "b"}, {method = "co-attack", alpha = -1})"#,
      #"attack.multimodal: alpha is -1, outside 0 … 1000000"#),
    ErrorCase(
      call + #"{1}, {"a", "b"}, {method = "sga", text = {method = "char"}, scales = {0}})"#,
      #"attack.multimodal: a scale is 0.0, outside 0 … 16"#),
    ErrorCase(
      #"local m = clip.create("tiny") attack.multimodal(m, tensor.zeros{1, 3, 16, 16}, {1}, "#
        + #"m:classifier({"cat", "dog"}, {templates = {"a {c}", "my {c}"}}), {method = "image-first", "#
        + #"text = {method = "char"}})"#,
      #"attack.multimodal: method "image-first" needs a text attack for each image (it takes "#
        + #"classifiers with one template)"#),
    ErrorCase(
      call + #"{1}, {"a", "b"}, {text = {method = "bert"}})"#,
      #"attack.multimodal: method = "bert" needs a masked language model (pass mlm = "#
        + #"text.load_mlm(path))"#),
    ErrorCase(
      retrieval + #"attack = {multimodal = {method = "adaptive"}}}"#,
      #"eval.retrieval: option 'attack.multimodal.method' must be one of "independent", "#
        + #""co-attack", "sga", "worst", got "adaptive""#),
    ErrorCase(
      retrieval + #"attack = {image = 3}}"#,
      #"eval.retrieval: option 'attack.image' must be a table, got number (write image = {method = …})"#
    ),
    ErrorCase(
      retrieval + #"attack = {image = {3}}}"#,
      #"eval.retrieval: option 'attack.image' holds a number, tables are needed"#),
    ErrorCase(
      retrieval + #"attack = {image = {loss = "ce"}}}"#,
      #"eval.retrieval: unknown option 'loss'"#),
    ErrorCase(
      #"eval.retrieval{model = clip.create("tiny"), data = data.from(tensor.zeros{1, 3, 8, 8}, {1})}"#,
      #"eval.retrieval: memory has classes, not captions (evaluate it with eval.robustness)"#),
    ErrorCase(
      retrieval + #"}:recall("images", "tr", 1)"#,
      #"recall: there is no scenario 'images' (there are clean)"#),
    ErrorCase(
      retrieval + #"}:recall("clean", "up", 1)"#,
      #"recall: there is no direction 'up' ("tr": images find captions; "ir": "#
        + #"captions find images)"#),
    ErrorCase(
      retrieval + #"}:recall("clean", "tr", 0)"#,
      #"recall: k is 0, at least 1 is needed"#),
    ErrorCase(
      words + #"objective = "kll"})"#,
      #"attack.text: option 'objective' is "kll" (did you mean 'kl'?)"#),
    ErrorCase(
      words + #"objective = function() return 1 end})"#,
      #"attack.text: the objective function returned a number, not a tensor"#),
    ErrorCase(
      words + #"objective = function() return tensor.zeros{3} end})"#,
      #"attack.text: the objective gave 3 values for 1 candidates"#),
    ErrorCase(
      words + #"kinds = {"swop"}})"#,
      #"attack.text: option 'kinds' holds "swop" (did you mean 'swap'?)"#),
    ErrorCase(
      words + #"kinds = {"typo"}})"#,
      #"attack.text: option 'kinds' holds "typo" (there are swap, delete, insert, keyboard, "#
        + #"homoglyph)"#),
    ErrorCase(
      words + #"max_change = 2})"#, #"attack.text: max_change is 2, outside 0 … 1"#),
    ErrorCase(
      words + #"min_sentence_cos = 0.5})"#,
      #"attack.text: min_sentence_cos needs a sentence encoder (pass encoder = "#
        + #"text.load_mlm(path), a clip model or a function)"#),
  ]
}
