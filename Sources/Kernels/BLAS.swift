internal import CKernels
internal import COneDNN
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

/// Which library computes large float32 products.
///
/// OpenBLAS, unless `KILPI_PRODUCTS=onednn` asks for oneDNN. OpenBLAS's AVX2 kernels reach half the speed
/// of a processor with AVX-512 (206 against 399 GFLOP/s for 1600 x 768 x 3072), but oneDNN 2.6.3 is not
/// trusted yet: an interrupted product of 9000 x 9000 ended the process with a corrupted heap.
/// `--deterministic` and float64 always use OpenBLAS.
public enum ProductLibrary {
  /// Multiply-adds below which OpenBLAS computes in any case: calling oneDNN costs some microseconds.
  static let smallWork = 1 << 18

  /// True when large float32 products go to oneDNN; asked once.
  public static let usesOneDNN: Bool = {
    getenv("KILPI_PRODUCTS").map { String(cString: $0) } == "onednn" && kilpi_onednn_available()
  }()

  /// The library and its version, or its kernels, for records: `oneDNN 2.6.3`, `OpenBLAS Haswell`.
  public static var name: String {
    usesOneDNN
      ? "oneDNN " + String(cString: kilpi_onednn_version()) : "OpenBLAS " + BLAS.coreName
  }
}
