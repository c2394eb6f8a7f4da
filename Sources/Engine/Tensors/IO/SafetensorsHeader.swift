internal import Diagnostics
internal import Files

/// The JSON header of a safetensors file, read piece by piece: what will be refused is not built, so
/// that a hostile header takes no more memory than a long valid one.
struct SafetensorsHeader {
  /// Bounds on what a file may ask of its reader.
  enum Limit {
    /// As the format's own library has it.
    static let bytes = 100_000_000
    static let tensors = 100_000
    static let rank = 8
    static let depth = 8
    /// Bytes of all names and of `__metadata__` together.
    static let text = 16 << 20
    static let metadata = 100_000
    /// Members of a tensor's row that have no meaning here, and values in them.
    static let others = 100_000
  }

  /// Why a header is refused.
  struct Refusal: Error {
    let reason: String
    let advice: String?
  }

  struct Entry {
    /// The element type as the file names it.
    let storedType: String
    /// nil: a type of the format that is not read.
    let type: ElementDecoding?
    let shape: [Int]
    /// Bytes within the file.
    let bytes: Range<Int>
  }

  private static let again = "copy or download it again"

  /// Element types of the format that Kilpi reads, by their names in the header.
  private static let elementTypes: KeyValuePairs<String, ElementDecoding> = [
    "F64": .float64, "F32": .float32, "F16": .float16, "BF16": .bfloat16, "I64": .int64,
    "I32": .int32, "I16": .int16, "I8": .int8, "U8": .uint8, "BOOL": .bool,
  ]

  private(set) var entries: [String: Entry] = [:]
  private(set) var metadata: [String: String] = [:]
  private let values: Range<Int>
  private var textBytes = 0

  /// Reads the header between byte 8 of a file and `start`, where the values begin.
  ///
  /// - Throws: `Refusal` when it breaks any rule of the format.
  init(_ file: UnsafeRawBufferPointer, endingAt start: Int) throws {
    values = start..<file.count
    do {
      try JSONReader.read(
        UnsafeRawBufferPointer(rebasing: file[8..<start]),
        limits: JSONLimits(
          bytes: Limit.bytes, depth: Limit.depth, string: Limit.text, values: Limit.others)
      ) { reader in
        try reader.eachMember { try read($1, &$0) }
      }
    } catch let error as KilpiError where error.kind == .host {
      throw Refusal(reason: "its header is " + error.problem, advice: Self.again)
    }
    if let problem = gap() { throw Refusal(reason: problem, advice: Self.again) }
  }

  private mutating func read(_ key: String, _ reader: inout JSONReader) throws {
    try count(key)
    if key == "__metadata__" { return try readMetadata(&reader) }
    guard entries.count < Limit.tensors else {
      throw Refusal(reason: "it has more than \(Limit.tensors) tensors, the limit", advice: nil)
    }
    if entries.count & 0xFFF == 0 { try Interrupts.poll() }
    entries[key] = try entry(key, &reader)
  }

  private mutating func count(_ text: String) throws {
    textBytes += text.utf8.count
    guard textBytes <= Limit.text else {
      throw Refusal(
        reason: "its names and metadata have more than \(Limit.text) bytes, the limit", advice: nil)
    }
  }

  private mutating func readMetadata(_ reader: inout JSONReader) throws {
    let place = 8 + reader.offset
    func refusal(_ problem: String) -> Refusal {
      Refusal(reason: "'__metadata__' at byte \(place) " + problem, advice: nil)
    }
    guard reader.isAtObject() else {
      _ = try reader.value()
      throw refusal("is not an object")
    }
    try reader.eachMember { reader, key in
      guard reader.isAtString() else {
        _ = try reader.value()
        throw refusal("holds '\(key.prefix(40))', which is not a string")
      }
      guard metadata.count < Limit.metadata else {
        throw refusal("has more than \(Limit.metadata) entries, the limit")
      }
      let text = try reader.string()
      try count(key)
      try count(text)
      metadata[key] = text
    }
  }

  /// One tensor's row.
  private func entry(_ name: String, _ reader: inout JSONReader) throws -> Entry {
    let place = 8 + reader.offset
    func refusal(_ problem: String, advice: String? = nil) -> Refusal {
      Refusal(reason: "'\(name.prefix(40))' at byte \(place) " + problem, advice: advice)
    }
    guard reader.isAtObject() else {
      _ = try reader.value()
      throw refusal("is not an object")
    }
    var typeName: String?
    var shape: [Int]?
    var offsets: [Int]?
    try reader.eachMember { reader, key in
      switch key {
      case "dtype": typeName = try reader.isAtString() ? reader.string() : reader.value().string
      case "shape":
        shape = try Self.integers(&reader) { count in
          guard count <= Limit.rank else {
            throw refusal("has more than \(Limit.rank) axes, the limit")
          }
        }
      case "data_offsets":
        offsets = try Self.integers(&reader) { count in
          guard count <= 2 else { throw refusal("has no two data_offsets from 0 on") }
        }
      default: _ = try reader.value()
      }
    }
    guard let typeName else { throw refusal("has no dtype") }
    let found = Self.elementTypes.first(where: { $0.key == typeName })
    guard let bits = (found?.value.size).map({ 8 * $0 }) ?? UnreadType.bits(typeName) else {
      let known = Self.elementTypes.map(\.key).joined(separator: " ")
      throw refusal(
        "has the unknown element type '\(typeName.prefix(40))'", advice: "known: \(known)")
    }
    guard let shape else { throw refusal("has no shape of whole numbers from 0 on") }
    // An axis of size 0 makes the count 0, but its strides are products of the other sizes.
    guard let count = try? Shape.count(shape) else {
      throw refusal(
        "has the shape \(Shape.describe(shape)), too large",
        advice: "its sizes without zeros may have a product of 2^46")
    }
    guard let offsets, offsets.count == 2 else {
      throw refusal("has no two data_offsets from 0 on")
    }
    guard offsets[0] <= offsets[1], offsets[1] <= values.count else {
      throw refusal(
        "has data_offsets [\(offsets[0]), \(offsets[1])], the file has \(values.count) bytes of "
          + "values")
    }
    // Types of less than a byte fill whole bytes together; a count is at most 2^46.
    guard count * bits % 8 == 0, offsets[1] - offsets[0] == count * bits / 8 else {
      throw refusal(
        "is \(typeName) \(Shape.describe(shape)) of \((count * bits + 7) / 8) bytes, its data_offsets "
          + "span \(offsets[1] - offsets[0])")
    }
    let start = values.lowerBound
    return Entry(
      storedType: typeName, type: found?.value, shape: shape,
      bytes: start + offsets[0]..<start + offsets[1])
  }

  /// A list of integers that are not negative; numbers with a point or an exponent are none.
  ///
  /// - Parameter check: gets the number of each element, counted from 1, before it is read.
  private static func integers(
    _ reader: inout JSONReader, _ check: (Int) throws -> Void
  ) throws -> [Int]? {
    guard reader.isAtArray() else {
      _ = try reader.value()
      return nil
    }
    var result: [Int] = []
    var count = 0
    try reader.eachElement { reader in
      count += 1
      try check(count)
      if let number = try reader.wholeNumber() { result.append(number) }
    }
    return result.count == count ? result : nil
  }

  /// What is wrong with the order of the values, if anything.
  private func gap() -> String? {
    let sorted = entries.sorted {
      ($0.value.bytes.lowerBound, $0.value.bytes.upperBound)
        < ($1.value.bytes.lowerBound, $1.value.bytes.upperBound)
    }
    var position = values.lowerBound
    for (name, entry) in sorted {
      let first = entry.bytes.lowerBound
      guard first == position else {
        let what = first < position ? "overlaps another tensor" : "leaves a hole before it"
        return "'\(name.prefix(40))' at byte \(first) \(what)"
      }
      position = entry.bytes.upperBound
    }
    let end = values.upperBound
    return position == end ? nil : "its tensors end at byte \(position), the file at \(end)"
  }
}
