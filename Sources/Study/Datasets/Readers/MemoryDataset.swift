internal import Diagnostics
internal import Files
package import Tensors

/// Data sets from images and labels that are already in memory.
package enum MemoryDataset {
  /// The most classes that labels alone may stand for; sets with class names may have more.
  package static let mostClasses = 1_000_000

  /// A set over a copy of `images`.
  ///
  /// - Parameters:
  ///   - images: `[N, 3, H, W]`, or `[N, 1, H, W]` for gray, floating point, in `[0, 1]`.
  ///   - labels: one class a sample, counted from 0; nil when there are captions.
  ///   - captions: one list of captions a sample; nil when there are labels.
  ///   - classNames: the classes' names; nil names them by their numbers, counted from 1.
  ///   - ids: stable names; nil for `NAME#0`, `NAME#1`, ….
  /// - Throws: `KilpiError` when shapes or counts do not fit, a value is not in `[0, 1]`, or a label
  ///   names no class.
  package static func make(
    images: Tensor, labels: [Int]? = nil, captions: [[String]]? = nil, classNames: [String]? = nil,
    templates: [String] = [], ids: [String]? = nil, name: String = "memory"
  ) throws -> Dataset {
    let shape = images.shape
    guard shape.count == 4, shape[1] == 3 || shape[1] == 1, shape[2] > 0, shape[3] > 0 else {
      throw KilpiError("images have the shape [N, 3, H, W], not \(describe(shape))")
    }
    guard images.dtype != .int64 else {
      throw KilpiError("images hold floating-point numbers in 0 … 1, not int64")
    }
    let count = shape[0]
    for (what, given) in [
      ("labels", labels?.count), ("captions", captions?.count), ("ids", ids?.count),
    ] {
      guard let given, given != count else { continue }
      throw KilpiError("there are \(count) images, but \(given) \(what)")
    }
    guard (labels == nil) != (captions == nil) else {
      throw KilpiError("a data set needs labels or captions, one of the two")
    }
    if let ids, Set(ids).count != count { throw KilpiError("two samples have one id") }
    if let empty = captions?.firstIndex(where: \.isEmpty) {
      throw KilpiError("sample \(empty + 1) has no caption")
    }
    let reservation = try MemoryReservation(
      bytes: images.count.multipliedClamped(by: MemoryLayout<Float>.size))
    try reservation.grow(
      by: (labels?.count ?? 0).multipliedClamped(by: MemoryLayout<Int>.stride))
    let values = try images.detached().floats()
    for (i, value) in values.enumerated() {
      if i & 0xFFFF == 0xFFFF { try Interrupts.poll() }
      guard value >= 0 && value <= 1 else {
        throw KilpiError(
          "image \(i / (values.count / count) + 1) holds \(value.isNaN ? "nan" : "\(value)"), outside 0 … 1",
          advice: "for bytes divide by 255")
      }
    }
    let largest = labels?.max() ?? -1
    guard largest < mostClasses else {
      throw KilpiError(
        "label \(largest.addingClamped(1)) would make more than \(mostClasses) classes",
        advice: "labels number the classes without gaps")
    }
    let source = FloatSource(
      values: values, channels: shape[1], width: shape[3], height: shape[2], labels: labels,
      captions: captions, count: count, name: name, ids: ids, reservation: reservation)
    return try Dataset(
      name: name, source: source,
      classNames: labels == nil
        ? [] : classNames ?? (0..<(largest + 1)).map { String($0 + 1) },
      templates: templates)
  }

  static func describe(_ shape: [Int]) -> String {
    "[" + shape.prefix(8).map(String.init).joined(separator: ", ") + "]"
  }
}

/// Images as floating-point planes in one block.
private final class FloatSource: SampleSource {
  private let values: [Float]
  private let channels: Int
  private let width: Int
  private let height: Int
  private let labels: [Int]?
  private let texts: [[String]]?
  /// Own names; nil for the set's name and a number.
  private let ids: [String]?
  private let name: String
  let count: Int
  /// The set's pixels count against the cap as long as it lives.
  private let reservation: MemoryReservation

  init(
    values: [Float], channels: Int, width: Int, height: Int, labels: [Int]?,
    captions: [[String]]?, count: Int, name: String, ids: [String]?,
    reservation: MemoryReservation
  ) {
    self.count = count
    self.name = name
    self.reservation = reservation
    self.values = values
    self.channels = channels
    self.width = width
    self.height = height
    self.labels = labels
    texts = captions
    self.ids = ids
  }

  func id(at index: Int) -> String { ids?[index] ?? "\(name)#\(index)" }
  func label(at index: Int) -> Int? { labels?[index] }
  func captions(at index: Int) -> [String] { texts?[index] ?? [] }
  func size(at index: Int) throws -> (width: Int, height: Int) { (width, height) }

  func addContents(at index: Int, to digest: inout SHA256) {
    for size in [channels, height, width] { digest.update(size) }
    let size = channels * width * height
    values.withUnsafeBufferPointer {
      digest.update(
        UnsafeRawBufferPointer(
          UnsafeBufferPointer(rebasing: $0[(index * size)..<((index + 1) * size)])))
    }
  }

  func image(at index: Int) throws -> SampleImage {
    let size = channels * width * height
    let own = Array(values[(index * size)..<((index + 1) * size)])
    return .values(channels == 3 ? own : own + own + own, width: width, height: height)
  }
}
