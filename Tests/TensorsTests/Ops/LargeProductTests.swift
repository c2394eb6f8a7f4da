import CKernels
import Glibc
import Testing

/// Kilpi's own product kernels against the same sums in float64, and the bits they promise.
@Suite struct LargeProductTests {
  struct Kernel: Sendable, CustomTestStringConvertible {
    let kind: kilpi_gemm_kind
    /// Bound of the error relative to the sum of |a·b|.
    let tolerance: Double
    let testDescription: String
  }
  struct Row: Sendable, CustomTestStringConvertible {
    let m: Int
    let n: Int
    let k: Int
    var testDescription: String { "\(m) x \(n) x \(k)" }
  }

  /// bfloat16 keeps 8 bits: each factor is off by at most 2⁻⁸ of itself.
  static let kernels = [
    Kernel(kind: KILPI_GEMM_F32, tolerance: 1e-6, testDescription: "float32"),
    Kernel(kind: KILPI_GEMM_F32_AVX2, tolerance: 1e-6, testDescription: "float32, AVX2"),
    Kernel(kind: KILPI_GEMM_BF16, tolerance: 7.9e-3, testDescription: "bfloat16"),
  ]
  /// Around the heights and widths of tiles, blocks of k, one task and many.
  static let rows = [
    Row(m: 64, n: 64, k: 64), Row(m: 65, n: 63, k: 64), Row(m: 1, n: 300, k: 400),
    Row(m: 300, n: 1, k: 400), Row(m: 50, n: 30, k: 768), Row(m: 129, n: 77, k: 31),
    Row(m: 300, n: 70, k: 1), Row(m: 512, n: 100, k: 3), Row(m: 14, n: 32, k: 385),
    Row(m: 15, n: 33, k: 769), Row(m: 253, n: 17, k: 383), Row(m: 5, n: 15, k: 2),
    Row(m: 1, n: 1, k: 1),
  ]

  /// Fixed values from -1 to 1 in a matrix whose rows are three elements longer.
  struct Matrix {
    let rows: Int
    let columns: Int
    var values: [Float]
    var stride: Int { columns + 3 }
    init(_ rows: Int, _ columns: Int, salt: Int) {
      (self.rows, self.columns) = (rows, columns)
      values = (0..<rows * (columns + 3)).map { Float(($0 * 7919 + salt) % 2001) / 1000 - 1 }
    }
    subscript(i: Int, j: Int) -> Float { values[i * stride + j] }
    var transposed: Matrix {
      var other = Matrix(columns, rows, salt: 0)
      for i in 0..<rows { for j in 0..<columns { other.values[j * other.stride + i] = self[i, j] } }
      return other
    }
  }

  /// `alpha · A · B + beta · C`, operands stored as they are or transposed; nil without the kernel.
  private func multiply(
    _ kind: kilpi_gemm_kind, _ a: Matrix, _ b: Matrix, _ c: Matrix, stored: (Bool, Bool),
    alpha: Float = 1, beta: Float = 0, here: Bool = false
  ) -> Matrix? {
    let (left, right) = (stored.0 ? a.transposed : a, stored.1 ? b.transposed : b)
    var result = c
    let done = result.values.withUnsafeMutableBufferPointer { target in
      (here ? kilpi_gemm_here : kilpi_gemm)(
        kind, stored.0, stored.1, a.rows, b.columns, a.columns, alpha, left.values, left.stride,
        right.values, right.stride, beta, target.baseAddress, c.stride)
    }
    return done ? result : nil
  }

  @Test(arguments: kernels, rows) func agreesWithFloat64(kernel: Kernel, row: Row) {
    let a = Matrix(row.m, row.k, salt: 1)
    let b = Matrix(row.k, row.n, salt: 2)
    let c = Matrix(row.m, row.n, salt: 3)
    var reference: [(sum: Double, size: Double)] = []
    for i in 0..<row.m {
      for j in 0..<row.n {
        var (sum, size) = (0.0, 0.0)
        for p in 0..<row.k {
          let term = Double(a[i, p]) * Double(b[p, j])
          (sum, size) = (sum + term, size + abs(term))
        }
        reference.append((sum, size))
      }
    }
    for stored in [(false, false), (true, false), (false, true), (true, true)] {
      for (alpha, beta) in [(Float(1), Float(0)), (-0.5, 1), (2, 0.25)] {
        var start = c
        if beta == 0 { start.values = start.values.map { _ in .nan } }
        guard
          let found = multiply(
            kernel.kind, a, b, start, stored: stored, alpha: alpha, beta: beta)
        else {
          #expect(kilpi_gemm_name(kernel.kind) == nil)
          print("skipped: this processor has no \(kernel.testDescription) products")
          return
        }
        var worst = 0.0
        for i in 0..<row.m {
          for j in 0..<row.n {
            let (sum, size) = reference[i * row.n + j]
            let expected = Double(alpha) * sum + (beta == 0 ? 0 : Double(beta) * Double(c[i, j]))
            let error = abs(Double(found[i, j]) - expected)
            worst = max(worst, error / (abs(Double(alpha)) * size + abs(Double(beta)) + 1e-3))
          }
          // What lies between the rows is not touched.
          let gap = i * c.stride + row.n..<(i + 1) * c.stride
          let isUntouched = zip(found.values[gap], start.values[gap]).allSatisfy {
            $0.bitPattern == $1.bitPattern
          }
          #expect(isUntouched)
        }
        #expect(worst <= kernel.tolerance, "stored \(stored), alpha \(alpha), beta \(beta)")
      }
    }
  }

  @Test(
    "a row has the same bits alone, in any batch, and however operands are stored",
    arguments: kernels)
  func bits(kernel: Kernel) throws {
    guard kilpi_gemm_name(kernel.kind) != nil else { return }
    let (k, n) = (1000, 70)
    let b = Matrix(k, n, salt: 2)
    let whole = Matrix(301, k, salt: 1)
    func bits(_ matrix: Matrix, _ row: Int) -> [UInt32] {
      (0..<n).map { matrix[row, $0].bitPattern }
    }
    let blank = { Matrix($0, n, salt: 0) }
    let reference = try #require(
      multiply(kernel.kind, whole, b, blank(301), stored: (false, false)))
    for stored in [(true, false), (false, true), (true, true)] {
      let other = try #require(multiply(kernel.kind, whole, b, blank(301), stored: stored))
      let agrees = (0..<301).allSatisfy { bits(other, $0) == bits(reference, $0) }
      #expect(agrees, "stored \(stored)")
    }
    for count in [1, 2, 13, 14, 15, 50, 252, 253] {
      let first = 301 - count
      var part = Matrix(count, k, salt: 0)
      part.values = Array(whole.values[first * whole.stride..<301 * whole.stride])
      let found = try #require(multiply(kernel.kind, part, b, blank(count), stored: (false, false)))
      let agrees = (0..<count).allSatisfy { bits(found, $0) == bits(reference, first + $0) }
      #expect(agrees, "\(count) rows")
    }
  }

  @Test("a product within a task has the same bits as one over the pool", arguments: kernels, rows)
  func here(kernel: Kernel, row: Row) throws {
    guard kilpi_gemm_name(kernel.kind) != nil else { return }
    let (a, b) = (Matrix(row.m, row.k, salt: 1), Matrix(row.k, row.n, salt: 2))
    let c = Matrix(row.m, row.n, salt: 3)
    for stored in [(false, false), (true, false), (false, true), (true, true)] {
      for beta in [Float(0), 0.25] {
        let pooled = try #require(multiply(kernel.kind, a, b, c, stored: stored, beta: beta))
        let found = try #require(
          multiply(kernel.kind, a, b, c, stored: stored, beta: beta, here: true))
        #expect(found.values.map(\.bitPattern) == pooled.values.map(\.bitPattern), "\(stored)")
      }
    }
  }

  @Test("nothing beyond an operand is read or written", arguments: kernels)
  func edges(kernel: Kernel) throws {
    guard kilpi_gemm_name(kernel.kind) != nil else { return }
    // Each operand ends where a page that nobody may touch begins.
    let page = sysconf(Int32(_SC_PAGESIZE))
    let room = 8 * page
    let regions = try (0..<3).map { _ in
      let start = try #require(
        mmap(nil, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
      try #require(mprotect(start + room, page, PROT_NONE) == 0)
      return start
    }
    defer { for region in regions { munmap(region, room + page) } }
    func ending(_ index: Int, _ count: Int) -> UnsafeMutablePointer<Float> {
      let start = (regions[index] + room).assumingMemoryBound(to: Float.self) - count
      start.update(repeating: 1, count: count)
      return start
    }
    let sizes = [1, 2, 7, 15, 16, 17, 31, 33, 65]
    for m in sizes {
      for n in sizes {
        for k in sizes {
          let (a, b, c) = (ending(0, m * k), ending(1, k * n), ending(2, m * n))
          for stored in [(false, false), (true, false), (false, true), (true, true)] {
            for multiply in [kilpi_gemm, kilpi_gemm_here] {
              c.update(repeating: .nan, count: m * n)
              let done = multiply(
                kernel.kind, stored.0, stored.1, m, n, k, 1, a, stored.0 ? m : k, b,
                stored.1 ? k : n, 0, c, n)
              let isRight = (0..<m * n).allSatisfy { c[$0] == Float(k) }
              #expect(done && isRight, "\(m) x \(n) x \(k), \(stored)")
            }
          }
        }
      }
    }
  }

  @Test("a product without rows or columns does nothing, one without terms is refused")
  func empty() {
    for multiply in [kilpi_gemm, kilpi_gemm_here] where kilpi_gemm_name(KILPI_GEMM_F32) != nil {
      var c: [Float] = [3]
      #expect(multiply(KILPI_GEMM_F32, false, false, 0, 1, 1, 1, [1], 1, [1], 1, 0, &c, 1))
      #expect(multiply(KILPI_GEMM_F32, false, false, 1, 0, 1, 1, [1], 1, [1], 1, 0, &c, 1))
      #expect(!multiply(KILPI_GEMM_F32, false, false, 1, 1, 0, 1, [1], 1, [1], 1, 0, &c, 1))
      #expect(c == [3])
    }
  }

  @Test("float32 products have the same bits with AVX2 and with AVX-512", arguments: rows)
  func instructionSets(row: Row) throws {
    guard kilpi_gemm_name(KILPI_GEMM_F32).map({ String(cString: $0) }) == "AVX-512" else {
      print("skipped: this processor has no AVX-512")
      return
    }
    let (a, b) = (Matrix(row.m, row.k, salt: 1), Matrix(row.k, row.n, salt: 2))
    let c = Matrix(row.m, row.n, salt: 3)
    let found = try [KILPI_GEMM_F32, KILPI_GEMM_F32_AVX2].map { kind in
      try #require(multiply(kind, a, b, c, stored: (false, true), alpha: 0.7, beta: 0.25))
    }
    #expect(found[0].values.map(\.bitPattern) == found[1].values.map(\.bitPattern))
  }

  @Test("a product of several slabs has the bits of its rows alone", arguments: kernels)
  func slabs(kernel: Kernel) throws {
    guard kilpi_gemm_name(kernel.kind) != nil else { return }
    let (m, n, k) = (253, 300, 15_400)
    let (a, b, c) = (Matrix(m, k, salt: 1), Matrix(k, n, salt: 2), Matrix(m, n, salt: 3))
    for beta in [Float(0), 0.25] {
      let whole = try #require(multiply(kernel.kind, a, b, c, stored: (false, false), beta: beta))
      for row in [0, 100, 252] {
        var (part, start) = (Matrix(1, k, salt: 0), Matrix(1, n, salt: 0))
        part.values = Array(a.values[row * a.stride..<(row + 1) * a.stride])
        start.values = Array(c.values[row * c.stride..<(row + 1) * c.stride])
        let alone = try #require(
          multiply(kernel.kind, part, b, start, stored: (false, false), beta: beta))
        let agrees = (0..<n).allSatisfy { alone[0, $0].bitPattern == whole[row, $0].bitPattern }
        #expect(agrees, "row \(row), beta \(beta)")
      }
    }
  }
}
