internal import Diagnostics
internal import Files
internal import Images

/// CIFAR-10 and CIFAR-100 in the authors' binary form: records of label bytes and three planes.
///
/// Report: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
package enum CIFARBinary {
  /// Opens a split of the folder with `data_batch_{1..5}.bin` and `test_batch.bin` (10 classes) or
  /// `train.bin` and `test.bin` (100 classes).
  ///
  /// - Parameter coarse: true for the 20 coarse classes of CIFAR-100.
  /// - Throws: `KilpiError` naming the file when it is absent or no whole number of records.
  package static func open(folder: String, split: String, coarse: Bool = false) throws -> Dataset {
    guard split == "train" || split == "test" else {
      throw KilpiError("there is no split '\(split)'", advice: "splits: train, test")
    }
    let hundred = FileReader.exists(folder + "/\(split).bin")
    let files =
      hundred
      ? ["\(split).bin"]
      : split == "test" ? ["test_batch.bin"] : (1...5).map { "data_batch_\($0).bin" }
    let list =
      hundred
      ? (coarse ? "coarse_label_names.txt" : "fine_label_names.txt") : "batches.meta.txt"
    guard let names = try lines(ofFile: folder + "/" + list) else {
      throw KilpiError("'\(folder)' has no \(list)", advice: "write one class name a line")
    }
    let source = try RecordSource(
      files.map { folder + "/" + $0 }, labelBytes: hundred ? 2 : 1,
      labelAt: hundred && !coarse ? 1 : 0)
    return try Dataset(
      name: folderName(folder), split: split, source: source, classNames: names,
      templates: lines(ofFile: folder + "/" + templatesFile) ?? [])
  }

  /// True when `folder` holds the files of either set.
  static func matches(_ folder: String, split: String) -> Bool {
    let name = split == "train" ? "data_batch_1.bin" : "test_batch.bin"
    return FileReader.exists(folder + "/" + name)
      || (FileReader.exists(folder + "/\(split).bin")
        && FileReader.exists(folder + "/fine_label_names.txt"))
  }
}

/// Records of label bytes and a red, a green and a blue plane of 32 x 32.
private final class RecordSource: SampleSource {
  private static let side = 32
  private static let plane = side * side
  private let blocks: [(name: String, bytes: [UInt8])]
  private let places: [(block: Int, offset: Int, record: Int)]
  private let labelBytes: Int
  private let labelAt: Int
  /// The records count against the cap as long as the set lives.
  private let held: MemoryReservation

  init(_ files: [String], labelBytes: Int, labelAt: Int) throws {
    self.labelBytes = labelBytes
    self.labelAt = labelAt
    held = try MemoryReservation()
    let length = labelBytes + 3 * Self.plane
    var blocks: [(name: String, bytes: [UInt8])] = []
    var places: [(block: Int, offset: Int, record: Int)] = []
    for file in files {
      let bytes = try FileReader.bytes(at: file)
      try held.grow(by: bytes.count)
      guard !bytes.isEmpty, bytes.count % length == 0 else {
        throw KilpiError(
          "cannot read '\(file)': its \(bytes.count) bytes are no whole number of records of \(length)",
          advice: "copy or download it again")
      }
      for record in 0..<(bytes.count / length) {
        places.append((blocks.count, record * length, record))
      }
      blocks.append((folderName(file), bytes))
    }
    self.blocks = blocks
    self.places = places
  }

  var count: Int { places.count }
  func id(at index: Int) -> String { "\(blocks[places[index].block].name)#\(places[index].record)" }
  func label(at index: Int) -> Int? {
    Int(blocks[places[index].block].bytes[places[index].offset + labelAt])
  }
  func size(at index: Int) throws -> (width: Int, height: Int) { (Self.side, Self.side) }

  func image(at index: Int) throws -> SampleImage {
    let place = places[index]
    let start = place.offset + labelBytes
    let bytes = blocks[place.block].bytes
    var pixels = [UInt8](repeating: 0, count: 3 * Self.plane)
    for i in 0..<Self.plane {
      for channel in 0..<3 { pixels[3 * i + channel] = bytes[start + channel * Self.plane + i] }
    }
    return .pixels(try PixelImage(width: Self.side, height: Self.side, pixels: pixels))
  }

  func addContents(at index: Int, to digest: inout SHA256) {
    let start = places[index].offset + labelBytes
    digest.update(blocks[places[index].block].bytes, start..<start + 3 * Self.plane)
  }

  func writePlanes(at index: Int, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    let place = places[index]
    let start = place.offset + labelBytes
    guard buffer.count >= 3 * Self.plane else { return }
    blocks[place.block].bytes.withUnsafeBufferPointer { bytes in
      for i in 0..<(3 * Self.plane) { buffer[i] = byteValues[Int(bytes[start + i])] }
    }
  }
}
