internal import Diagnostics

/// Labelled or captioned images with stable ids.
///
/// A data set is a list of samples over a source that decodes on demand; subsets share the source.
/// Labels count from 0.
package final class Dataset {
  /// The set's name, such as `fashion-mnist`; subsets keep it.
  package let name: String
  /// The split, such as `train` or `test`; empty when the set has none.
  package let split: String
  /// The class names in the order of the labels; empty in sets with captions.
  package let classNames: [String]
  /// Prompt templates, each with `{c}` for the class name.
  package let templates: [String]
  /// What every result made with the set must say, such as that its images are lossy copies.
  package let notes: [String]

  let source: any SampleSource
  let rows: RowList
  /// See `digests()`.
  var knownDigests: DatasetDigests?

  /// The template used where a set brings none.
  package static let defaultTemplate = "This is a photo of a {c}"

  /// Creates a data set over a source.
  ///
  /// - Parameters:
  ///   - rows: which samples of the source, in order; nil for all of them.
  /// - Throws: `KilpiError` when a row, a label or a template is not valid, there is no room, or on
  ///   interrupt.
  package convenience init(
    name: String, split: String = "", source: any SampleSource, rows: [Int]? = nil,
    classNames: [String], templates: [String] = [], notes: [String] = []
  ) throws {
    let rows = try RowList(rows?.count ?? source.count) { place in
      let row = rows?[place] ?? place
      guard (0..<source.count).contains(row) else {
        throw KilpiError("there is no sample \(row) among \(source.count)")
      }
      guard let label = source.label(at: row) else { return row }
      guard classNames.indices.contains(label) else {
        throw KilpiError(
          "sample '\(source.id(at: row))' of \(name) has the label \(label), but there are \(classNames.count) classes (in the file labels count from 0)"
        )
      }
      return row
    }
    for template in templates where !template.contains("{c}") {
      throw KilpiError("the template '\(template)' of \(name) has no {c} for the class name")
    }
    self.init(
      checked: name, split: split, source: source, rows: rows, classNames: classNames,
      templates: templates.isEmpty ? [Self.defaultTemplate] : templates, notes: notes)
  }

  init(
    checked name: String, split: String, source: any SampleSource, rows: RowList,
    classNames: [String], templates: [String], notes: [String]
  ) {
    self.name = name
    self.split = split
    self.source = source
    self.rows = rows
    self.classNames = classNames
    self.templates = templates
    self.notes = notes.map(\.withVisibleControls)
  }

  /// The same set over other rows or another source of the same samples.
  func with(rows: RowList? = nil, source: (any SampleSource)? = nil) -> Dataset {
    Dataset(
      checked: name, split: split, source: source ?? self.source, rows: rows ?? self.rows,
      classNames: classNames, templates: templates, notes: notes)
  }

  /// How many samples there are.
  package var count: Int { rows.count }

  /// How many samples the whole split has, of which a subset holds some.
  package var splitCount: Int { source.count }

  /// True when the samples have captions in place of labels.
  package var hasCaptions: Bool { count > 0 && source.label(at: rows[0]) == nil }

  /// The sample at `index`, decoded.
  ///
  /// - Throws: `KilpiError` when there is none, or its image cannot be decoded.
  package func sample(at index: Int) throws -> Sample {
    let row = try row(at: index)
    return Sample(
      id: source.id(at: row), image: try source.image(at: row), label: source.label(at: row),
      captions: source.captions(at: row))
  }

  /// The stable id of the sample at `index`.
  package func id(at index: Int) throws -> String { source.id(at: try row(at: index)) }

  /// The 64-bit number of the id of the sample at `index`.
  package func sampleID(at index: Int) throws -> UInt64 { SampleID.number(of: try id(at: index)) }

  /// The class of the sample at `index`, nil in sets with captions.
  package func label(at index: Int) throws -> Int? { source.label(at: try row(at: index)) }

  /// The captions of the sample at `index`, empty in sets with classes.
  package func captions(at index: Int) throws -> [String] {
    source.captions(at: try row(at: index))
  }

  /// All ids, in order.
  package var ids: [String] { rows.map { source.id(at: $0) } }

  /// How many samples each class has.
  package var classCounts: [Int] {
    var counts = [Int](repeating: 0, count: classNames.count)
    for row in rows { if let label = source.label(at: row) { counts[label] += 1 } }
    return counts
  }

  /// What is to be said of classes of one name: the prompts of both are the same.
  var repeatedNames: [String] {
    var first: [String: Int] = [:]
    var repeated: [String] = []
    for (label, name) in classNames.enumerated() {
      guard let other = first.updateValue(first[name] ?? label, forKey: name) else { continue }
      repeated.append("classes \(other + 1) and \(label + 1) are both called '\(name)'")
    }
    return Array(repeated.prefix(8))
  }

  func row(at index: Int) throws -> Int {
    guard rows.indices.contains(index) else {
      throw KilpiError("there is no sample \(index + 1) in a data set of \(rows.count)")
    }
    return rows[index]
  }
}
