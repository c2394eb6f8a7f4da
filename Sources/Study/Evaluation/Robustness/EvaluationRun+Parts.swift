internal import AttackPlans
internal import Datasets
internal import Files
internal import Tensors

// What an evaluation finishes: in its rows, in the record, and on its way to other processes.

/// A pictured sample of a row.
struct KeptPicture {
  /// Its place among the pictured samples.
  var place: Int
  var prediction: Int
  /// `[3, H, W]`.
  var image: Tensor
}

/// A row's part of a batch, or a picture, that a process has finished.
struct FinishedPart: EvaluationPart {
  var row: Int
  var label: String
  var first = 0
  var unit: EvaluationUnit?
  var pixels: [String]?
  var picture: KeptPicture?
  var isRestored = false

  var count: Int { unit?.samples.count ?? 0 }
  var seconds: Double { unit?.seconds ?? 0 }

  func json() throws -> JSONValue {
    let row = JSONValue.Member("row", .integer(Int64(row)))
    if let picture {
      return .object([
        row, .init("place", .integer(Int64(picture.place))),
        .init("prediction", .integer(Int64(picture.prediction))),
        .init("shape", .array(picture.image.shape.map { .integer(Int64($0)) })),
        // Pictures are few; eight digits a pixel give every float32 back.
        .init(
          "image",
          .string(
            try picture.image.floats().map { String($0.bitPattern, radix: 16) }
              .joined(separator: " "))),
      ])
    }
    var members = [
      row, .init("first", .integer(Int64(first))),
      .init("samples", .array((unit?.samples ?? []).map { .object($0.members(row: "")) })),
    ]
    if let pixels { members.append(.init("pixels", .strings(pixels))) }
    return .object(members + (unit?.summary ?? []))
  }
}

extension EvaluationRun {
  func part(_ json: JSONValue) throws -> FinishedPart? {
    guard let row = json["row"]?.int, rows.indices.contains(row) else { return nil }
    var part = FinishedPart(row: row, label: rows[row].label)
    if let place = json["place"]?.int {
      guard pictured.indices.contains(place), let prediction = json["prediction"]?.int,
        let shape = json["shape"]?.array?.compactMap(\.int), let digits = json["image"]?.string
      else { return nil }
      let values = digits.split(separator: " ").compactMap { UInt32($0, radix: 16) }
      guard shape.count == 3, shape.reduce(1, { $0 &* $1 }) == values.count else { return nil }
      part.picture = KeptPicture(
        place: place, prediction: prediction,
        image: try Tensor(values.map { Float(bitPattern: $0) }, shape: shape))
      return part
    }
    guard let first = json["first"]?.int, let lines = json["samples"]?.array else { return nil }
    let records = lines.compactMap { SampleRecord($0) }
    guard records.count == lines.count, first >= 0, first <= data.count - records.count else {
      return nil
    }
    part.first = first
    part.unit = EvaluationUnit(samples: records, json)
    part.pixels = json["pixels"]?.array?.compactMap(\.string)
    return part
  }

  func take(_ part: FinishedPart) throws {
    if let picture = part.picture { keep(picture, row: part.row) }
    if let unit = part.unit { append(part.row, part.first, unit) }
  }

  func write(_ part: FinishedPart, to record: RunRecord) throws -> FinishedPart {
    var part = part
    if let picture = part.picture, record.isWritten { try save(picture, row: part.row) }
    if let unit = part.unit {
      part.unit = try known.append(
        part.label, first: part.first, unit, pixels: part.pixels, to: record)
    }
    return part
  }
}
