internal import CInterrupt
internal import CKernels
internal import COpenBLAS

/// The element types that products and fused kernels take.
public protocol KernelScalar: BinaryFloatingPoint, Sendable {
  /// One BLAS product on the calling thread; arguments as in `cblas_?gemm`, row-major.
  static func blasProduct(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Self,
    _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ beta: Self,
    _ c: UnsafeMutablePointer<Self>, _ ldc: Int)
  /// One product on the calling thread, for those within a task: by Kilpi's own kernels where they
  /// serve, else by BLAS.
  static func taskProduct(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Self,
    _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ beta: Self,
    _ c: UnsafeMutablePointer<Self>, _ ldc: Int)
  /// The same over the pool by Kilpi's own kernels; false when there are none for this type.
  static func ownProduct(
    _ precision: ProductPrecision, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int,
    _ k: Int, _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>,
    _ ldb: Int, _ beta: Self, _ c: UnsafeMutablePointer<Self>, _ ldc: Int
  ) -> Bool
}

extension KernelScalar {
  /// By BLAS.
  public static func taskProduct(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Self,
    _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ beta: Self,
    _ c: UnsafeMutablePointer<Self>, _ ldc: Int
  ) { blasProduct(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc) }

  /// None: float64 serves checks and references, where OpenBLAS is fast enough.
  public static func ownProduct(
    _ precision: ProductPrecision, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int,
    _ k: Int, _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>,
    _ ldb: Int, _ beta: Self, _ c: UnsafeMutablePointer<Self>, _ ldc: Int
  ) -> Bool { false }

  /// What the kernels in C choose their loop by.
  static var code: kilpi_dtype { self == Float.self ? KILPI_FLOAT32 : KILPI_FLOAT64 }

  /// `1/√n`.
  static func rootReciprocal(_ n: Int) -> Double { Double(1 / Self(n).squareRoot()) }
}

extension Float: KernelScalar {
  /// See `KernelScalar`.
  public static func taskProduct(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    if ProductKernels.areOwn,
      kilpi_gemm_here(
        ProductKernels.float32Kind, transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c,
        ldc)
    {
      return
    }
    blasProduct(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
  }

  /// See `KernelScalar`.
  public static func ownProduct(
    _ precision: ProductPrecision, _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int,
    _ k: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>,
    _ ldb: Int, _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) -> Bool {
    guard ProductKernels.areOwn else { return false }
    let kind =
      precision == .bfloat16 && ProductKernels.takeBFloat16
      ? KILPI_GEMM_BF16 : ProductKernels.float32Kind
    return kilpi_gemm(kind, transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
  }

  /// See `KernelScalar`.
  public static func blasProduct(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c,
      blasint(ldc))
  }
}

extension Double: KernelScalar {
  /// See `KernelScalar`.
  public static func blasProduct(
    _ transposeA: Bool, _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Double,
    _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int, _ beta: Double,
    _ c: UnsafeMutablePointer<Double>, _ ldc: Int
  ) {
    cblas_dgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c,
      blasint(ldc))
  }
}

/// One operand of a product as it lies in memory, row-major.
public struct MatrixOperand {
  /// First element.
  public var start: UnsafeRawPointer
  /// Elements from one stored row to the next.
  public var rowStride: Int
  /// True when the product uses the transpose of what is stored.
  public var isTransposed: Bool

  /// Describes an operand.
  public init(_ start: UnsafeRawPointer, rowStride: Int, isTransposed: Bool = false) {
    self.start = start
    self.rowStride = rowStride
    self.isTransposed = isTransposed
  }

  /// The elements from the one at `offset` on.
  func elements<Scalar>(from offset: Int = 0) -> UnsafePointer<Scalar> {
    start.assumingMemoryBound(to: Scalar.self) + offset
  }
}

/// Matrix products over the worker pool: Kilpi's own kernels for float32, else OpenBLAS on one thread
/// inside each panel.
///
/// Panels rather than BLAS threads, since they give interrupts their polls (every panel takes at most
/// about 20 ms), never set two thread pools against each other, and, with fixed heights and a padded
/// last panel (`FixedProduct`), make a row's result independent of the batch and the thread count.
public enum MatrixProduct {
  /// Rows of a panel in deterministic mode.
  static let fixedRows = 64
  /// Multiply-adds below which a product stays on the calling thread.
  static let smallWork = 1 << 17
  /// Multiply-adds of a panel at most: some 20 ms at 100 GFLOP/s.
  static let panelWork = 1 << 30

  /// `C = A · B`, `A` is `[m, k]`, `B` is `[k, n]`, `C` is `[m, n]`.
  ///
  /// - Parameter precision: how float32 operands are rounded; float64 ignores it.
  /// - Returns: false when an interrupt stopped it; `C` is then incomplete.
  public static func multiply<Scalar: KernelScalar>(
    _: Scalar.Type, _ a: MatrixOperand, _ b: MatrixOperand, into c: UnsafeMutableRawPointer,
    rowStride: Int, m: Int, n: Int, k: Int, precision: ProductPrecision = .float32
  ) -> Bool {
    let c = c.assumingMemoryBound(to: Scalar.self)
    if m == 0 || n == 0 { return true }
    if k > 0,
      Scalar.ownProduct(
        precision, a.isTransposed, b.isTransposed, m, n, k, 1, a.elements(), a.rowStride,
        b.elements(), b.rowStride, 0, c, rowStride)
    {
      return !kilpi_interrupt_pending()
    }
    BLAS.prepare()
    let product = Product(a: a, b: b, c: c, ldc: rowStride, m: m, n: n, k: k)
    let work = m * n * max(k, 1)
    if BLAS.isDeterministic {
      FixedProduct(product).run()
    } else if work <= smallWork {
      product.rows(0, m)
    } else if m >= 64 || m >= n {
      let height = panelHeight(m, perRow: n * max(k, 1))
      WorkerPool.run(tasks: (m + height - 1) / height) { panel in
        if kilpi_interrupt_pending() { return }
        product.rows(panel * height, min(height, m - panel * height))
      }
    } else {
      let width = panelHeight(n, perRow: m * max(k, 1))
      WorkerPool.run(tasks: (n + width - 1) / width) { panel in
        if kilpi_interrupt_pending() { return }
        product.columns(panel * width, min(width, n - panel * width))
      }
    }
    return !kilpi_interrupt_pending()
  }

  /// A height that keeps panels within `panelWork`, even over the threads, in steps of 16 rows.
  private static func panelHeight(_ rows: Int, perRow: Int) -> Int {
    let threads = WorkerPool.threads
    let most = max(16, min(512, panelWork / max(perRow, 1)))
    let panels = max((rows + most - 1) / most, 1)
    let rounds = (panels + threads - 1) / threads
    let height = (rows + rounds * threads - 1) / (rounds * threads)
    return (height + 15) / 16 * 16
  }
}

/// The operands of one product; panels of it may run on any thread.
private struct Product<Scalar: KernelScalar> {
  let a: MatrixOperand
  let b: MatrixOperand
  let c: UnsafeMutablePointer<Scalar>
  let ldc: Int
  let m: Int
  let n: Int
  let k: Int

  func rows(_ first: Int, _ count: Int) {
    Scalar.blasProduct(
      a.isTransposed, b.isTransposed, count, n, k, 1,
      a.elements(from: a.isTransposed ? first : first * a.rowStride), max(a.rowStride, 1),
      b.elements(), max(b.rowStride, 1), 0, c + first * ldc, max(ldc, 1))
  }

  func columns(_ first: Int, _ count: Int) {
    Scalar.blasProduct(
      a.isTransposed, b.isTransposed, m, count, k, 1, a.elements(), max(a.rowStride, 1),
      b.elements(from: b.isTransposed ? first * b.rowStride : first), max(b.rowStride, 1), 0,
      c + first, max(ldc, 1))
  }
}

/// A product whose rows do not depend on their place: not on the batch, not on the thread count.
///
/// Panels have one height, the last is padded with zeros, so that every call to BLAS is the same. The
/// call is the transposed one, in float64, rounded once at the end: OpenBLAS' float32 kernel for
/// Haswell and Zen adds rows 6 ... 11 of each 12 in another order than rows 0 ... 5, and so do some
/// float64 kernels for the untransposed call.
private struct FixedProduct<Scalar: KernelScalar> {
  private let product: Product<Scalar>
  private let height = MatrixProduct.fixedRows

  init(_ product: Product<Scalar>) { self.product = product }

  func run() {
    let (k, n, b) = (product.k, product.n, product.b)
    let (rows, columns) = b.isTransposed ? (n, k) : (k, n)
    let wide = UnsafeMutablePointer<Double>.allocate(capacity: max(rows * columns, 1))
    defer { wide.deallocate() }
    WorkerPool.run(tasks: (rows + 63) / 64) { task in
      for row in task * 64..<min(task * 64 + 64, rows) {
        let source: UnsafePointer<Scalar> = b.elements(from: row * b.rowStride)
        let target = wide + row * columns
        for column in 0..<columns { target[column] = Double(source[column]) }
      }
    }
    WorkerPool.run(tasks: (product.m + height - 1) / height) { panel in
      if !kilpi_interrupt_pending() { self.panel(panel * height, wide, max(columns, 1)) }
    }
  }

  private func panel(_ first: Int, _ wide: UnsafePointer<Double>, _ stride: Int) {
    let (a, k, n) = (product.a, product.k, product.n)
    let count = min(height, product.m - first)
    let input = UnsafeMutablePointer<Double>.allocate(capacity: max(height * k, 1))
    let output = UnsafeMutablePointer<Double>.allocate(capacity: height * n)
    defer {
      input.deallocate()
      output.deallocate()
    }
    input.initialize(repeating: 0, count: max(height * k, 1))
    for row in 0..<count {
      let target = input + row * k
      let (start, step) =
        a.isTransposed ? (first + row, a.rowStride) : ((first + row) * a.rowStride, 1)
      let source: UnsafePointer<Scalar> = a.elements(from: start)
      for i in 0..<k { target[i] = Double(source[i * step]) }
    }
    Double.blasProduct(
      !product.b.isTransposed, true, n, height, k, 1, wide, stride, input, max(k, 1), 0, output,
      height)
    for row in 0..<count {
      let target = product.c + (first + row) * product.ldc
      for j in 0..<n { target[j] = Scalar(output[j * height + row]) }
    }
  }
}
