internal import Diagnostics
internal import LuaHost
internal import Tensors

/// A class of handles that stand for a classifier: images `[N, 3, H, W]` to logits `[N, C]`.
protocol ClassifierValue: AnyObject {
  /// The logits of a batch.
  func logits(of images: Tensor) throws -> Tensor
}

extension LuaValue {
  /// The classifier that a value is: a handle of one, or a Lua function from images to logits.
  ///
  /// - Returns: nil for other values. The closure keeps a function alive only while the call lasts.
  var classifier: ((Tensor) throws -> Tensor)? {
    if case .handle(let handle) = self, let value = handle.object as? any ClassifierValue {
      return { try value.logits(of: $0) }
    }
    guard let function else { return nil }
    return { images in
      let result = try function.first([images.cloned()])
      guard let logits = result.object(as: Tensor.self) else {
        throw KilpiError(
          "", "the classifier gave a \(result.typeName)", advice: "it takes images and gives logits"
        )
      }
      guard logits.rank == 2, logits.shape[0] == images.shape[0] else {
        throw KilpiError(
          "", "the classifier gave \(ErrorText.shape(logits.shape)) for \(images.shape[0]) images",
          advice: "logits are [N, C]")
      }
      return logits
    }
  }
}

extension Call {
  /// A length in pixel units, as an argument: a number or a fraction such as "8/255".
  func budget(_ index: Int, name: String = "eps", limit: Double? = 1) throws -> Double {
    let given: Double
    if let text = value(index).string {
      guard let fraction = Options.fraction(text) else {
        throw badArgument(index, "number or fraction such as \"8/255\" expected")
      }
      given = fraction
    } else {
      given = try number(index)
    }
    if let limit, !(given >= 0 && given <= limit) {
      throw ErrorText.budget(name, given, limit: limit)
    }
    guard given >= 0, given.isFinite else {
      throw KilpiError("", "\(name) is \(ErrorText.number(given)), below 0 or not finite")
    }
    return given
  }
}

extension Options {
  /// A classifier option, nil when it was not given.
  func classifierIfGiven(_ name: String) throws -> ((Tensor) throws -> Tensor)? {
    guard has(name) else { return nil }
    guard let classifier = value(name).classifier else {
      throw problem(name, "must be a classifier or a function, got \(value(name).typeName)")
    }
    return classifier
  }
}
