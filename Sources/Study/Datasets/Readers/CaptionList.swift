internal import Diagnostics
internal import Files
internal import Images

/// Names of images with their captions, in the order of the file.
///
/// Four forms of JSON are read: COCO's (`images` and `annotations`), Karpathy's (`images` with
/// `sentences` and `split`), a list of objects with a file's name and its captions (also one object a
/// line), and one object from names to captions; and tables (`CaptionTable`).
struct CaptionList {
  private(set) var entries: [(name: String, captions: [String])] = []
  /// The splits that the file tells apart; empty where it does not.
  private(set) var splits: Set<String> = []
  /// What a user must know of what was read.
  private(set) var notes: [String] = []
  /// Counts names and captions against the cap.
  let held: MemoryReservation
  private var places: [String: Int] = [:]
  private var others: Set<String> = []

  private static let names = [
    "file_name", "filename", "image", "file", "image_path", "path", "img", "image_name", "filepath",
  ]
  private static let texts = [
    "caption", "captions", "text", "texts", "sentences", "raw", "sentence", "title", "comment",
  ]

  /// Reads a file; one that holds no captions gives an empty list.
  ///
  /// - Parameter split: of a file with several splits, the one that is taken.
  /// - Throws: `KilpiError` when it cannot be read, or gives one COCO id to two images.
  init(_ path: String, split: String) throws {
    held = try MemoryReservation()
    let limits = JSONLimits(bytes: 1 << 30)
    var text = try FileReader.text(at: path, limit: 1 << 30)
    if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
    try held.grow(by: text.utf8.count)
    // What the values take while they are read.
    let parsing = try MemoryReservation(bytes: text.utf8.count)
    do {
      if path.hasSuffix(".json") {
        try take(
          JSONValue.parse(Array(text.utf8), limits: limits, reservation: parsing), split, path)
      } else if path.hasSuffix(".jsonl") {
        try readList(
          lines(text).enumerated().filter { !$1.trimmed.isEmpty }.map { number, line in
            do {
              return try JSONValue.parse(Array(line.utf8), reservation: parsing)
            } catch let error as KilpiError where error.kind == .host {
              throw KilpiError("line \(number + 1): \(error.problem)")
            }
          }, split)
      } else {
        try readList(CaptionTable.rows(text, names: Self.names, texts: Self.texts), split)
      }
    } catch let error as KilpiError where error.kind == .host && !error.problem.hasPrefix("'") {
      throw KilpiError("cannot read '\(path)': \(error.problem)", advice: error.advice)
    }
  }

  /// Whether there are captions of what is called an image.
  var holdsCaptions: Bool {
    !others.isEmpty
      || entries.contains {
        !$0.captions.isEmpty && $0.name.split(separator: "/").last?.contains(".") == true
      }
  }

  /// True for the images of the splits that were not taken.
  func isOfOtherSplit(_ name: String) -> Bool { others.contains(name) }

  /// The error of a file without captions.
  static func nothing(in path: String) -> KilpiError {
    KilpiError(
      "'\(path)' holds no captions of images in a form that is read",
      advice: "such as [{\"image\": \"a.jpg\", \"caption\": \"a cat\"}] or "
        + "{\"a.jpg\": [\"a cat\", \"a kitten\"]}")
  }

  private mutating func take(_ value: JSONValue, _ split: String, _ path: String) throws {
    if let images = value["images"]?.array, let annotations = value["annotations"]?.array {
      try joinCOCO(images, annotations, path)
    } else if let list = value["images"]?.array ?? value.array {
      try readList(list, split)
    } else {
      for member in value.object ?? [] { try add(member.key, Self.captions(member.value)) }
    }
  }

  private mutating func joinCOCO(
    _ images: [JSONValue], _ annotations: [JSONValue], _ path: String
  ) throws {
    var names: [String: String] = [:]
    var strangers = 0
    for image in images {
      guard let id = image["id"]?.serialized(), let name = image["file_name"]?.string else {
        continue
      }
      if let other = names[id], other != name {
        throw KilpiError(
          "'\(path)' gives the id \(id.prefix(40)) to '\(other)' and to '\(name)'",
          advice: "their captions cannot be told apart")
      }
      names[id] = name
      try add(name, [])
    }
    for annotation in annotations {
      guard let text = annotation["caption"]?.string else { continue }
      guard let id = annotation["image_id"]?.serialized(), let name = names[id] else {
        strangers += 1
        continue
      }
      try add(name, Self.captions(.string(text)))
    }
    if strangers > 0 {
      notes.append("\(strangers) captions of images that are not listed are passed over")
    }
  }

  private mutating func readList(_ list: [JSONValue], _ split: String) throws {
    var rest = 0
    for item in list {
      // Karpathy's COCO has the folder beside the name.
      guard let key = Self.names.first(where: { item[$0]?.string != nil }),
        let name = item[key]?.string
      else { continue }
      let folder = key == "filepath" ? "" : item["filepath"]?.string ?? ""
      let path = folder.isEmpty || name.contains("/") ? name : folder + "/" + name
      if let own = item["split"]?.string {
        splits.insert(own)
        // The part of COCO's validation images that the published split adds to the training images.
        let joins = own == "restval" && split == "train"
        if joins { rest += 1 }
        guard own == split || joins else {
          others.insert(path)
          continue
        }
      }
      try add(path, Self.texts.lazy.compactMap { item[$0] }.map(Self.captions).first ?? [])
    }
    if splits.contains("restval") { splits.insert("train") }
    if rest > 0 {
      notes.append(
        "\(rest) images of the split restval are part of train, as in the published split")
    }
  }

  /// The texts of a string, a list of strings, or a list of objects that hold one.
  private static func captions(_ value: JSONValue) -> [String] {
    if let text = value.string { return text.trimmed.isEmpty ? [] : [text.trimmed] }
    if let list = value.array { return list.flatMap(captions) }
    return texts.lazy.compactMap { value[$0] }.map(captions).first ?? []
  }

  private mutating func add(_ name: String, _ captions: [String]) throws {
    if let place = places[name] {
      entries[place].captions += captions
    } else {
      try held.grow(by: 256)
      places[name] = entries.count
      entries.append((name, captions))
    }
  }
}

/// Tables of images and captions, a caption a row.
///
/// With a header that names both columns (`filepath` and `title` as open_clip has them, `image` and
/// `caption`, …), fields parted by tab, comma, `|` or `;`, quoted as in RFC 4180; where the captions are
/// the last column, further commas are theirs. Without one, name, tab, caption, as in Flickr's
/// `….token` (`a.jpg#0`).
enum CaptionTable {
  /// The rows as objects with `image`, `caption` and perhaps `split`; none of a text of another form.
  ///
  /// - Throws: `KilpiError` naming the line when a row lacks a column or a quote is not closed.
  static func rows(_ text: String, names: [String], texts: [String]) throws -> [JSONValue] {
    let bytes = Array(text.utf8)
    let first = lines(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)).first ?? ""
    for mark in "\t,|;".utf8 {
      let header = try records(Array(first.utf8), mark).first?.fields.map { $0.lowercased() } ?? []
      guard let name = names.lazy.compactMap({ header.firstIndex(of: $0) }).first,
        let text = texts.lazy.compactMap({ header.firstIndex(of: $0) }).first
      else { continue }
      let split = header.firstIndex(of: "split")
      let isLast = text == header.count - 1
      return try records(bytes, mark, columns: isLast ? header.count : nil).dropFirst().map { row in
        guard row.fields.count == header.count else {
          throw KilpiError(
            "line \(row.line) has \(row.fields.count) fields, the header \(header.count)")
        }
        return .object(
          [.init("image", .string(row.fields[name])), .init("caption", value(row.fields[text]))]
            + (split.map { [.init("split", .string(row.fields[$0]))] } ?? []))
      }
    }
    guard let tab = first.firstIndex(of: "\t"), ImageFormat(path: imageName(first[..<tab])) != nil
    else { return [] }
    return try lines(text).enumerated().filter { !$1.trimmed.isEmpty }.map { number, line in
      guard let tab = line.firstIndex(of: "\t") else {
        throw KilpiError("line \(number + 1) has no tab between name and caption")
      }
      return .object([
        .init("image", .string(imageName(line[..<tab]))),
        .init("caption", .string(String(line[line.index(after: tab)...]))),
      ])
    }
  }

  /// The name without the number of the caption behind `#`.
  private static func imageName(_ field: Substring) -> String {
    guard let sign = field.lastIndex(of: "#"),
      field[field.index(after: sign)...].allSatisfy({ $0.isASCII && $0.isNumber })
    else { return field.trimmed }
    return field[..<sign].trimmed
  }

  /// A caption; several where the field holds a JSON list of strings.
  private static func value(_ field: String) -> JSONValue {
    guard field.hasPrefix("["), let list = try? JSONValue.parse(field), let texts = list.array,
      texts.allSatisfy({ $0.string != nil })
    else { return .string(field) }
    return list
  }

  /// The fields of each line, trimmed; empty lines are left out.
  ///
  /// - Parameter columns: how many there are, where the last takes all that follows.
  private static func records(
    _ bytes: [UInt8], _ mark: UInt8, columns: Int? = nil
  ) throws -> [(line: Int, fields: [String])] {
    let (quote, end) = (UInt8(ascii: "\""), UInt8(ascii: "\n"))
    var records: [(line: Int, fields: [String])] = []
    var (place, line) = (0, 1)
    while place < bytes.count {
      var fields: [String] = []
      let start = line
      while true {
        let isLast = fields.count + 1 == columns
        var field: [UInt8] = []
        if place < bytes.count, bytes[place] == quote {
          place += 1
          while true {
            guard place < bytes.count else {
              throw KilpiError("the quote that begins in line \(start) is not closed")
            }
            if bytes[place] == quote {
              place += 1
              guard place < bytes.count, bytes[place] == quote else { break }
            }
            if bytes[place] == end { line += 1 }
            field.append(bytes[place])
            place += 1
          }
        }
        while place < bytes.count, bytes[place] != end, isLast || bytes[place] != mark {
          field.append(bytes[place])
          place += 1
        }
        fields.append(String(decoding: field, as: UTF8.self).trimmed)
        guard place < bytes.count, bytes[place] == mark else { break }
        place += 1
      }
      place += 1
      line += 1
      if records.count & 0xFFF == 0 { try Interrupts.poll() }
      if fields != [""] { records.append((start, fields)) }
    }
    return records
  }
}
