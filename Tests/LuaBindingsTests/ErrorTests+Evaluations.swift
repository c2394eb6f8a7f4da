@testable import LuaBindings

extension ErrorTests {
  private static let set =
    #"local m = clip.create("tiny"); "#
    + #"local ds = data.from(tensor.rand{2, 3, 16, 16}, {1, 2}, {"cat", "dog"}); "#
  private static let robust = set + "eval.robustness{model = m, data = ds, "
  private static let report = set + "local r = eval.robustness{model = m, data = ds"

  /// Evaluations: options in the wrong place, budgets, targets, models that are functions, files.
  static let evaluations: [ErrorCase] = [
    ErrorCase(
      robust + #"eps = "1/255"}"#,
      "eval.robustness: unknown option 'eps' (it belongs to an attack: attacks = {image = {eps = …}})"
    ),
    ErrorCase(
      robust + "words = 2}",
      "eval.robustness: unknown option 'words' (it belongs to an attack: attacks = {text = {words = …}})"
    ),
    ErrorCase(
      robust + "attacks = {pgd = {}}}",
      #"eval.robustness: unknown option 'pgd' (write attacks = {image = {method = "pgd"}})"#),
    ErrorCase(
      robust + "attacks = {sga = {}}}",
      #"eval.robustness: unknown option 'sga' (write attacks = {multimodal = {method = "sga"}})"#),
    ErrorCase(
      robust + #"attacks = {{method = "pgd"}}}"#,
      "eval.robustness: attacks holds a list, named parts are needed (write attacks = {image = {…}}, "
        + "text = {…} or multimodal = {…})"),
    ErrorCase(
      robust + #"attacks = {image = {method = "apgd-ce"}}}"#,
      #"eval.robustness: there is no method "apgd-ce" (write method = "apgd", loss = "ce")"#),
    ErrorCase(
      robust + #"attacks = {image = "pgd"}}"#,
      "eval.robustness: option 'attacks.image' must be a table, got string (write image = {method = …})"
    ),
    ErrorCase(
      robust + "attacks = {image = {eps = {}}}}",
      #"eval.robustness: option 'attacks.image.eps' is an empty list (write a budget, or a list such as "#
        + #"{"1/255", "2/255"})"#),
    ErrorCase(
      robust + "attacks = {image = {eps = {true}}}}",
      "eval.robustness: option 'attacks.image.eps' holds a boolean, budgets are needed"),
    ErrorCase(
      robust + "attacks = {image = {eps = {1, 8}}}}",
      #"eval.robustness: attacks.image.eps is 8, outside 0 … 1 (for 8 of 255 levels write "#
        + #"attacks.image.eps = "8/255")"#),
    ErrorCase(
      robust + #"attacks = {image = {steps = 1, eps = {"1/255", 1/255}}}}"#,
      "eval.robustness: option 'attacks.image.eps' holds 0.00392156862745098 twice (each "
        + "budget gives one row: leave one out)"),
    ErrorCase(
      robust + #"attacks = {image = {{method = "pgd"}, {method = "fgsm"}, steps = 2}}}"#,
      #"eval.robustness: option 'attacks.image[2].steps' is none of method "fgsm" (leave it out)"#
    ),
    ErrorCase(
      robust + #"attacks = {text = {{method = "char"}, {method = "synonym"}, name = "t"}}}"#,
      "eval.robustness: option 'attacks.text' has one name for 2 attacks (name its members: {{name = …}, "
        + "…})"),
    ErrorCase(
      robust + "attacks = {image = {{steps = 1}, [3] = {steps = 2}}}}",
      "eval.robustness: option 'attacks.image' has an element [3], its list ends at [1] (number its tables "
        + "without gaps)"),
    ErrorCase(
      robust + "attacks = {image = {{steps = 1}, {steps = 2}, [true] = 1}}}",
      "eval.robustness: option 'attacks.image' has a boolean key (options have names)"),
    ErrorCase(
      robust + #"attacks = {image = {name = ""}}}"#,
      "eval.robustness: an attack has an empty name (leave name out, or give one)"),
    ErrorCase(
      set + #"eval.robustness{model = m:classifier{"dog", "cat"}, data = ds}"#,
      "eval.robustness: class 'cat' is number 1 in memory, number 2 in the classifier (make the classifier "
        + "from the set's class_names, which give the order)"),
    ErrorCase(
      set + #"m:classifier{"dog", "cat"}:accuracy(ds)"#,
      "accuracy: class 'cat' is number 1 in memory, number 2 in the classifier (make the classifier from "
        + "the set's class_names, which give the order)"),
    ErrorCase(
      report
        + #"}; local f = os.tmpname() .. "-loaded"; r:save(f); eval.load(f):images("/nowhere/x.png")"#,
      "images: a report that was loaded has no pictures (draw them with the report that eval.robustness "
        + "gives; save_images keeps the images)"),
    ErrorCase(
      robust + "attacks = {image = {{steps = 1}, {steps = 2}}}}",
      "eval.robustness: two attacks have the name 'pgd' (give one of them another name)"),
    ErrorCase(
      robust + #"attacks = {image = {targeted = "every"}}}"#,
      #"eval.robustness: option 'attacks.image.targeted' is 'every' ("least-likely", "random", "all", a "#
        + "class, or one for each image)"),
    ErrorCase(
      robust + "attacks = {image = {source = m}}}",
      "eval.robustness: option 'attacks.image.source' holds a clip model, not a classifier or "
        + "function (model:classifier(names) makes one)"),
    ErrorCase(
      robust + "attacks = {image = {targeted = 3}}}",
      "eval.robustness: pgd: target 3 is outside 1 … 2, the classes"),
    ErrorCase(
      robust + "attacks = {image = {targeted = {1, 2, 1}}}}",
      "eval.robustness: pgd: there are 3 targets for 2 images (give one for each image of data, in its "
        + "order, or one class for all)"),
    ErrorCase(
      robust + "attacks = {image = {init = tensor.zeros{3, 3, 16, 16}}}}",
      "eval.robustness: pgd: init is for 3 images, data has 2 (give one for each image of data, in its order)"
    ),
    ErrorCase(
      robust + #"attacks = {image = {method = "autoattack", targeted = 1}}}"#,
      "eval.robustness: option 'attacks.image.targeted' is given, AA/standard-C2 has no targeted form"
    ),
    ErrorCase(
      robust + #"attacks = {multimodal = {method = "sga", image = {targeted = 1}}}}"#,
      #"eval.robustness: method "sga" has no targeted form (image rows, independent and adaptive have)"#
    ),
    ErrorCase(
      set + "eval.robustness{model = 3, data = ds}",
      "eval.robustness: model is a number, a clip model, classifier or function is needed"),
    ErrorCase(
      set + "eval.robustness{model = {logits = function(x) return x:flatten(2) end}, data = ds, "
        + "attacks = {text = {}}}",
      "eval.robustness: a plain function has no prompts to attack (pass a model or classifier, {logits = "
        + "function(images, prompts), text = clip model}, or leave text attacks out)"),
    ErrorCase(
      set + "eval.robustness{model = {text = m}, data = ds}",
      "eval.robustness: option 'model.logits' is missing (it is: (images, prompts) -> logits [N, C])"
    ),
    ErrorCase(
      set + "eval.robustness{model = {logits = function(x) return 3 end}, data = ds}",
      "eval.robustness: clean: model.logits returned a number, not a tensor (it takes images and prompts, and gives logits)"
    ),
    ErrorCase(
      set + "eval.robustness{model = {logits = function(x) return x end, text = m}, data = ds, "
        + #"attacks = {multimodal = {method = "sga"}}}"#,
      #"eval.robustness: method "sga" attacks the features of a CLIP, a function has logits alone (use "#
        + "independent or adaptive)"),
    ErrorCase(
      set + "eval.compare{plain = m}",
      #"eval.compare: unknown option 'plain' (models stand in the list: {{name = "plain", model = …}, …, "#
        + "data = …})"),
    ErrorCase(
      set + "eval.compare{m, m, data = ds}",
      "eval.compare: [1] is a clip model, a table is needed (write {name = …, model = …}, or {name = …, "
        + "report = …})"),
    ErrorCase(
      set + "eval.compare{data = ds}",
      "eval.compare: 0 models are given, at least 2 are needed (write eval.compare{{name = …, model = …}, "
        + "{name = …, model = …}, data = …})"),
    ErrorCase(
      report + #", attacks = {image = {steps = 1, eps = {0, "1/255"}}}}; r:accuracy("image")"#,
      "accuracy: 'image' stands for rows of different budgets (name one of image/pgd@0, "
        + "image/pgd@1/255)"),
    ErrorCase(
      report + #"}; r:table("html")"#,
      #"table: there is no format 'html' (formats are "text", "markdown", "latex" and "#
        + #""csv")"#),
    ErrorCase(
      report + #"}; r:plot("/nowhere/x.png", {kind = "curve"})"#,
      #"plot: no attack was run at several budgets (give a list, eps = {"1/255", "#
        + #""2/255"}, or leave kind out)"#),
    ErrorCase(
      #"eval.load("/nowhere/report")"#,
      "eval.load: '/nowhere/report' holds no report (name a folder that save of a report or eval.robustness "
        + "has written)"),
    ErrorCase(
      #"eval.retrieval{model = clip.create("tiny"), data = data.from(tensor.zeros{2, 3, 16, 16}, "#
        + #"{"a cat", "a dog"}), eps = 0.1}"#,
      "eval.retrieval: unknown option 'eps' (it belongs to an attack: attack = {image = {eps = …}})"
    ),
  ]
}
