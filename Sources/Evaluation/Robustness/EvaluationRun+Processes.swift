internal import Datasets
internal import Diagnostics
internal import Files
internal import Processes
internal import Tensors

// An evaluation over several processes: each evaluates whole batches and tells the others.

/// A pictured sample of a row.
struct KeptPicture {
  /// Its place among the pictured samples.
  var place: Int
  /// The row, 0 for the clean image.
  var row: Int
  var prediction: Int
  /// `[3, H, W]`.
  var image: Tensor
  /// It came from a file.
  var isRestored = false
}

/// A row's part of a batch, or a picture, that a process has finished.
struct FinishedPart {
  var row: Int
  var first = 0
  var unit: EvaluationUnit?
  var pixels: [String]?
  var picture: KeptPicture?
  /// It was taken from the record, and stands there already.
  var isRestored = false

  init(
    row: Int, first: Int, unit: EvaluationUnit, pixels: [String]? = nil, isRestored: Bool = false
  ) {
    self.row = row
    self.first = first
    self.unit = unit
    self.pixels = pixels
    self.isRestored = isRestored
  }

  init(picture: KeptPicture) {
    row = picture.row
    self.picture = picture
    isRestored = picture.isRestored
  }

  func json() throws -> JSONValue {
    if let picture {
      return .object([
        .init("row", .integer(Int64(row))), .init("place", .integer(Int64(picture.place))),
        .init("prediction", .integer(Int64(picture.prediction))),
        .init("restored", .bool(isRestored)),
        .init("shape", .array(picture.image.shape.map { .integer(Int64($0)) })),
        // Pictures are few; eight digits a pixel give every float32 back.
        .init(
          "image",
          .string(
            try picture.image.floats().map { String($0.bitPattern, radix: 16) }
              .joined(separator: " "))),
      ])
    }
    var members: [JSONValue.Member] = [
      .init("row", .integer(Int64(row))), .init("first", .integer(Int64(first))),
      .init("restored", .bool(isRestored)),
      .init(
        "samples", .array((unit?.samples ?? []).map { .object($0.members(row: "")) })),
    ]
    if let pixels { members.append(.init("pixels", .array(pixels.map { .string($0) }))) }
    return .object(members + (unit?.summary ?? []))
  }

  /// Reads what `json` wrote; nil when something is missing or does not fit.
  init?(_ json: JSONValue, rows: Int, pictured: Int, samples: Int) throws {
    guard let row = json["row"]?.int, (0..<rows).contains(row),
      let isRestored = json["restored"]?.bool
    else { return nil }
    if let place = json["place"]?.int {
      guard (0..<pictured).contains(place), let prediction = json["prediction"]?.int,
        let shape = json["shape"]?.array?.compactMap(\.int), let digits = json["image"]?.string
      else { return nil }
      let values = digits.split(separator: " ").compactMap { UInt32($0, radix: 16) }
      guard shape.count == 3, shape.reduce(1, { $0 &* $1 }) == values.count else { return nil }
      self.init(
        picture: KeptPicture(
          place: place, row: row, prediction: prediction,
          image: try Tensor(values.map { Float(bitPattern: $0) }, shape: shape),
          isRestored: isRestored))
      return
    }
    guard let first = json["first"]?.int, let lines = json["samples"]?.array else { return nil }
    let records = lines.compactMap { SampleRecord($0) }
    guard records.count == lines.count, first >= 0, first <= samples - records.count else {
      return nil
    }
    self.init(
      row: row, first: first, unit: EvaluationUnit(samples: records, json),
      pixels: json["pixels"]?.array?.compactMap(\.string), isRestored: isRestored)
  }
}

extension EvaluationRun {
  /// What all processes must have in common, as a few digits.
  func fingerprint() throws -> String {
    let parts =
      try plan.rows.flatMap { [$0.label, $0.record.serialized()] }
      + [
        data.fingerprint, String(evaluation.batch), String(evaluation.pictures),
        subject.weights ?? "",
      ]
    return "eval " + String(SampleID.number(of: parts.joined(separator: "\n")), radix: 16)
  }

  /// Opens the record; the first process reads and writes the file, the others get what it read.
  func openRecord() throws {
    guard let folder = evaluation.output else { return }
    if processes.isRoot {
      record = try EvaluationRecord(folder, header: header(), resumes: evaluation.resumes)
    }
    guard processes.size > 1 else { return }
    let text = JSONValue.array(record?.lines ?? []).serialized()
    let shared = try processes.fromRoot(Array(text.utf8))
    guard !processes.isRoot else { return }
    record = try EvaluationRecord(
      copying: JSONValue.parse(shared, limits: JSONLimits(bytes: 1 << 30)).array ?? [])
  }

  /// What the first process makes of a text attack, on all of them.
  func fromRoot(_ body: () throws -> TextAttackRecord) throws -> TextAttackRecord {
    guard processes.size > 1 else { return try body() }
    let own = processes.isRoot ? try body().json.serialized() : ""
    let shared = try processes.fromRoot(Array(own.utf8))
    guard let text = TextAttackRecord(try JSONValue.parse(shared)) else {
      throw KilpiError("", "a text attack of the first process cannot be read")
    }
    return text
  }

  /// Tells the other processes what this one finished, and takes in what they did, in the order of
  /// the batches; the first one writes it.
  func shareFinished() throws {
    guard processes.size > 1 else { return }
    let own = try JSONValue.array(finished.map { try $0.json() }).serialized()
    let all = try processes.gathered(Array(own.utf8))
    for (rank, bytes) in all.enumerated() {
      let parts: [FinishedPart]
      if rank == processes.rank {
        parts = finished
      } else {
        let lines = try JSONValue.parse(bytes, limits: JSONLimits(bytes: 1 << 30)).array ?? []
        parts = try lines.map { line in
          guard
            let part = try FinishedPart(
              line, rows: rows.count, pictured: pictured.count, samples: data.count)
          else { throw KilpiError("", "a part of process \(rank + 1) cannot be read") }
          return part
        }
      }
      for part in parts { try take(part, isOwn: rank == processes.rank) }
    }
    finished = []
  }

  private func take(_ part: FinishedPart, isOwn: Bool) throws {
    if let picture = part.picture {
      if !isOwn { try keep(picture, tells: false) }
      return
    }
    guard let unit = part.unit else { return }
    let label = rows[part.row].label
    if !isOwn {
      append(part.row, part.first, unit)
      if part.isRestored {
        meter.restored(label, unit.samples.count)
      } else {
        meter.finished(label, unit.samples.count, evaluation.progress)
      }
    }
    if !part.isRestored {
      _ = try record?.append(label, first: part.first, unit, pixels: part.pixels)
    }
  }
}
