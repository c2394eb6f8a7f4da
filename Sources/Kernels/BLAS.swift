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
/// OpenBLAS's AVX2 kernels reach half the speed of a processor with AVX-512, and older releases choose
/// them on every such AMD: 206 against 399 GFLOP/s for 1600 x 768 x 3072 on two cores of an EPYC
/// (OpenBLAS 0.3.21, oneDNN 2.6.3). So where oneDNN is installed, the processor has AVX-512 and OpenBLAS
/// runs kernels without it, large products go to oneDNN. `KILPI_PRODUCTS` (`openblas`, `onednn`)
/// overrides the rule; `--deterministic` and float64 always use OpenBLAS.
public enum ProductLibrary {
  /// Multiply-adds below which OpenBLAS computes in any case: calling oneDNN costs some microseconds.
  static let smallWork = 1 << 18

  /// Kernels of OpenBLAS that use AVX-512.
  private static let wideCores = ["SkylakeX", "Cooperlake", "SapphireRapids"]

  /// True when large float32 products go to oneDNN; asked once.
  public static let usesOneDNN: Bool = {
    switch getenv("KILPI_PRODUCTS").map({ String(cString: $0) }) {
    case "openblas": return false
    case "onednn": return kilpi_onednn_available()
    default:
      return kilpi_onednn_has_avx512() && !wideCores.contains(BLAS.coreName)
        && kilpi_onednn_available()
    }
  }()

  /// True when oneDNN would be faster here, but is not installed.
  public static var wantsOneDNN: Bool {
    !usesOneDNN && kilpi_onednn_has_avx512() && !wideCores.contains(BLAS.coreName)
      && !kilpi_onednn_available()
  }

  /// The library and its version, or its kernels, for records: `oneDNN 2.6.3`, `OpenBLAS Haswell`.
  public static var name: String {
    usesOneDNN
      ? "oneDNN " + String(cString: kilpi_onednn_version()) : "OpenBLAS " + BLAS.coreName
  }
}
