internal import Diagnostics
internal import Files
internal import Glibc
package import Images

/// How to open a data set.
package struct DatasetOptions: Sendable {
  /// `train`, `test`, or another name that the set uses.
  package var split = "test"
  /// A format's name, or `auto` to recognise it by its files.
  package var format = "auto"
  /// A recipe that brings every image to `size`; nil leaves the pixels as they are.
  package var preset: PreprocessingPreset?
  /// The side that the recipe makes; with a size and no recipe, the recipe is `openai`.
  package var size: Int?

  /// The test split, recognised by its files, native pixels.
  package init() {}
}

/// A layout of files that Kilpi reads as a data set.
package struct DatasetFormat: Sendable {
  /// The name that scripts use.
  package let name: String
  /// What the files look like, in one line.
  package let summary: String
  /// What opens a folder that looks like this format; nil for others.
  let recognised: @Sendable (_ folder: String, _ split: String) throws -> (() throws -> Dataset)?
  let open: @Sendable (_ folder: String, _ split: String) throws -> Dataset

  init(
    name: String, summary: String,
    recognised: @escaping @Sendable (String, String) throws -> (() throws -> Dataset)?,
    open: @escaping @Sendable (String, String) throws -> Dataset
  ) {
    self.name = name
    self.summary = summary
    self.recognised = recognised
    self.open = open
  }

  /// A format that is known without reading its files.
  init(
    name: String, summary: String, matches: @escaping @Sendable (String, String) -> Bool,
    open: @escaping @Sendable (String, String) throws -> Dataset
  ) {
    self.init(
      name: name, summary: summary,
      recognised: { folder, split in
        matches(folder, split) ? { try open(folder, split) } : nil
      }, open: open)
  }
}

/// The layouts that `data.open` knows, in the order in which it tries them.
package enum DatasetFormats {
  /// One row a format; a new reader is one more row.
  package static let all: [DatasetFormat] = [
    DatasetFormat(
      name: "webdataset", summary: "SPLIT/0.tar … with KEY.jpg and KEY.cls or KEY.txt",
      matches: { WebDataset.matches($0, split: $1) },
      open: { try WebDataset.open(folder: $0, split: $1) }),
    DatasetFormat(
      name: "idx", summary: "train-images-idx3-ubyte and its like, plain or gzip (MNIST's form)",
      matches: { IDXDataset.files(in: $0, split: $1) != nil },
      open: { try IDXDataset.open(folder: $0, split: $1) }),
    DatasetFormat(
      name: "cifar", summary: "data_batch_1.bin … or train.bin and test.bin",
      matches: { CIFARBinary.matches($0, split: $1) },
      open: { try CIFARBinary.open(folder: $0, split: $1) }),
    DatasetFormat(
      name: "captions",
      summary:
        "images/ and SPLIT.json, captions.json, captions.csv, captions.tsv or metadata.jsonl",
      recognised: { try CaptionFolder.recognised($0, split: $1) },
      open: { try CaptionFolder.open(folder: $0, split: $1) }),
    DatasetFormat(
      name: "imagefolder", summary: "SPLIT/CLASS/*.png, jpg, jpeg, webp, ppm or pgm",
      matches: { ImageFolder.matches($0, split: $1) },
      open: { try ImageFolder.open(folder: $0, split: $1) }),
  ]

  /// Opens a data set by path or name.
  ///
  /// - Parameters:
  ///   - path: a folder; else the name of a folder in `KILPI_DATA`; else `fashion-mnist`.
  ///   - onWarning: receives what a decoder finds odd but not wrong in an image, once for each.
  ///   - onNote: receives what is passed over or odd in the set as a whole.
  /// - Throws: `KilpiError` when there is no such folder, its format is not recognised, or it
  ///   cannot be read.
  package static func open(
    _ path: String, options: DatasetOptions = DatasetOptions(),
    onWarning: @escaping (String) -> Void = { _ in }, onNote: (String) -> Void = { _ in }
  ) throws -> Dataset {
    if let size = options.size, size < 1 {
      throw KilpiError("size is \(size), less than 1")
    }
    let dataset = try opened(path, options)
    (dataset.source as? any DecodingSource)?.warnings.handler = onWarning
    for note in dataset.notes { onNote(note) }
    guard dataset.count > 0 else { throw KilpiError("there is no sample in '\(path)'") }
    if dataset.classNames.count == 1 {
      onNote(
        "\(dataset.name): there is one class, '\(dataset.classNames[0])': every image is right")
    } else if dataset.classCounts.filter({ $0 > 0 }).count == 1 {
      onNote("\(dataset.name): all samples are of one class")
    }
    for note in dataset.repeatedNames { onNote("\(dataset.name): \(note)") }
    guard options.preset != nil || options.size != nil else { return dataset }
    return dataset.preprocessed(options.preset ?? .openai, size: options.size ?? 224)
  }

  private static func opened(_ path: String, _ options: DatasetOptions) throws -> Dataset {
    guard let folder = folder(named: path) else {
      if ["fashion-mnist", "fashion_mnist"].contains(path) {
        return try FashionMNIST.open(split: options.split)
      }
      throw KilpiError(
        "there is no data set '\(path)'", advice: "give a folder, or the name of one in KILPI_DATA")
    }
    if options.format != "auto" {
      guard let format = all.first(where: { $0.name == options.format }) else {
        let names = all.map(\.name)
        throw KilpiError(
          "there is no format '\(options.format)'",
          advice: NearestName.suggestion(for: options.format, among: names)
            .map { "did you mean '\($0)'?" } ?? "formats: auto, \(names.joined(separator: ", "))")
      }
      return try format.open(folder, options.split)
    }
    for format in all {
      if let open = try format.recognised(folder, options.split) { return try open() }
    }
    // Another split may be there: its reader then says which.
    for other in ["train", "test", "val"] where other != options.split {
      if let format = try all.first(where: { try $0.recognised(folder, other) != nil }) {
        _ = try format.open(folder, options.split)
      }
    }
    throw KilpiError(
      "the format of '\(folder)' is not recognised",
      advice: "formats: " + all.map { "\($0.name) (\($0.summary))" }.joined(separator: "; "))
  }

  private static func folder(named path: String) -> String? {
    let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    if FileReader.isDirectory(trimmed) { return trimmed }
    guard let root = getenv("KILPI_DATA").map({ String(cString: $0) }), !trimmed.isEmpty,
      !trimmed.contains("..")
    else { return nil }
    let folder = root + "/" + trimmed
    return FileReader.isDirectory(folder) ? folder : nil
  }
}
