internal import Diagnostics
internal import Files
public import Tensors

/// How far an image lies from another, over all channels, in units of `[0, 1]`.
public struct ImageDistances: Equatable, Sendable {
  /// The largest difference of a channel.
  public var linf = 0.0
  /// The root of the sum of squared differences.
  public var l2 = 0.0
  /// The sum of absolute differences.
  public var l1 = 0.0

  /// The distances between two images of one shape, in double precision.
  public init(_ a: [Double], _ b: [Double]) {
    var squares = 0.0
    for (x, y) in zip(a, b) {
      let difference = abs(x - y)
      linf = max(linf, difference)
      l1 += difference
      squares += difference * difference
    }
    l2 = squares.squareRoot()
  }
}

/// Adversarial images as files in which the budget still holds.
///
/// Rounding to the nearest level can carry a pixel out of the ball, and `value · 255` cut off
/// can lose the attack; here each channel takes the level nearest to the adversarial value that
/// satisfies `|level - clean| <= epsilon` in double precision.
public enum AdversarialImageFile {
  /// What was written.
  public struct Report {
    /// The path of the file.
    public let path: String
    /// Bits a channel in the file, 8 or 16.
    public let bits: Int
    /// The image read back from the file at its own depth, `[3, H, W]`: success is judged on it.
    public let reloaded: Tensor
    /// What a reader of 8 bits sees: for an 8-bit file the same tensor as `reloaded`.
    public let eightBitView: Tensor
    /// Distances between the clean image and the adversarial one as given.
    public let given: ImageDistances
    /// Distances between the clean image and the file.
    public let saved: ImageDistances
    /// Distances between the clean image and what a reader of 8 bits sees; they may pass the budget.
    public let eightBit: ImageDistances
    /// Channels of pixels in which the file differs from the clean image.
    public let changedValues: Int
    /// What the user should know, one line each; empty when all is well.
    public let warnings: [String]
  }

  /// Writes an adversarial image as PNG so that the budget holds in the file, and reads it back.
  ///
  /// - Parameters:
  ///   - adversarial: `[3, H, W]` in `[0, 1]`, within `epsilon` of `clean`.
  ///   - clean: `[3, H, W]` in `[0, 1]`.
  ///   - epsilon: L∞ budget in pixel units of `[0, 1]`.
  ///   - bits: 8, or 16 for budgets that 8 bits cannot hold.
  ///   - path: a name ending in .png.
  /// - Throws: `KilpiError` when shapes or ranges are wrong, when the adversarial image lies outside
  ///   the budget, when no level lies within the budget (a clean value between two levels), or
  ///   when the file cannot be written.
  public static func save(
    adversarial: Tensor, clean: Tensor, epsilon: Double, bits: Int = 8, path: String
  ) throws -> Report {
    guard adversarial.shape == clean.shape else {
      throw KilpiError(
        "the adversarial image is \(ImageValues.describe(adversarial.shape)), the clean one \(ImageValues.describe(clean.shape))"
      )
    }
    guard bits == 8 || bits == 16 else { throw KilpiError("bits is \(bits), not 8 or 16") }
    guard epsilon >= 0, epsilon <= 1 else {
      throw KilpiError(
        "eps is \(epsilon), outside 0 … 1", advice: "for 8 of 255 levels write eps = \"8/255\"")
    }
    guard ImageFormat(path: path) == .png else {
      throw KilpiError(
        "'\(path)' is no PNG: other formats change the pixels", advice: "end the name in .png")
    }
    let image = try ImageValues(adversarial)
    _ = try ImageValues(clean)
    let target = try adversarial.detached().doubles()
    let origin = try clean.detached().doubles()
    let given = ImageDistances(target, origin)
    // Plain float32 arithmetic passes a budget by less than this; more is a mistake.
    guard given.linf <= epsilon + 1e-6 else {
      throw KilpiError(
        "the adversarial image lies \(given.linf) from the clean one, outside eps \(epsilon)")
    }
    let levels = try zip(target, origin).enumerated().map { index, pair in
      guard let level = level(of: pair.0, near: pair.1, epsilon: epsilon, bits: bits) else {
        throw KilpiError(
          "no \(bits)-bit level lies within eps \(epsilon) of the clean value \(pair.1) (element \(index + 1))",
          advice: bits == 8 ? "use bits = 16, or save the tensor" : "save the tensor")
      }
      return level
    }
    return try write(
      levels, width: image.width, height: image.height, origin: origin, given: given,
      epsilon: epsilon, bits: bits, path: path)
  }

  /// The level nearest to `target` among those within `epsilon` of `clean`, nil when there is none.
  static func level(of target: Double, near clean: Double, epsilon: Double, bits: Int) -> Int? {
    let highest = bits == 8 ? 255 : 65_535
    var level = min(max(Int(target * Double(highest) + 0.5), 0), highest)
    func value() -> Double { Double(Levels.value(level, bits: bits)) }
    if value() > clean {
      while value() - clean > epsilon {
        if level == 0 || value() <= clean { return nil }
        level -= 1
        if clean - value() > epsilon { return nil }
      }
    } else {
      while clean - value() > epsilon {
        if level == highest || value() >= clean { return nil }
        level += 1
        if value() - clean > epsilon { return nil }
      }
    }
    return level
  }

  private static func write(
    _ planes: [Int], width: Int, height: Int, origin: [Double], given: ImageDistances,
    epsilon: Double, bits: Int, path: String
  ) throws -> Report {
    let plane = width * height
    let channels = planes.count / plane
    func sample(_ i: Int) -> Int { planes[(channels == 3 ? i % 3 * plane : 0) + i / 3] }
    let reloaded: Tensor
    let view: Tensor
    if bits == 8 {
      let image = try PixelImage(
        width: width, height: height, pixels: (0..<(3 * plane)).map { UInt8(sample($0)) })
      try ImageFile.save(image, to: path)
      reloaded = try ImageFile.load(path).tensor()
      view = reloaded
    } else {
      let image = try DeepImage(
        width: width, height: height, pixels: (0..<(3 * plane)).map { UInt16(sample($0)) })
      try ImageFile.save(image, to: path)
      reloaded = try ImageFile.loadDeep(path).tensor()
      view = try ImageFile.load(path).tensor()
    }
    let clean = channels == 3 ? origin : origin + origin + origin
    let values = try reloaded.doubles()
    let saved = ImageDistances(values, clean)
    guard saved.linf <= epsilon else {
      throw KilpiError("'\(path)' was read back at distance \(saved.linf), outside eps \(epsilon)")
    }
    var warnings: [String] = []
    if bits == 8, epsilon > 0, epsilon < 1.0 / 255 {
      warnings.append(
        "8 bits hold steps of 1/255 and eps \(epsilon) is less, so the file holds no perturbation (use bits = 16, or save the tensor)"
      )
    }
    return try Report(
      path: path, bits: bits, reloaded: reloaded, eightBitView: view, given: given, saved: saved,
      eightBit: ImageDistances(view.doubles(), clean),
      changedValues: zip(values, clean).count { $0 != $1 }, warnings: warnings)
  }
}
