internal import Diagnostics
internal import Files
internal import Tensors

/// What one row makes of one batch of images.
struct RetrievalPart: EvaluationPart {
  /// The row's name in the record: its number and label, and of a member of `worst` that one's.
  var key = ""
  /// The place of the first image.
  var first: Int
  /// Features of the batch's images, `[n, D]`.
  var features: Tensor
  /// The captions of those images, where the row changes them.
  var texts: [String] = []
  /// What it took.
  var totals = RetrievalTotals()
  /// Checksum of the clean pixels.
  var pixels = ""
  var isRestored = false

  init(first: Int, features: Tensor) {
    self.first = first
    self.features = features
  }

  var label: String { key }
  var count: Int { features.shape[0] }
  var seconds: Double { totals.seconds }

  // MARK: Lines

  func json() throws -> JSONValue { .object(try members()) }

  func members() throws -> [JSONValue.Member] {
    [
      .init("row", .string(key)), .init("first", .integer(Int64(first))),
      .init("features", try FeatureDigits.json(features)),
      .init("texts", .strings(texts)), .init("totals", totals.json),
      .init("pixels", .string(pixels)),
    ]
  }

  /// Reads what `members` wrote; nil when something is missing or does not fit.
  init?(_ line: JSONValue) throws {
    guard let key = line["row"]?.string, let first = line["first"]?.int, first >= 0,
      let held = line["features"],
      let features = try FeatureDigits.tensor(held),
      let texts = line["texts"]?.array?.map(\.string), !texts.contains(nil),
      let totals = line["totals"].flatMap({ RetrievalTotals($0) }),
      let pixels = line["pixels"]?.string
    else { return nil }
    self.init(first: first, features: features)
    self.key = key
    self.texts = texts.compactMap { $0 }
    self.totals = totals
    self.pixels = pixels
  }
}

/// Features as hexadecimal digits of their bits, so that a line gives them back exactly.
private enum FeatureDigits {
  private static let digits = Array("0123456789abcdef".utf8)

  static func json(_ features: Tensor) throws -> JSONValue {
    let isDouble = features.dtype == .float64
    let words =
      isDouble
      ? try features.doubles().map { $0.bitPattern }
      : try features.converted(to: .float32).floats().map { UInt64($0.bitPattern) }
    let size = isDouble ? 16 : 8
    var text: [UInt8] = []
    text.reserveCapacity(words.count * size)
    for word in words {
      for place in stride(from: 4 * (size - 1), through: 0, by: -4) {
        text.append(digits[Int(word >> UInt64(place) & 15)])
      }
    }
    return .record([
      "shape": .array(features.shape.map { .integer(Int64($0)) }),
      "dtype": .string(features.dtype.rawValue),
      "bits": .string(String(decoding: text, as: UTF8.self)),
    ])
  }

  static func tensor(_ json: JSONValue) throws -> Tensor? {
    guard let shape = json["shape"]?.array?.compactMap(\.int), shape.count == 2,
      shape.allSatisfy({ $0 >= 0 && $0 < 1 << 31 }), let text = json["bits"]?.string,
      let dtype = json["dtype"]?.string.flatMap({ DType(rawValue: $0) }), dtype != .int64
    else { return nil }
    let size = dtype == .float64 ? 16 : 8
    let bytes = Array(text.utf8)
    let (count, overflows) = shape[0].multipliedReportingOverflow(by: shape[1])
    guard !overflows, bytes.count % size == 0, bytes.count / size == count else { return nil }
    var words: [UInt64] = []
    words.reserveCapacity(shape[0] * shape[1])
    for start in stride(from: 0, to: bytes.count, by: size) {
      var word: UInt64 = 0
      for byte in bytes[start..<start + size] {
        let value: UInt8
        switch byte {
        case 0x30...0x39: value = byte - 0x30
        case 0x61...0x66: value = byte - 0x61 + 10
        default: return nil
        }
        word = word << 4 | UInt64(value)
      }
      words.append(word)
    }
    if dtype == .float64 {
      return try Tensor(words.map { Double(bitPattern: $0) }, shape: shape)
    }
    return try Tensor(words.map { Float(bitPattern: UInt32($0)) }, shape: shape)
  }
}
