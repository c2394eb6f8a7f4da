internal import CKernels
internal import COpenBLAS
internal import Glibc

/// Facts about the linked OpenBLAS.
public enum BLAS {
  private static let prepared: Void = { openblas_set_num_threads(1) }()

  /// Puts BLAS on one thread, once: the pool is the only place that runs threads.
  static func prepare() { _ = prepared }

  /// Fixed row panels, so that results do not depend on batch size or thread count (`--deterministic`).
  public static var isDeterministic: Bool {
    get { kilpi_deterministic() }
    set { kilpi_set_deterministic(newValue) }
  }

  /// The library's own description: version and build options.
  public static var configuration: String { String(cString: openblas_get_config()) }

  /// The kernels it chose, such as `SkylakeX` or `Haswell`.
  public static var coreName: String { String(cString: openblas_get_corename()) }

  /// True for the pthread build, which Kilpi needs; OpenMP builds ignore the thread setting.
  public static var usesPthreads: Bool { openblas_get_parallel() == 1 }
}

/// Who computes float32 products: Kilpi's own kernels, or OpenBLAS where the processor lacks AVX2.
///
/// Why own kernels: an element's bits depend neither on the batch nor on the thread count nor on how the
/// operands are stored (OpenBLAS's depend on all three); B is packed once a product instead of once a
/// panel; bfloat16 is a second set of leaf loops under the same driver. To compare, `KILPI_PRODUCTS=openblas`
/// turns them off, and `KILPI_PRODUCTS=avx2` takes those of processors without AVX-512. Float64 stays
/// with OpenBLAS.
public enum ProductKernels {
  private static let wish = getenv("KILPI_PRODUCTS").map { String(cString: $0) } ?? ""

  static let float32Kind = wish == "avx2" ? KILPI_GEMM_F32_AVX2 : KILPI_GEMM_F32

  /// True when float32 products are Kilpi's own; decided once.
  public static let areOwn: Bool = wish != "openblas" && kilpi_gemm_name(float32Kind) != nil

  /// True when the processor multiplies bfloat16 (AVX512-BF16).
  public static let takeBFloat16: Bool =
    areOwn && wish != "avx2" && kilpi_gemm_name(KILPI_GEMM_BF16) != nil

  /// Why bfloat16 products are not taken; nil where they are.
  public static var bfloat16Obstacle: String? {
    if takeBFloat16 { return nil }
    return kilpi_gemm_name(KILPI_GEMM_BF16) == nil
      ? "the processor lacks AVX512-BF16" : "KILPI_PRODUCTS is \(wish)"
  }

  /// The kernels, for records: `Kilpi AVX-512`, `OpenBLAS Haswell`.
  public static var name: String {
    areOwn ? "Kilpi " + text(kilpi_gemm_name(float32Kind)) : "OpenBLAS " + BLAS.coreName
  }

  private static func text(_ name: UnsafePointer<CChar>?) -> String {
    name.map { String(cString: $0) } ?? ""
  }
}

/// How the operands of a float32 product are rounded before they are multiplied.
public enum ProductPrecision: String, Sendable, CaseIterable {
  /// Not at all.
  case float32
  /// To bfloat16; sums stay float32.
  case bfloat16
}
