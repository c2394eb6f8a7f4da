internal import CLua
public import Diagnostics

/// The one place where the texts of argument, option and index errors are made.
public enum ErrorText {
  /// `bad argument #2 to 'matmul' (tensor expected, got nil)`, in Lua's own wording.
  ///
  /// - Parameter index: as the user counts; 0 means `self` of a method.
  public static func argument(_ index: Int, of function: String, _ problem: String) -> ArgumentError
  {
    if index == 0 {
      return ArgumentError(description: "calling '\(function)' on bad self (\(problem))")
    }
    return ArgumentError(description: "bad argument #\(index) to '\(function)' (\(problem))")
  }

  /// Names of options elsewhere, and the ones here.
  static let synonyms = [
    "alpha": "step", "batch_size": "batch", "budget": "eps", "epsilon": "eps",
    "iterations": "steps",
    "iters": "steps",
    "learning_rate": "lr", "max_iter": "steps", "n_epochs": "epochs", "num_epochs": "epochs",
    "num_steps": "steps", "output_dir": "out", "save_every": "checkpoint_every",
    "step_size": "step",
    "targets": "targeted", "wd": "weight_decay",
  ]

  /// Options of calls on images that attack tables do not have, and the form that works.
  private static let callsOnly = [
    "init": "starts belong to known images: attacks that search from a point and attacks.image of "
      + "eval.robustness take it",
    "source":
      "a table runs on its own model: craft x with attack.NAME(classifier, images, labels, {source = …}), then evaluate data.from(x, labels, names)",
  ]

  /// `unknown option 'step_size' (did you mean 'step'?)`; of an option that belongs into a table beside
  /// it, `unknown option 'lr' (it stands in a table: optimizer = {lr = …})`.
  ///
  /// - Parameter elsewhere: the tables that take an option of this name.
  public static func unknownOption(
    _ name: String, known: [String], elsewhere: [String] = []
  ) -> KilpiError {
    let problem = "unknown option '\(clipped(name))'"
    if let synonym = synonyms[name], known.contains(synonym) {
      return KilpiError(problem, advice: "did you mean '\(synonym)'?")
    }
    if !elsewhere.isEmpty {
      let list = elsewhere.prefix(3).joined(separator: " or ")
      return KilpiError(problem, advice: "it stands in a table: \(list)")
    }
    if let form = callsOnly[name], known.contains("eps") {
      return KilpiError(problem, advice: form)
    }
    let near = NearestName.suggestion(for: name, among: known)
    return KilpiError(problem, advice: near.map { "did you mean '\($0)'?" })
  }

  /// `eps is 8, outside 0 … 1 (for 8 of 255 levels write eps = "8/255")`.
  public static func budget(_ name: String, _ value: Double, limit: Double) -> KilpiError {
    let isLevels = value >= 1 && value <= 255 && value == value.rounded()
    return KilpiError(
      "\(name) is \(number(value)), outside 0 … \(number(limit))",
      advice: isLevels
        ? "for \(number(value)) of 255 levels write \(name) = \"\(number(value))/255\"" : nil)
  }

  /// `there is no axis 0 in [2, 3] (axes count from 1; -1 is the last)`.
  public static func axis(_ axis: Int, shape: [Int]) -> KilpiError {
    KilpiError(
      "there is no axis \(axis) in \(self.shape(shape))",
      advice: "axes count from 1; -1 is the last")
  }

  /// `there is no index 0 in 1 … 3 (indices count from 1; -1 is the last)`.
  public static func index(_ index: Int, count: Int, what: String = "index") -> KilpiError {
    KilpiError(
      count == 0
        ? "there is no \(what) \(index): it is empty"
        : "there is no \(what) \(index) in 1 … \(count)",
      advice: count == 0 ? nil : "indices count from 1; -1 is the last")
  }

  /// `labels[3] is 0, classes are 1 … 10 (labels count from 1)`.
  public static func label(_ label: Int, at position: Int, classes: Int, name: String) -> KilpiError
  {
    KilpiError(
      "\(name)[\(position)] is \(label), classes are 1 … \(classes)",
      advice: "labels count from 1")
  }

  /// `string at [2]`: an element that a list of `what` cannot hold; a string among strings is no UTF-8.
  static func element(_ typeName: String, notOf what: String, at position: Int) -> String {
    let isBroken = typeName == "string" && what == "strings"
    return "\(typeName) at [\(position + 1)]" + (isBroken ? " that is not valid UTF-8" : "")
  }

  /// A shape in brackets, cut after 8 sizes: `[2, 3]`.
  public static func shape(_ shape: [Int]) -> String {
    let sizes = shape.prefix(8).map(String.init) + (shape.count > 8 ? ["…"] : [])
    return "[" + sizes.joined(separator: ", ") + "]"
  }

  /// A number as Lua prints it, whole ones without a point.
  public static func number(_ value: Double) -> String {
    if let whole = Int64(exactly: value) { return String(whole) }
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    return "\(value)"
  }

  /// `1 image`, `2 images`.
  public static func count(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)" + (count == 1 ? "" : "s")
  }

  /// A text cut at 40 characters.
  public static func clipped(_ text: String) -> String {
    text.count > 40 ? String(text.prefix(39)) + "…" : text
  }
}
