import CInterrupt
import Diagnostics
import Kernels
import TestSupport
import Tensors
import Testing

/// Threads, deterministic mode and the interrupt flag belong to the process.
@Suite("process-wide: threads and interrupts", .serialized, .enabled(if: ProcessWide.isAlone))
struct ProcessWideThreadTests {
  /// Programs over sizes that make several tasks and panels, each with its gradient.
  static let programs: [(id: String, shapes: [[Int]], run: @Sendable ([Tensor]) throws -> Tensor)] =
    [
      ("matmul", [[331, 70], [70, 90]], { try $0[0].matmul($0[1]) }),
      ("matmul of a batch", [[5, 33, 40], [5, 40, 9]], { try $0[0].matmul($0[1]) }),
      ("a wide product", [[3, 500], [500, 700]], { try $0[0].matmul($0[1]) }),
      (
        "linear", [[7, 50, 96], [200, 96], [200]],
        { try Tensor.linear($0[0], weight: $0[1], bias: $0[2], activation: .quickGELU) }
      ),
      ("attention", [[5, 50, 3 * 64]], { try Tensor.attention($0[0], heads: 4) }),
      (
        "causal attention", [[5, 33, 3 * 64]],
        { try Tensor.attention($0[0], heads: 2, isCausal: true) }
      ),
      ("softmax", [[300, 401]], { try $0[0].softmax() }),
      (
        "layer norm", [[300, 401], [401], [401]],
        { try Tensor.layerNorm($0[0], weight: $0[1], bias: $0[2]) }
      ),
      ("elementwise", [[100_003]], { try $0[0].gelu() * $0[0].tanh() + $0[0].exp() }),
      ("broadcast", [[301, 1], [1, 407]], { try $0[0] * $0[1] }),
      ("sums", [[301, 407]], { try $0[0].sum(axes: [0]) * $0[0].sum() }),
      ("sums of columns", [[70, 5, 801]], { try $0[0].sum(axes: [1]).square() }),
      ("normalized", [[300, 401]], { try $0[0].normalized() }),
      ("log-sum-exp", [[300, 401]], { try $0[0].logSumExp(axes: [1]) }),
    ]

  /// Bits of the result and the gradients.
  private func bits(
    _ inputs: [Tensor], _ run: ([Tensor]) throws -> Tensor
  ) throws -> [[UInt32]] {
    let leaves = try inputs.map { try $0.detached().setRequiresGradient(true) }
    let result = try run(leaves)
    var seeds = RandomSource(seed: 41).stream(.script)
    let seed = try Tensor.randomNormal(result.shape, stream: &seeds)
    let gradients = try Tensor.gradients(of: result, with: leaves, seed: seed)
    return try ([result] + gradients).map { try $0.floats().map(\.bitPattern) }
  }

  /// Deterministic mode, and with Kilpi's own products, which need no mode for it, the usual one.
  static let fixedModes = ProductKernels.areOwn ? [true, false] : [true]

  @Test("the same bytes with 1, 2 and 4 threads", arguments: programs.indices, fixedModes)
  func threadCounts(_ index: Int, isDeterministic: Bool) throws {
    let program = Self.programs[index]
    let threads = WorkerPool.threads
    BLAS.isDeterministic = isDeterministic
    defer {
      BLAS.isDeterministic = false
      WorkerPool.threads = threads
    }
    var stream = RandomSource(seed: 40).stream(.script)
    let inputs = try program.shapes.map { try Tensor.randomNormal($0, stream: &stream) }
    var found: [[[UInt32]]] = []
    for count in [1, 2, 4] {
      WorkerPool.threads = count
      #expect(WorkerPool.threads == count)
      found.append(try bits(inputs, program.run))
    }
    let agrees = found.map { $0 == found[0] }
    #expect(agrees == [true, true, true], "\(program.id)")
  }

  @Test(
    "a sample gives the same bytes alone and in a batch, in the same modes", arguments: fixedModes)
  func batchSizes(isDeterministic: Bool) throws {
    BLAS.isDeterministic = isDeterministic
    defer { BLAS.isDeterministic = false }
    var stream = RandomSource(seed: 42).stream(.script)
    let weight = try Tensor.randomNormal([3 * 64, 96], stream: &stream)
    let gain = try Tensor.randomNormal([64], stream: &stream)
    let labels = try Tensor([1, 5, 3, 3, 0, 2, 7] as [Int64], shape: [7])
    let images = try Tensor.randomNormal([7, 19, 96], stream: &stream)
    func losses(_ samples: Range<Int>) throws -> [[UInt32]] {
      let x = try images.narrowed(0, start: samples.lowerBound, length: samples.count).cloned()
        .setRequiresGradient(true)
      let qkv = try Tensor.linear(x, weight: weight, activation: .quickGELU)
      let mixed = try Tensor.attention(qkv, heads: 4)
      let normal = try Tensor.layerNorm(mixed, weight: gain, bias: gain).selected(1, 0)
      let truth = try labels.narrowed(0, start: samples.lowerBound, length: samples.count)
      let loss = try Tensor.crossEntropy(
        logits: normal.normalized() * 10.0, labels: truth, reduction: .none)
      let gradient = try Tensor.gradients(of: loss.sum(), with: [x])[0]
      let width = 19 * 96
      let (values, slopes) = (try loss.floats(), try gradient.floats())
      return (0..<samples.count).map { sample in
        [values[sample].bitPattern]
          + slopes[sample * width..<(sample + 1) * width].map(\.bitPattern)
      }
    }
    let together = try losses(0..<7)
    for sample in 0..<7 {
      let alone = try losses(sample..<sample + 1)
      let agrees = alone[0] == together[sample]
      #expect(agrees, "sample \(sample)")
    }
    let part = try losses(2..<6)
    let agrees = part == Array(together[2..<6])
    #expect(agrees)
  }

  @Test("with a causal mask, what follows a token changes no bit of it or of its gradient")
  func laterTokens() throws {
    guard ProductKernels.areOwn else {
      print("skipped: OpenBLAS's last bits depend on the number of tokens")
      return
    }
    var stream = RandomSource(seed: 44).stream(.script)
    let whole = try Tensor.randomNormal([3, 77, 3 * 32], stream: &stream)
    let seed = try Tensor.randomNormal([3, 77, 32], stream: &stream)
    func bits(_ tokens: Int, of length: Int) throws -> [[UInt32]] {
      let qkv = try whole.narrowed(1, start: 0, length: length).cloned().setRequiresGradient(true)
      let mixed = try Tensor.attention(qkv, heads: 2, isCausal: true)
      // The later tokens' results are read by nobody.
      let read = try mixed.narrowed(1, start: 0, length: tokens)
      let slope = try seed.narrowed(1, start: 0, length: tokens)
      let gradient = try Tensor.gradients(of: (read * slope).sum(), with: [qkv])[0]
      return try [read, gradient.narrowed(1, start: 0, length: tokens)].map {
        try $0.floats().map { ($0 + 0).bitPattern }  // one zero for both signs
      }
    }
    for tokens in [1, 7, 16, 33] {
      let alone = try bits(tokens, of: tokens)
      for length in [tokens + 1, 40, 77] {
        let agrees = try bits(tokens, of: length) == alone
        #expect(agrees, "\(tokens) of \(length)")
      }
    }
  }

  @Test("ten thousand small products from the pool agree with a serial reference")
  func manyProducts() throws {
    let threads = WorkerPool.threads
    WorkerPool.threads = 4
    defer { WorkerPool.threads = threads }
    let (size, count) = (12, 10_000)
    var stream = RandomSource(seed: 43).stream(.script)
    let a = (0..<size * size * 16).map { _ in Float(stream.normal()) }
    var found = [Float](repeating: 0, count: count * size * size)
    a.withUnsafeBufferPointer { a in
      found.withUnsafeMutableBufferPointer { found in
        guard let start = a.baseAddress, let target = found.baseAddress else { return }
        let memory = SharedMemory(source: start, target: target)
        WorkerPool.run(tasks: count) { index in
          let left = memory.source + index % 16 * size * size
          let right = memory.source + index / 16 % 16 * size * size
          Float.taskProduct(
            false, index % 2 == 1, size, size, size, 1, left, size, right, size, 0,
            memory.target + index * size * size, size)
        }
      }
    }
    for index in 0..<count {
      let (left, right) = (index % 16 * size * size, index / 16 % 16 * size * size)
      let (i, j) = (index % size, index / size % size)
      let expected = (0..<size).reduce(0.0) { total, k in
        let b = index % 2 == 1 ? a[right + j * size + k] : a[right + k * size + j]
        return total + Double(a[left + i * size + k]) * Double(b)
      }
      let value = Double(found[index * size * size + i * size + j])
      #expect(abs(value - expected) <= 1e-4, "product \(index)")
    }
  }

  private struct SharedMemory: @unchecked Sendable {
    let source: UnsafePointer<Float>
    let target: UnsafeMutablePointer<Float>
  }

  @Test("a task of the pool may use the pool, and every index runs once")
  func nested() {
    let threads = WorkerPool.threads
    WorkerPool.threads = 4
    defer { WorkerPool.threads = threads }
    for tasks in [0, 1, 2, 3, 64, 1000] {
      var counts = [Int32](repeating: 0, count: max(tasks, 1) * 8)
      counts.withUnsafeMutableBufferPointer { counts in
        guard let base = counts.baseAddress else { return }
        let memory = Counters(base: base)
        WorkerPool.run(tasks: tasks) { outer in
          WorkerPool.run(tasks: 8) { inner in memory.base[outer * 8 + inner] += 1 }
        }
      }
      #expect(counts.prefix(tasks * 8).allSatisfy { $0 == 1 }, "\(tasks) tasks")
    }
  }

  private struct Counters: @unchecked Sendable { let base: UnsafeMutablePointer<Int32> }

  @Test("thread counts out of range are brought into it")
  func threadRange() {
    let threads = WorkerPool.threads
    defer { WorkerPool.threads = threads }
    WorkerPool.threads = 100_000
    #expect(WorkerPool.threads == 256)
    WorkerPool.threads = -3
    #expect(WorkerPool.threads >= 1)
  }

  @Test("a pending interrupt stops a product before its first panel")
  func interruptedProduct() {
    let n = 256
    let a = [Float](repeating: 1, count: n * n)
    var c = [Float](repeating: -1, count: n * n)
    _ = kilpi_interrupt_raise()
    defer { kilpi_interrupt_clear() }
    for deterministic in [false, true] {
      BLAS.isDeterministic = deterministic
      defer { BLAS.isDeterministic = false }
      let finished = a.withUnsafeBufferPointer { a in
        c.withUnsafeMutableBufferPointer { c -> Bool in
          guard let left = a.baseAddress, let target = c.baseAddress else { return true }
          let operand = MatrixOperand(left, rowStride: n)
          return MatrixProduct.multiply(
            Float.self, operand, operand, into: target, rowStride: n, m: n, n: n, k: n)
        }
      }
      #expect(!finished)
      #expect(c.allSatisfy { $0 == -1 })
    }
  }

  static let interruptible: [(id: String, run: @Sendable (Tensor) throws -> Any)] = [
    ("matmul", { try $0.matmul($0) }), ("elementwise", { try $0.exp() }),
    ("attention", { try Tensor.attention($0.reshaped([1, 30, 30]), heads: 2) }),
    ("backward", { try $0.sum().backward() }),
  ]

  @Test("an interrupt ends the call with its own kind of error, and what follows works")
  func interrupts() throws {
    let x = try Tensor.ones([30, 30]).setRequiresGradient(true)
    for (id, run) in Self.interruptible {
      let before = MemoryMeter.liveBytes
      _ = kilpi_interrupt_raise()
      defer { kilpi_interrupt_clear() }
      #expect("\(id)") {
        _ = try run(x)
      } throws: {
        ($0 as? KilpiError)?.kind == .interrupted && "\($0)".hasSuffix("interrupted")
      }
      kilpi_interrupt_clear()
      #expect(MemoryMeter.liveBytes == before, "\(id)")
      #expect(try x.matmul(x).sum().item() == 27_000, "\(id)")
    }
    #expect(x.gradient == nil)
  }
}
