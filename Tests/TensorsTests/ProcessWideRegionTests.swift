import CKernels
import Kernels
import TestSupport
import Tensors
import Testing

/// Large blocks share one range of addresses, which belongs to the process.
@Suite("process-wide: runs of pages", .serialized, .enabled(if: ProcessWide.isAlone))
struct ProcessWideRegionTests {
  private struct Block {
    let memory: UnsafeMutableRawPointer
    let bytes: Int
    let mark: UInt8

    init(_ bytes: Int, mark: UInt8) throws {
      memory = try #require(kilpi_storage_allocate(bytes))
      self.bytes = bytes
      self.mark = mark
      memory.initializeMemory(as: UInt8.self, repeating: mark, count: bytes)
    }

    /// Whether every byte is still the one that was written.
    var isIntact: Bool {
      UnsafeRawBufferPointer(start: memory, count: bytes).allSatisfy { $0 == mark }
    }

    func free() { kilpi_storage_free(memory, bytes) }
  }

  @Test("blocks of any sizes, freed in any order, never share a byte", arguments: [1, 2, 3])
  func neverShared(_ seed: UInt64) throws {
    MemoryMeter.trim()
    let before = MemoryMeter.liveBytes
    var stream = RandomSource(seed: seed).stream(.script)
    func draw(_ count: Int) -> Int { Int(stream.next() % UInt64(count)) }
    var held: [Block] = []
    for step in 0..<600 {
      if held.count < 20 || draw(2) == 0 {
        // From below a run of pages to 2 MB, at and beside whole pages.
        let bytes = (1 << (14 + draw(7))) + [0, 1, -1, draw(60_000)][draw(4)]
        held.append(try Block(bytes, mark: UInt8(truncatingIfNeeded: step)))
      } else {
        let block = held.remove(at: draw(held.count))
        #expect(block.isIntact, "\(step)")
        block.free()
      }
      if step % 150 == 149 { MemoryMeter.trim() }
    }
    for block in held {
      #expect(block.isIntact)
      block.free()
    }
    #expect(MemoryMeter.liveBytes == before)
    MemoryMeter.trim()
    #expect(MemoryMeter.pooledBytes == 0)
  }

  @Test("steps whose sizes vary take what the largest of them takes")
  func varyingSteps() throws {
    MemoryMeter.trim()
    let before = MemoryMeter.liveBytes
    MemoryMeter.resetPeak()
    // Activations of 12 blocks for texts of that many tokens, freed in reverse.
    for tokens in [61, 77, 64, 70, 75, 77, 62, 76, 68, 77, 73, 66] {
      var held: [Block] = []
      for _ in 0..<12 {
        for width in [512, 512, 1536, 2048] {
          held.append(try Block(tokens * width * 4, mark: UInt8(tokens)))
        }
      }
      for block in held.reversed() {
        #expect(block.isIntact)
        block.free()
      }
    }
    let largest = MemoryMeter.peakBytes - before
    #expect(MemoryMeter.pooledBytes > largest / 2)
    #expect(Double(MemoryMeter.pooledBytes) <= 1.02 * Double(largest))
  }

  @Test("what is trimmed goes back to the system, and can be had again")
  func trimmed() throws {
    let bytes = 256 << 20
    guard let before = SystemMemory.resident else {
      print("skipped: the system does not tell what is resident")
      return
    }
    let low = try Block(bytes, mark: 1)
    let high = try Block(bytes, mark: 2)
    low.free()
    let held = try #require(SystemMemory.resident)
    #expect(held - before > 2 * bytes * 9 / 10, "kept for the next block")
    MemoryMeter.trim()
    let after = try #require(SystemMemory.resident)
    #expect(after - before < bytes * 11 / 10)
    #expect(high.isIntact)
    let again = try Block(bytes, mark: 3)
    #expect(again.isIntact && high.isIntact)
    again.free()
    high.free()
  }

  @Test("the meter never tells less than what is resident", arguments: [5, 6])
  func meterBounds(_ seed: UInt64) throws {
    MemoryMeter.trim()
    defer { MemoryMeter.limit = 0 }
    guard let resident = SystemMemory.resident else {
      print("skipped: the system does not tell what is resident")
      return
    }
    let live = MemoryMeter.liveBytes
    var stream = RandomSource(seed: seed).stream(.script)
    func draw(_ count: Int) -> Int { Int(stream.next() % UInt64(count)) }
    var held: [Block] = []
    for step in 0..<300 {
      // A bound of what is kept that is often passed, so that backed and returned pages lie mixed.
      if step % 50 == 0 { MemoryMeter.limit = live + ((64 + draw(400)) << 20) }
      if draw(20) == 0 { MemoryMeter.trim() }
      let bytes = (1 + draw(16)) << 20
      if held.count < 8 || draw(2) == 0, MemoryMeter.liveBytes + bytes <= MemoryMeter.limit {
        held.append(try Block(bytes, mark: 7))
      } else if !held.isEmpty {
        held.remove(at: draw(held.count)).free()
      }
      let grown = try #require(SystemMemory.resident) - resident
      let told = MemoryMeter.liveBytes - live + MemoryMeter.pooledBytes
      // The system counts in portions of some pages a thread.
      #expect(grown <= told + (4 << 20), "\(step)")
    }
    for block in held { block.free() }
  }

  @Test("threads take and free blocks at once")
  func threads() throws {
    let before = MemoryMeter.liveBytes
    WorkerPool.run(tasks: 64) { task in
      var held: [(memory: UnsafeMutableRawPointer, bytes: Int)] = []
      for step in 0..<60 {
        let bytes = (1 << 15) + (task * 7919 + step * 104_729) % 400_000
        guard let memory = kilpi_storage_allocate(bytes) else { continue }
        memory.initializeMemory(as: UInt8.self, repeating: UInt8(task), count: bytes)
        held.append((memory, bytes))
        if step % 3 == 2 {
          let block = held.remove(at: step % held.count)
          let bytes = UnsafeRawBufferPointer(start: block.memory, count: block.bytes)
          precondition(bytes.allSatisfy { $0 == UInt8(task) })
          kilpi_storage_free(block.memory, block.bytes)
        }
      }
      for block in held { kilpi_storage_free(block.memory, block.bytes) }
    }
    #expect(MemoryMeter.liveBytes == before)
  }

  @Test("a request takes the hole that fits it best, whatever was freed last", arguments: [0, 1])
  func bestFit(_ order: Int) throws {
    MemoryMeter.trim()
    // Of one bin, and far apart; blocks in between keep the holes apart.
    let sizes = [256 << 12, 280 << 12, 700 << 12]
    var blocks: [Block] = []
    for bytes in sizes {
      blocks.append(try Block(bytes, mark: 1))
      blocks.append(try Block(1 << 16, mark: 2))
    }
    let holes = [blocks[0], blocks[2], blocks[4]]
    for hole in order == 0 ? holes : holes.reversed() { hole.free() }
    #expect(MemoryMeter.pooledBytes == sizes.reduce(0, +))
    let asked = MemoryMeter.systemAllocations
    let half = try Block(sizes[0] / 2, mark: 3)
    #expect(MemoryMeter.pooledBytes == sizes.reduce(0, +) - half.bytes, "what is left of a hole")
    half.free()
    let taken = try sizes.map { try Block($0, mark: 4) }
    #expect(taken.map(\.memory) == holes.map(\.memory))
    #expect(MemoryMeter.systemAllocations == asked && MemoryMeter.pooledBytes == 0)
    for block in taken + [blocks[1], blocks[3], blocks[5]] {
      #expect(block.isIntact)
      block.free()
    }
  }

  @Test("beyond the bound of what is kept, the excess goes back at once, and no more")
  func bound() throws {
    MemoryMeter.trim()
    MemoryMeter.limit = MemoryMeter.liveBytes + (64 << 20)
    defer { MemoryMeter.limit = 0 }
    let kept = MemoryMeter.limit / 4
    let blocks = try (0..<12).map { try Block(4 << 20, mark: UInt8($0)) }
    for block in blocks {
      block.free()
      #expect(MemoryMeter.pooledBytes <= kept)
    }
    #expect(MemoryMeter.pooledBytes > kept - (1 << 16))
  }
}
