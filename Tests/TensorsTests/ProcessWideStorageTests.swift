import CKernels
import Diagnostics
import Glibc
import TestSupport
import Tensors
import Testing

/// The meter, the pool and the switch that refuses allocations belong to the process.
@Suite("process-wide: storage", .serialized, .enabled(if: ProcessWide.isAlone))
struct ProcessWideStorageTests {
  @Test("live bytes come back to where they were, views counted once")
  func liveBytes() throws {
    let before = MemoryMeter.liveBytes
    let page = sysconf(Int32(_SC_PAGESIZE))
    let bytes = (4_000_000 + page - 1) / page * page
    do {
      let x = try Tensor.zeros([1000, 1000])
      #expect(MemoryMeter.liveBytes - before == bytes, "rounded up to whole pages")
      let view = try x.transposed().narrowed(0, start: 1, length: 5)
      #expect(MemoryMeter.liveBytes - before == bytes)
      _ = try view.sum()
      try withExtendedLifetime(x) {
        let copy = try x.cloned()
        #expect(copy.count == 1_000_000)
        #expect(MemoryMeter.liveBytes - before == 2 * bytes)
      }
    }
    #expect(MemoryMeter.liveBytes == before)
  }

  @Test("a view keeps its storage alive, and only that")
  func viewKeepsStorage() throws {
    let before = MemoryMeter.liveBytes
    var view: Tensor? = try Tensor.ones([4, 4]).selected(0, 2)
    #expect(try view?.doubles() == [1, 1, 1, 1])
    #expect(MemoryMeter.liveBytes > before)
    view = nil
    #expect(MemoryMeter.liveBytes == before)
  }

  @Test("every block is aligned to 64 bytes, of whatever size")
  func alignment() throws {
    for bytes in [0, 1, 63, 64, 65, 511, 512, 513, 1000, 1023, 1024, 1025, 4097, 100_000, 1 << 20] {
      let block = try #require(kilpi_storage_allocate(bytes))
      #expect(UInt(bitPattern: block) % 64 == 0, "\(bytes)")
      kilpi_storage_free(block, bytes)
    }
  }

  @Test("freed blocks are handed out again, and never shared")
  func reuse() throws {
    MemoryMeter.trim()
    #expect(MemoryMeter.pooledBytes == 0)
    var sizes: [Int] = (1...200).map { $0 * 37 }
    sizes += sizes
    func allocateAll() throws {
      let tensors = try sizes.map { try Tensor.full([$0], Double($0)) }
      for (tensor, size) in zip(tensors, sizes) {
        #expect(try tensor.floats().allSatisfy { $0 == Float(size) })
      }
    }
    try allocateAll()
    let asked = MemoryMeter.systemAllocations
    #expect(MemoryMeter.pooledBytes > 0)
    try allocateAll()
    #expect(MemoryMeter.systemAllocations == asked)
    MemoryMeter.trim()
    #expect(MemoryMeter.pooledBytes == 0)
  }

  @Test("a settled training step asks the system for nothing")
  func settledStep() throws {
    let weight = try Tensor.ones([64, 128]).setRequiresGradient(true)
    let input = try Tensor.ones([32, 128])
    func step() throws {
      let loss = try Tensor.linear(input, weight: weight, activation: .gelu).square().mean()
      let gradient = try Tensor.gradients(of: loss, with: [weight])[0]
      try Tensor.withoutGradients { try weight.assign(weight - gradient * 0.01) }
    }
    for _ in 0..<3 { try step() }
    let asked = MemoryMeter.systemAllocations
    for _ in 0..<20 { try step() }
    #expect(MemoryMeter.systemAllocations == asked)
  }

  @Test("ten thousand temporaries of 4 MB stay within a few blocks")
  func temporaries() throws {
    let base = MemoryMeter.liveBytes
    MemoryMeter.resetPeak()
    for _ in 0..<10_000 { _ = try Tensor.make([1 << 20]) { $0[0] = 1 } }
    #expect(MemoryMeter.peakBytes - base < 3 * (4 << 20))
  }

  @Test("the cap refuses with what is in use, and recovers")
  func limit() throws {
    let before = MemoryMeter.liveBytes
    MemoryMeter.limit = before + (2 << 20)
    defer { MemoryMeter.limit = 0 }
    #expect(MemoryMeter.limit == before + (2 << 20))
    let held = try Tensor.zeros([128, 1024])
    let live = MemoryMeter.describe(MemoryMeter.liveBytes)
    #expect {
      _ = try Tensor.zeros([1024, 1024])
    } throws: {
      ($0 as? KilpiError)?.kind == .memory
        && "\($0)" == "not enough memory for 4.0 MB: tensors hold \(live) "
          + "(release tensors, or raise the cap with --memory)"
    }
    let small = try held + 1.0
    #expect(small.count == held.count)
  }

  @Test("what is kept for reuse counts: the cap holds for both together")
  func pooledBlocksCount() throws {
    MemoryMeter.trim()
    let before = MemoryMeter.liveBytes
    let cap = before + (64 << 20)
    MemoryMeter.limit = cap
    defer { MemoryMeter.limit = 0 }
    let held = try Tensor.zeros([50 << 18])
    // Sizes that no freed block fits, so that each is asked from the system.
    for size in (20..<60).map({ $0 << 13 }) {
      _ = try Tensor.zeros([size])
      #expect(MemoryMeter.liveBytes + MemoryMeter.pooledBytes <= cap)
    }
    #expect(MemoryMeter.pooledBytes > 0 && held.count > 0)
    MemoryMeter.limit = MemoryMeter.liveBytes + 1024
    #expect(MemoryMeter.pooledBytes == 0)
  }

  @Test("more than the machine has is refused, not promised")
  func beyondTheMachine() throws {
    #expect {
      _ = try Tensor.zeros([1 << 44])
    } throws: {
      ($0 as? KilpiError)?.kind == .memory
    }
  }

  static let sizes: [(bytes: Int, text: String)] = [
    (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 KB"), (1 << 20, "1.0 MB"),
    (4_000_000, "3.8 MB"), (3 << 30, "3.0 GB"), (5 << 40, "5.0 TB"), (5000 << 40, "4.9 PB"),
  ]

  @Test("sizes as people write them", arguments: sizes.indices)
  func describe(_ index: Int) {
    #expect(MemoryMeter.describe(Self.sizes[index].bytes) == Self.sizes[index].text)
  }

  /// Runs the program with the n-th allocation refused, for every n until it passes: each time the
  /// error is one of memory, and nothing stays behind.
  private func refuseEach(_ program: () throws -> Void) throws -> Int {
    defer { kilpi_storage_fail_after(-1) }
    try program()
    let before = MemoryMeter.liveBytes
    for number in 0..<10_000 {
      kilpi_storage_fail_after(Int64(number))
      do {
        try program()
        kilpi_storage_fail_after(-1)
        return number
      } catch let error as KilpiError {
        #expect(error.kind == .memory, "\(number): \(error)")
        #expect(error.problem.hasPrefix("not enough memory for"), "\(number)")
      }
      #expect(MemoryMeter.liveBytes == before, "\(number)")
    }
    return -1
  }

  @Test("any allocation refused: an error of memory, no leak, the next statement works")
  func refusals() throws {
    let rows = OpTable.rows.filter { $0.hasGradient }
    for row in rows {
      var stream = RandomSource(seed: 12).stream(.script)
      let inputs = try row.inputs.map { try $0.make(&stream, .float32) }
      let refused = try refuseEach {
        let leaves = try inputs.map { try $0.detached().setRequiresGradient(true) }
        let result = try row.run(leaves)
        _ = try Tensor.gradients(of: result.sum(), with: leaves)
      }
      #expect(refused > 0, "\(row.testDescription)")
    }
  }

  @Test("a refused backward leaves the collected gradients as they were")
  func refusedBackward() throws {
    let x = try Tensor.ones([3]).setRequiresGradient(true)
    let y = try Tensor.ones([3]).setRequiresGradient(true)
    try (x * y).sum().backward()
    _ = try refuseEach {
      let (a, b) = (try #require(x.gradient), try #require(y.gradient))
      defer { (x.gradient, y.gradient) = (a, b) }
      do {
        try (x * y + x).sum().backward()
      } catch {
        #expect(x.gradient?.isIdentical(to: a) == true)
        #expect(y.gradient?.isIdentical(to: b) == true)
        throw error
      }
    }
    #expect(try x.gradient?.floats() == [1, 1, 1])
  }

  @Test("a weight's gradient that nobody asked for costs nothing")
  func unaskedGradients() throws {
    let x = try Tensor.ones([8, 16]).setRequiresGradient(true)
    func allocations(_ weight: Tensor, _ bias: Tensor) throws -> (forward: Int, backward: Int) {
      let start = MemoryMeter.allocations
      let result = try Tensor.linear(x, weight: weight, bias: bias).sum()
      let middle = MemoryMeter.allocations
      _ = try Tensor.gradients(of: result, with: [x])
      return (middle - start, MemoryMeter.allocations - middle)
    }
    let plain = try allocations(Tensor.ones([4, 16]), Tensor.ones([4]))
    let recording = try allocations(
      Tensor.ones([4, 16]).setRequiresGradient(true), Tensor.ones([4]).setRequiresGradient(true))
    #expect(plain.backward == recording.backward)
    #expect(plain.forward <= recording.forward)
  }

  @Test("a linear layer whose weight needs no gradient keeps no activation alive")
  func keptActivations() throws {
    let weight = try Tensor.ones([256, 256])
    let x = try Tensor.ones([64, 256]).setRequiresGradient(true)
    let before = MemoryMeter.liveBytes
    var y = x
    for _ in 0..<10 { y = try Tensor.linear(y, weight: weight) }
    #expect(MemoryMeter.liveBytes - before == 64 * 256 * 4, "the last result alone")
  }
}
