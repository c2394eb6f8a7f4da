internal import Archives
internal import Diagnostics
internal import Files
internal import Images

/// An IDX file: bytes with a shape, as MNIST and its kin are published.
struct IDXFile {
  let shape: [Int]
  let bytes: [UInt8]
  let offset: Int
  /// The bytes count against the cap as long as the file is kept.
  private let held: MemoryReservation

  /// Reads `magic (0, 0, 8, rank)`, the big-endian sizes, then the bytes; gzip is recognised.
  ///
  /// - Throws: `KilpiError` when the magic number, the rank or the length is not what it must be.
  init(path: String, rank: Int, limit: Int = 4 << 30) throws {
    var data = try FileReader.bytes(at: path, limit: limit)
    if Gzip.isGzip(data) { data = try Gzip.inflated(data, limit: limit, name: path) }
    func refusal(_ reason: String, advice: String? = nil) -> KilpiError {
      KilpiError("cannot read '\(path)': \(reason)", advice: advice)
    }
    guard data.count >= 4 else { throw refusal("it ends after \(data.count) bytes") }
    guard data[0] == 0, data[1] == 0, data[2] == 8, data[3] == UInt8(rank) else {
      let found = data[..<4].reduce(0) { $0 << 8 | Int($1) }
      let wanted = String(0x800 + rank, radix: 16)
      throw refusal("its magic number is 0x\(String(found, radix: 16)), not 0x\(wanted)")
    }
    offset = 4 + 4 * rank
    guard data.count >= offset else { throw refusal("it ends after \(data.count) bytes") }
    shape = (0..<rank).map { axis in
      data[(4 + 4 * axis)..<(8 + 4 * axis)].reduce(0) { $0 << 8 | Int($1) }
    }
    var expected = 1
    for size in shape {
      let (product, overflow) = expected.multipliedReportingOverflow(by: size)
      guard !overflow, product <= limit else { throw refusal("its sizes \(shape) are too large") }
      expected = product
    }
    guard data.count - offset == expected else {
      throw refusal(
        "it holds \(data.count - offset) bytes where its sizes \(shape) need \(expected)",
        advice: "copy or download it again")
    }
    held = try MemoryReservation(bytes: data.count)
    bytes = data
  }
}

/// Gray images of one size in one block.
final class GrayBlockSource: SampleSource {
  private let images: IDXFile
  private let labels: IDXFile
  private let name: String
  private let width: Int
  private let height: Int

  init(images: IDXFile, labels: IDXFile, name: String) throws {
    self.images = images
    self.labels = labels
    self.name = name
    height = images.shape[1]
    width = images.shape[2]
    guard images.shape[0] == labels.shape[0] else {
      throw KilpiError(
        "'\(name)' holds \(images.shape[0]) images, but there are \(labels.shape[0]) labels")
    }
    guard width > 0, height > 0 else {
      throw KilpiError("'\(name)' holds images of \(width) x \(height) pixels")
    }
  }

  var count: Int { images.shape[0] }
  func id(at index: Int) -> String { "\(name)#\(index)" }
  func label(at index: Int) -> Int? { Int(labels.bytes[labels.offset + index]) }
  func size(at index: Int) throws -> (width: Int, height: Int) { (width, height) }

  /// The largest label, -1 when there is none.
  var largestLabel: Int { Int(labels.bytes[labels.offset...].max() ?? 0) - (count == 0 ? 1 : 0) }

  func image(at index: Int) throws -> SampleImage {
    let start = images.offset + index * width * height
    return .pixels(
      try PixelImage(
        width: width, height: height,
        gray: Array(images.bytes[start..<(start + width * height)])))
  }

  func addContents(at index: Int, to digest: inout SHA256) {
    digest.update(height)
    let start = images.offset + index * width * height
    digest.update(images.bytes, start..<start + width * height)
  }

  func writePlanes(at index: Int, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    let plane = width * height
    let start = images.offset + index * plane
    guard buffer.count >= 3 * plane else { return }
    images.bytes.withUnsafeBufferPointer { bytes in
      byteValues.withUnsafeBufferPointer { values in
        for i in 0..<plane {
          let value = values[Int(bytes[start + i])]
          buffer[i] = value
          buffer[i + plane] = value
          buffer[i + 2 * plane] = value
        }
      }
    }
  }
}

/// `byte / 255`.
let byteValues: [Float] = (0...255).map { Float($0) / 255 }

/// Data sets of gray images in IDX files: MNIST, Fashion-MNIST and their kin.
package enum IDXDataset {
  /// Opens a pair of IDX files, plain or gzip.
  ///
  /// - Parameters:
  ///   - images: magic 0x803: count, rows, columns.
  ///   - labels: magic 0x801: count; classes from 0.
  ///   - classNames: nil names the classes by their numbers.
  /// - Throws: `KilpiError` naming the file when it is damaged or the two do not belong together.
  package static func open(
    images: String, labels: String, name: String, split: String = "",
    classNames: [String]? = nil, templates: [String] = []
  ) throws -> Dataset {
    let short = images.split(separator: "/").last.map(String.init) ?? images
    let stem = short.hasSuffix(".gz") ? String(short.dropLast(3)) : short
    let source = try GrayBlockSource(
      images: IDXFile(path: images, rank: 3), labels: IDXFile(path: labels, rank: 1), name: stem)
    return try Dataset(
      name: name, split: split, source: source,
      classNames: classNames ?? (0..<(source.largestLabel + 1)).map(String.init),
      templates: templates)
  }

  /// The files of a split in `folder` under MNIST's names, nil when they are not there.
  static func files(in folder: String, split: String) -> (images: String, labels: String)? {
    let stems = split == "train" ? ["train"] : split == "test" ? ["t10k", "test"] : [split]
    for stem in stems {
      for mark in ["-", "."] {
        for ending in ["", ".gz"] {
          let images = "\(folder)/\(stem)-images\(mark)idx3-ubyte\(ending)"
          let labels = "\(folder)/\(stem)-labels\(mark)idx1-ubyte\(ending)"
          if FileReader.exists(images), FileReader.exists(labels) { return (images, labels) }
        }
      }
    }
    return nil
  }

  /// Opens the split of a folder that holds files under MNIST's names.
  package static func open(folder: String, split: String) throws -> Dataset {
    guard let files = files(in: folder, split: split) else {
      throw KilpiError(
        "there is no split '\(split)' in '\(folder)'",
        advice: "its files would be named \(split == "test" ? "t10k" : split)-images-idx3-ubyte")
    }
    return try open(
      images: files.images, labels: files.labels, name: folderName(folder), split: split,
      classNames: lines(ofFile: folder + "/classnames.txt"),
      templates: lines(ofFile: folder + "/" + templatesFile) ?? [])
  }
}

/// Fashion-MNIST: 60,000 + 10,000 gray images of 28 x 28 pixels in 10 classes (MIT licence).
///
/// Paper: Xiao et al., arXiv:1708.07747. The files come with Debian's `dataset-fashion-mnist`.
package enum FashionMNIST {
  /// Where Debian's package puts the files.
  package static let folder = "/usr/share/datasets/fashion-mnist"

  /// The class names, as its authors give them.
  package static let classNames = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
  ]

  /// Opens a split, `train` or `test`.
  ///
  /// - Throws: `KilpiError` naming the Debian package when the files are not installed.
  package static func open(split: String = "test", folder: String = folder) throws -> Dataset {
    guard split == "train" || split == "test" else {
      throw KilpiError("there is no split '\(split)'", advice: "splits: train, test")
    }
    guard let files = IDXDataset.files(in: folder, split: split) else {
      throw KilpiError(
        "Fashion-MNIST is not installed in '\(folder)'", advice: "apt install dataset-fashion-mnist"
      )
    }
    return try IDXDataset.open(
      images: files.images, labels: files.labels, name: "fashion-mnist", split: split,
      classNames: classNames)
  }
}
