internal import Diagnostics
package import Tensors

/// Which pixels an attack may change: 1 where it may, 0 where every point of the attack keeps the
/// clean image's bits.
package struct PixelMask {
  /// The mask as `[N or 1, C or 1, H, W]`, int64.
  private let values: Tensor

  /// A mask of zeros and ones.
  ///
  /// - Parameter mask: `[H, W]`, `[C, H, W]`, `[N, 1, H, W]` or `[N, C, H, W]`; sizes 1 in place of `N` and
  ///   `C` hold for all of them. Its numbers are copied.
  /// - Throws: `KilpiError` for other shapes, and for numbers that are neither 0 nor 1.
  package init(_ mask: Tensor) throws {
    guard (2...4).contains(mask.rank) else {
      throw KilpiError(
        "mask has shape \(Self.text(mask.shape))",
        advice: "a mask is [H, W], [C, H, W], [N, 1, H, W] or [N, C, H, W]")
    }
    let numbers = try mask.detached().doubles()
    if let other = numbers.first(where: { $0 != 0 && $0 != 1 }) {
      throw KilpiError(
        "mask holds \(Budget.number(other)), not only 0 and 1",
        advice: "1: the pixel may change, 0: it stays")
    }
    let shape = [Int](repeating: 1, count: 4 - mask.rank) + mask.shape
    values = try Tensor(numbers.map { Int64($0) }, shape: shape)
  }

  /// Refuses a mask that does not fit `samples` images of a shape `[C, H, W]`.
  func check(_ samples: Int, _ one: [Int]) throws {
    let shape = values.shape
    let fits =
      (shape[0] == 1 || shape[0] == samples) && (shape[1] == 1 || shape[1] == one[0])
      && Array(shape[2...]) == Array(one[1...])
    guard fits else {
      throw KilpiError(
        "mask has shape \(Self.text(shape)), the images \(Self.text([samples] + one))",
        advice: "a mask is [H, W], [C, H, W], [N, 1, H, W] or [N, C, H, W]")
    }
  }

  /// The mask of samples `rows` in full, `[n, C, H, W]`, for images of a shape `[C, H, W]`.
  func expanded(_ rows: [Int], _ one: [Int]) throws -> Tensor {
    let own = values.shape[0] == 1 ? values : try values.rows(rows)
    return try own.expanded([rows.count] + one).contiguous()
  }

  /// The same mask for samples `rows` alone.
  func rows(_ rows: [Int]) throws -> PixelMask {
    values.shape[0] == 1 ? self : PixelMask(values: try values.rows(rows))
  }

  private init(values: Tensor) { self.values = values }

  private static func text(_ shape: [Int]) -> String {
    "[" + shape.prefix(8).map(String.init).joined(separator: ", ") + "]"
  }
}
