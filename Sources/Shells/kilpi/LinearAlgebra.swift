internal import Diagnostics
internal import Files
internal import Kernels
internal import Notebook
internal import Tensors

/// What is known of the linear algebra library.
enum LinearAlgebra {
  /// One line of the report.
  struct Fact {
    var name: String
    var value: JSONValue
    var text: String
  }

  /// `OpenBLAS 0.3.21 Haswell`.
  static var name: String { "OpenBLAS \(version) \(BLAS.coreName)" }

  /// The second word of the library's description of itself.
  private static var version: String {
    let words = BLAS.configuration.split(separator: " ")
    return words.count > 1 ? String(words[1]) : "?"
  }

  /// Build, core type, threads and measured speed.
  static func rows() -> [Fact] {
    var facts = [
      fact("build", BLAS.configuration), fact("core", BLAS.coreName),
      fact(
        "threading",
        BLAS.usesPthreads ? "pthread" : "not pthread: apt install libopenblas-pthread-dev"),
      Fact(
        name: "threads", value: .integer(Int64(WorkerPool.threads)), text: "\(WorkerPool.threads)"),
    ]
    facts.append(
      Fact(
        name: "products", value: .string(ProductKernels.name), text: ProductKernels.name))
    let bfloat16 = ProductKernels.bfloat16Obstacle.map { "no (\($0))" } ?? "yes"
    facts.append(fact("bfloat16", bfloat16))
    if let speed = measuredSpeed() {
      facts.append(
        Fact(
          name: "measured speed", value: .number(speed),
          text: "\(Int(clamped: speed.rounded())) GFLOP/s (float32 product of 1024 x 1024)"))
    }
    return facts
  }

  private static func fact(_ name: String, _ text: String) -> Fact {
    Fact(name: name, value: .string(text), text: text)
  }

  /// Billions of operations a second, the best of five products.
  private static func measuredSpeed() -> Double? {
    let size = 1024
    guard let a = try? Tensor.ones([size, size]), let b = try? Tensor.ones([size, size]) else {
      return nil
    }
    var best = Double.infinity
    for _ in 0..<5 {
      let started = Clock.seconds()
      guard (try? a.matmul(b)) != nil else { return nil }
      best = min(best, Clock.seconds() - started)
    }
    return 2 * Double(size * size * size) / best / 1e9
  }
}
