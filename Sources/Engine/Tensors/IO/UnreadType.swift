internal import Diagnostics

/// Element types that files may hold and tensors cannot: a file with one of them opens, and the tensor
/// is refused when it is requested.
enum UnreadType {
  /// The bits of an element of safetensors' types that are not read; nil for a name that is no type.
  static func bits(_ name: String) -> Int? {
    let bits: [String: Int] = [
      "U16": 16, "U32": 32, "U64": 64, "C64": 64, "C128": 128, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
      "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I4": 4,
      "U4": 4,
    ]
    return bits[name]
  }

  /// The error for a tensor that is requested.
  static func refusal(_ name: String, _ type: String, _ shape: [Int]) -> KilpiError {
    KilpiError(
      "'\(name.prefix(60))' is \(type) \(Shape.describe(shape)), an element type that is not read",
      advice: "save it as float32, int64 or bool")
  }
}
