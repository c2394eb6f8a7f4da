internal import Diagnostics
package import Files
package import Images

/// The picture of a sample.
package enum SampleImage: Sendable {
  /// 8-bit pixels, as image files hold them.
  case pixels(PixelImage)
  /// Values in `[0, 1]` in the order `[3, height, width]`, for images that were given as numbers.
  case values([Float], width: Int, height: Int)

  /// Columns.
  package var width: Int {
    switch self {
    case .pixels(let image): return image.width
    case .values(_, let width, _): return width
    }
  }

  /// Rows.
  package var height: Int {
    switch self {
    case .pixels(let image): return image.height
    case .values(_, _, let height): return height
    }
  }

  /// Writes the three planes to a buffer of `3 · width · height` values.
  func writePlanes(into buffer: UnsafeMutableBufferPointer<Float>) {
    switch self {
    case .pixels(let image): image.writePlanes(into: buffer)
    case .values(let values, _, _): _ = buffer.update(fromContentsOf: values)
    }
  }
}

/// One sample of a data set.
package struct Sample: Sendable {
  /// A stable name: the key in its split, or the file and the record's number.
  package var id: String
  /// The picture.
  package var image: SampleImage
  /// The class, counted from 0; nil in sets with captions.
  package var label: Int?
  /// Captions; empty in sets with classes.
  package var captions: [String]

  package init(id: String, image: SampleImage, label: Int? = nil, captions: [String] = []) {
    self.id = id
    self.image = image
    self.label = label
    self.captions = captions
  }
}

/// Numbers for sample ids.
package enum SampleID {
  /// The 64-bit number of an id: FNV-1a, then mixed so that near ids differ in all bits.
  ///
  /// Random streams are keyed by it, so it never changes.
  package static func number(of id: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in id.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = (hash ^ hash >> 30) &* 0xbf58_476d_1ce4_e5b9
    hash = (hash ^ hash >> 27) &* 0x94d0_49bb_1331_11eb
    return hash ^ hash >> 31
  }
}

/// Where the samples of a data set come from; indices count from 0.
///
/// A source decodes on request. Calls come from one thread.
package protocol SampleSource: AnyObject {
  /// How many samples there are.
  var count: Int { get }
  /// The stable id of a sample.
  func id(at index: Int) -> String
  /// The class of a sample, counted from 0; nil in sets with captions.
  func label(at index: Int) -> Int?
  /// The captions of a sample; empty in sets with classes.
  func captions(at index: Int) -> [String]
  /// The picture of a sample, decoded.
  ///
  /// - Throws: `KilpiError` naming the file when it cannot be decoded.
  func image(at index: Int) throws -> SampleImage
  /// Width and height of a sample's picture.
  func size(at index: Int) throws -> (width: Int, height: Int)
  /// Writes the three planes of a sample to a buffer of `3 · width · height` values.
  func writePlanes(at index: Int, into buffer: UnsafeMutableBufferPointer<Float>) throws
  /// Adds to a digest what cheaply tells the sample's picture from others, without decoding it.
  func addContents(at index: Int, to digest: inout SHA256)
}

extension SampleSource {
  /// No captions.
  package func captions(at index: Int) -> [String] { [] }

  /// The size of the decoded picture.
  package func size(at index: Int) throws -> (width: Int, height: Int) {
    let image = try image(at: index)
    return (image.width, image.height)
  }

  /// The planes of the decoded picture.
  package func writePlanes(
    at index: Int, into buffer: UnsafeMutableBufferPointer<Float>
  ) throws {
    try image(at: index).writePlanes(into: buffer)
  }
}

/// Decoded pictures kept while they fit a number of bytes; what comes later is decoded each time.
///
/// What is kept counts against the memory cap, and takes a quarter at most of what is free below it.
struct PixelCache {
  private var images: [Int: PixelImage] = [:]
  private var room: Int
  private let held: MemoryReservation?

  init(bytes: Int = 512 << 20) {
    room = min(bytes, MemoryReservation.availableBytes / 4)
    held = try? MemoryReservation()
  }

  /// The picture at `index`, from the cache or from `decode`.
  mutating func image(at index: Int, decode: () throws -> PixelImage) rethrows -> PixelImage {
    if let image = images[index] { return image }
    let image = try decode()
    let size = image.pixels.count
    guard size <= room else { return image }
    do {
      try held?.grow(by: size)
      room -= size
      images[index] = image
    } catch {
      // Tensors have taken the rest meanwhile: pictures are no reason to fail.
      room = 0
    }
    return image
  }
}

/// A source that decodes images, of which some are odd.
protocol DecodingSource: AnyObject {
  var warnings: DecodingWarnings { get set }
}

/// What decoders find odd but not wrong, reported once for each image, however often it is decoded.
struct DecodingWarnings {
  var handler: (String) -> Void = { _ in }
  private var told: Set<Int> = []

  mutating func add(_ text: String, at index: Int) {
    if told.insert(index).inserted { handler(text) }
  }
}
