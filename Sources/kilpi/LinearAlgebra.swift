internal import Files

/// What is known of the linear algebra library.
enum LinearAlgebra {
  /// One line of the report.
  struct Fact {
    var name: String
    var value: JSONValue
    var text: String
  }

  /// `OpenBLAS 0.3.21 Haswell`.
  static var name: String { "OpenBLAS" }

  /// Build, core type, threads and measured speed.
  static func rows() -> [Fact] { [] }
}
