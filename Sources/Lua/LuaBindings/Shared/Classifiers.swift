internal import Attacks
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
  var classifier: Classifier? {
    if case .handle(let handle) = self, let value = handle.object as? any ClassifierValue {
      return Classifier { try value.logits(of: $0) }
    }
    return function?.classifier()
  }
}

extension LuaFunction {
  /// A function of a script as a classifier: images `[N, 3, H, W]` to logits `[N, C]`.
  ///
  /// - Parameters:
  ///   - name: what messages call it.
  ///   - prompts: handed to it behind the images, where there are any.
  func classifier(
    _ name: String = "the classifier function", prompts: [String]? = nil
  ) -> Classifier {
    let takes = "it takes images" + (prompts == nil ? " and gives" : " and prompts, and gives")
    return Classifier { images in
      let logits = try self.tensor(
        [images] + (prompts.map { [$0] } ?? []), name, advice: takes + " logits")
      guard logits.rank == 2, logits.shape[0] == images.shape[0] else {
        throw KilpiError(
          "\(name) returned \(ErrorText.shape(logits.shape)) for "
            + ErrorText.count(images.shape[0], "image"), advice: "logits are [N, C]")
      }
      return logits
    }
  }

  /// The tensor that a script's function returns.
  ///
  /// Tensors are copied on both ways: a function that writes into its argument, or later into what it
  /// returned, must reach neither the images of an attack nor its logits.
  ///
  /// - Parameter name: what messages call it.
  func tensor(
    _ arguments: [any LuaConvertible], _ name: String, advice: String? = nil
  ) throws -> Tensor {
    let value = try first(arguments.map { try ($0 as? Tensor)?.cloned() ?? $0 })
    if let tensor = value.object(as: Tensor.self) { return try tensor.cloned() }
    if value.isReleased {
      throw KilpiError(
        "\(name) returned a \(value.typeName) that was released",
        advice: "it was freed by release, close or scope")
    }
    throw KilpiError("\(name) returned a \(value.typeName), not a tensor", advice: advice)
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
      throw KilpiError("\(name) is \(ErrorText.number(given)), below 0 or not finite")
    }
    return given
  }
}

extension Options {
  /// A classifier option, nil when it was not given.
  func classifierIfGiven(_ name: String) throws -> Classifier? {
    guard has(name) else { return nil }
    guard let classifier = value(name).classifier else {
      throw problem(name, "must be a classifier or a function, got \(value(name).typeName)")
    }
    return classifier
  }
}
