internal import Diagnostics

/// An array that is sound, but of elements that are not read.
struct UnreadElements: Error {
  let error: KilpiError
}

/// The text header of an npy file: a Python dictionary with three entries, read by a grammar of its
/// own, so that nothing in it is ever evaluated.
struct NpyHeader {
  let type: ElementDecoding
  let isBigEndian: Bool
  let isFortranOrder: Bool
  let shape: [Int]

  /// - Throws: `KilpiError` with the byte within the header and the reason; `UnreadElements`.
  init(_ text: UnsafeRawBufferPointer) throws {
    var reader = Reader(text: text)
    var descriptor: String?
    var order: Bool?
    var sizes: [Int]?
    try reader.expect("{")
    while try !reader.take("}") {
      let key = try reader.string()
      try reader.expect(":")
      switch key {
      case "descr" where descriptor == nil:
        guard try !reader.take("[") else {
          throw UnreadElements(
            error: KilpiError("it holds records, not numbers", advice: "save one field of it"))
        }
        descriptor = try reader.string()
      case "fortran_order" where order == nil: order = try reader.boolean()
      case "shape" where sizes == nil: sizes = try reader.tuple()
      default: throw reader.failure("an unexpected key '\(key.prefix(40))'")
      }
      if try !reader.take(",") {
        try reader.expect("}")
        break
      }
    }
    guard reader.isAtEnd else { throw reader.failure("text after the dictionary") }
    guard let descriptor, let order, let sizes else {
      throw KilpiError("its header lacks descr, fortran_order or shape")
    }
    (type, isBigEndian) = try Self.elementType(descriptor)
    isFortranOrder = order
    shape = sizes
  }

  /// Type and byte order of `<f4`, `>i8`, `|b1` and their like.
  static func elementType(
    _ descriptor: String
  ) throws -> (type: ElementDecoding, isBigEndian: Bool) {
    let types: [String: ElementDecoding] = [
      "f8": .float64, "f4": .float32, "f2": .float16, "i8": .int64, "i4": .int32, "i2": .int16,
      "i1": .int8, "u8": .uint64, "u4": .uint32, "u2": .uint16, "u1": .uint8, "b1": .bool,
    ]
    guard !descriptor.dropFirst().hasPrefix("O"), descriptor != "O" else {
      throw UnreadElements(
        error: KilpiError(
          "it holds Python objects, which are never loaded", advice: "save it as numbers"))
    }
    guard let order = descriptor.first, let type = types[String(descriptor.dropFirst())],
      "<>=".contains(order) || order == "|" && type.size == 1
    else {
      throw UnreadElements(
        error: KilpiError(
          "it has the unknown element type '\(descriptor.prefix(40))'",
          advice: "numbers of 8 to 64 bits and bool are read"))
    }
    return (type, order == ">")
  }

  /// Walks the header; spaces between tokens are skipped.
  private struct Reader {
    let text: UnsafeRawBufferPointer
    var position = 0

    func failure(_ problem: String) -> KilpiError {
      KilpiError("byte \(position) of its header: \(problem)")
    }

    mutating func skipSpace() {
      while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) {
        position += 1
      }
    }

    var isAtEnd: Bool {
      mutating get {
        skipSpace()
        return position == text.count
      }
    }

    mutating func take(_ mark: Unicode.Scalar) throws -> Bool {
      skipSpace()
      guard position < text.count else { throw failure("it ends here") }
      guard text[position] == UInt8(ascii: mark) else { return false }
      position += 1
      return true
    }

    mutating func expect(_ mark: Unicode.Scalar) throws {
      guard try take(mark) else { throw failure("expected '\(mark)'") }
    }

    mutating func string() throws -> String {
      skipSpace()
      guard position < text.count, text[position] == 0x27 || text[position] == 0x22 else {
        throw failure("expected a string")
      }
      let quote = text[position]
      let start = position + 1
      position = start
      while position < text.count, text[position] != quote {
        guard (0x20..<0x7F).contains(text[position]), text[position] != UInt8(ascii: "\\") else {
          throw failure("an unexpected character in a string")
        }
        position += 1
      }
      guard position < text.count else { throw failure("it ends inside a string") }
      position += 1
      return String(decoding: text[start..<position - 1], as: UTF8.self)
    }

    mutating func boolean() throws -> Bool {
      skipSpace()
      for (word, value) in [("True", true), ("False", false)]
      where text[position...].starts(with: word.utf8) {
        position += word.utf8.count
        return value
      }
      throw failure("expected True or False")
    }

    mutating func tuple() throws -> [Int] {
      var sizes: [Int] = []
      try expect("(")
      while try !take(")") {
        sizes.append(try integer())
        guard sizes.count <= 32 else { throw failure("more than 32 axes") }
        if try !take(",") {
          // (3) is a number in Python, not a tuple
          guard sizes.count > 1 else { throw failure("expected ','") }
          try expect(")")
          break
        }
      }
      return sizes
    }

    mutating func integer() throws -> Int {
      skipSpace()
      let start = position
      var value = 0
      while position < text.count, (0x30...0x39).contains(text[position]) {
        let (tenfold, first) = value.multipliedReportingOverflow(by: 10)
        let (sum, second) = tenfold.addingReportingOverflow(Int(text[position] - 0x30))
        guard !first, !second else { throw failure("a size out of range") }
        value = sum
        position += 1
      }
      guard position > start else { throw failure("expected a size") }
      // Python 2 marked long numbers.
      if position < text.count, text[position] == UInt8(ascii: "L") { position += 1 }
      return value
    }
  }
}
