internal import Diagnostics
package import Files

/// What tells the contents of data sets apart: 16 hexadecimal digits a part, so that who refuses one can
/// say what differs.
package struct DatasetDigests: Equatable, Sendable {
  /// Of the ids, in order.
  package let ids: String
  /// Of the labels, or the captions, in order.
  package let labels: String
  /// Of the class names, in order.
  package let classes: String
  /// Of the images: decoded or encoded bytes where they lie in memory, of image files the sizes and the
  /// first 4096 bytes.
  ///
  /// A closure that changes images is not looked into.
  package let contents: String

  /// The parts with their names, as records hold them.
  package var record: JSONValue {
    .record([
      "ids": .string(ids), "labels": .string(labels), "classes": .string(classes),
      "contents": .string(contents),
    ])
  }
}

extension Dataset {
  /// The digests of the set's samples, computed once.
  ///
  /// Two sets with equal digests give the same results: names, splits and templates aside, which say
  /// themselves what they are.
  ///
  /// - Throws: `KilpiError` on interrupt.
  package func digests() throws -> DatasetDigests {
    if let known = knownDigests { return known }
    var (ids, labels, classes, contents) = (SHA256(), SHA256(), SHA256(), SHA256())
    for (place, row) in rows.enumerated() {
      if place & 0xFF == 0 { try Interrupts.poll() }
      ids.update(source.id(at: row))
      if let label = source.label(at: row) {
        labels.update(label)
      } else {
        let captions = source.captions(at: row)
        labels.update(captions.count)
        for caption in captions { labels.update(caption) }
      }
      source.addContents(at: row, to: &contents)
    }
    for name in classNames { classes.update(name) }
    func digits(_ digest: SHA256) -> String { String(digest.hexadecimal().prefix(16)) }
    let made = DatasetDigests(
      ids: digits(ids), labels: digits(labels), classes: digits(classes),
      contents: digits(contents))
    knownDigests = made
    return made
  }

  /// A number that stands for everything in the set, as 16 hexadecimal digits.
  ///
  /// - Throws: `KilpiError` on interrupt.
  package var fingerprint: String {
    get throws {
      var digest = SHA256()
      let parts = try digests()
      for part in [name, split] + templates + [parts.ids, parts.labels, parts.classes] {
        digest.update(part)
      }
      digest.update(parts.contents)
      return String(digest.hexadecimal().prefix(16))
    }
  }
}

extension SHA256 {
  /// Takes a text and its length, so that lists of texts are told apart.
  mutating func update(_ text: String) {
    update(text.utf8.count)
    var text = text
    text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
  }

  /// Takes a number.
  mutating func update(_ number: Int) {
    withUnsafeBytes(of: Int64(number).littleEndian) { update($0) }
  }

  /// Takes a part of a list of bytes.
  mutating func update(_ bytes: [UInt8], _ range: Range<Int>) {
    bytes.withUnsafeBytes { update(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }
}
