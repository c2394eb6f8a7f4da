internal import Archives
public import Diagnostics

/// A stretch of bytes that tensors of a PyTorch file share.
final class PyTorchStorage {
  /// A storage as elements of one type.
  struct Use: Hashable {
    let member: ZipIndex.Member
    let type: ElementDecoding

    static func == (a: Use, b: Use) -> Bool {
      a.member.name == b.member.name && a.type == b.type
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(member.name)
      hasher.combine(type)
    }
  }

  let archive: PyTorchArchive
  let member: ZipIndex.Member
  /// nil: the tensors say what the bytes are.
  let type: ElementDecoding?
  let byteCount: Int
  /// The name of its element type, when that is not read.
  let unread: String?

  init(
    archive: PyTorchArchive, member: ZipIndex.Member, type: ElementDecoding?, byteCount: Int,
    unread: String? = nil
  ) {
    self.unread = unread
    self.archive = archive
    self.member = member
    self.type = type
    self.byteCount = byteCount
  }
}

/// A tensor of a PyTorch file: where its elements lie; they are read by `load()`.
public final class PyTorchTensor {
  /// Sizes of the axes.
  public let shape: [Int]
  /// The element type of what `load()` gives.
  public var dtype: DType { type.dtype }
  /// The element type as torch names it, such as `float16`.
  public var storedType: String { unread ?? "\(type)" }
  /// The element type's name when no tensor is read of it (complex, quantised, float8): `load()`
  /// then throws.
  public let unread: String?

  /// An expanded tensor, which repeats elements, may have as many as this.
  private static let expandedLimit = 1 << 24

  private let type: ElementDecoding
  private let storage: PyTorchStorage
  private let offset: Int
  private let strides: [Int]
  private let use: PyTorchStorage.Use
  /// True when the elements are the storage's with the other sign.
  private let isNegated: Bool
  /// True when `unread` is the name of a subclass.
  private let isSubclass: Bool
  /// What `load()` gave, as long as somebody has it: the same tensor may stand in many places.
  private weak var loaded: Tensor?
  /// True when `loadApart()` gave it before.
  private var wasLoaded = false

  /// A tensor whose every element lies inside the storage.
  init(
    storage: PyTorchStorage, type: ElementDecoding, offset: Int, shape: [Int], strides: [Int],
    isNegated: Bool = false
  ) throws {
    let count = try Shape.count(shape)
    let available = storage.byteCount / type.size
    guard shape.count == strides.count, strides.allSatisfy({ $0 >= 0 }), offset >= 0 else {
      throw KilpiError("a tensor of \(Shape.describe(shape)) with damaged strides")
    }
    var end = offset
    var overflow = false
    for (size, stride) in zip(shape, strides) where count > 0 {
      let (step, first) = (size - 1).multipliedReportingOverflow(by: stride)
      let (sum, second) = end.addingReportingOverflow(step)
      overflow = overflow || first || second
      end = sum
      if overflow { break }
    }
    guard !overflow, count > 0 ? end < available : offset <= available else {
      throw KilpiError(
        "a tensor of \(Shape.describe(shape)) reaches beyond its storage of \(available)",
        advice: "copy or download it again")
    }
    guard count <= available || count <= Self.expandedLimit else {
      throw KilpiError(
        "a tensor of \(Shape.describe(shape)) repeats the \(available) elements of its storage",
        advice: "save it with .contiguous()")
    }
    unread = nil
    self.storage = storage
    self.type = type
    self.offset = offset
    self.shape = shape
    self.strides = strides
    self.isNegated = isNegated
    isSubclass = false
    use = PyTorchStorage.Use(member: storage.member, type: type)
    storage.archive.noteUse(use, count: count)
  }

  /// A tensor of an element type that is not read, whose elements are never looked at.
  init(unread: String, storage: PyTorchStorage, shape: [Int], isSubclass: Bool = false) throws {
    self.isSubclass = isSubclass
    _ = try Shape.count(shape)
    self.unread = unread
    self.storage = storage
    type = .uint8
    offset = 0
    self.shape = shape
    strides = Shape.contiguousStrides(shape)
    isNegated = false
    use = PyTorchStorage.Use(member: storage.member, type: .uint8)
  }

  /// The same tensor as one of a subclass, whose elements may mean other numbers.
  func unread(ofClass type: String) throws -> PyTorchTensor {
    try PyTorchTensor(unread: type, storage: storage, shape: shape, isSubclass: true)
  }

  /// Why a tensor of this name is not read, if it is not.
  public func refusal(_ name: String) -> KilpiError? {
    unread.map { unread in
      guard isSubclass else { return UnreadType.refusal(name, unread, shape) }
      return KilpiError(
        "'\(name.prefix(60))' is of the class '\(unread.prefix(60))', whose elements may mean other numbers",
        advice: "save it with .as_subclass(torch.Tensor)")
    }
  }

  private func checkType() throws {
    if let refusal = refusal("tensor") { throw refusal }
  }

  /// The tensor: half precision as float32, integers and booleans as int64.
  ///
  /// Tensors with elements in common share their memory, as in PyTorch: then this is a view, with the
  /// file's strides. The storage's checksum is verified when it is first read.
  ///
  /// - Throws: `KilpiError` with the path when the checksum is wrong.
  public func load() throws -> Tensor {
    if let loaded { return loaded }
    try checkType()
    // A negated tensor shares no memory with others: its elements are not theirs.
    let isView = try !isNegated && storage.archive.isShared(use) && Shape.count(shape) > 0
    let result =
      isView
      ? try reading(storage.archive.path) {
        try storage.archive.block(use).view(shape: shape, strides: strides, offset: offset)
      } : try read()
    loaded = result
    return result
  }

  /// The tensor, in order, in memory that it shares with no other one of the file.
  ///
  /// - Throws: as `load()`, and when such copies take far more memory than the file.
  func loadApart() throws -> Tensor {
    try checkType()
    if wasLoaded || storage.archive.isShared(use) {
      try reading(storage.archive.path) {
        try storage.archive.noteCopy(of: Shape.count(shape) * dtype.size)
      }
    }
    wasLoaded = true
    return try read()
  }

  /// Reads the elements, in order, into a new tensor, with their sign.
  private func read() throws -> Tensor {
    let stored = try readStored()
    return isNegated ? try -stored : stored
  }

  /// Reads the storage's elements, in order, into a new tensor.
  private func readStored() throws -> Tensor {
    let result = try Tensor(uninitialized: shape, dtype)
    guard result.count > 0 else { return result }
    let archive = storage.archive
    return try withExtendedLifetime(archive) {
      try reading(archive.path) {
        guard let base = archive.bytes(of: storage.member).baseAddress else { return result }
        if strides == Shape.contiguousStrides(shape) || result.isOrdered(by: strides) {
          let isWhole = result.count * type.size == storage.member.size
          let isChecked = isWhole && archive.needsCheck(storage.member)
          if !isChecked { try archive.check(storage.member) }
          let sum = try MappedWalk.decode(
            type, base + offset * type.size, count: result.count, into: result.raw,
            file: archive.file, checksum: isChecked)
          if isChecked { try archive.note(sum, of: storage.member) }
          return result
        }
        try archive.check(storage.member)
        let span = zip(shape, strides).reduce(1) { $0 + ($1.0 - 1) * $1.1 }
        if span <= 4 * result.count + 4096 {
          let block = try Tensor(uninitialized: [span], dtype)
          try MappedWalk.decode(
            type, base + offset * type.size, count: span, into: block.raw, file: archive.file)
          return try block.view(shape: shape, strides: strides).ordered()
        }
        try gather(from: base, into: result)
        return result
      }
    }
  }

  /// Reads elements that lie far apart one run after another.
  private func gather(from base: UnsafeRawPointer, into result: Tensor) throws {
    let (sizes, steps) = Shape.collapse(shape, [strides])
    let isRun = steps[0].last == 1
    let run = isRun ? sizes[sizes.count - 1] : 1
    let outer = Array((isRun ? sizes.dropLast() : sizes[...]))
    var index = [Int](repeating: 0, count: outer.count)
    var place = offset
    var polled = 0
    for written in stride(from: 0, to: result.count, by: run) {
      if written - polled >= 0x10000 {
        try Interrupts.poll()
        polled = written
      }
      ElementDecoding.decode(
        type, base + place * type.size, count: run, into: result.raw + written * dtype.size)
      for axis in outer.indices.reversed() {
        index[axis] += 1
        place += steps[0][axis]
        if index[axis] < outer[axis] { break }
        place -= index[axis] * steps[0][axis]
        index[axis] = 0
      }
    }
  }
}

extension Tensor {
  /// True when elements with these strides lie in order without gaps.
  fileprivate func isOrdered(by strides: [Int]) -> Bool {
    view(shape: shape, strides: strides).isContiguous
  }
}
