package import Attacks
package import Files

extension ParameterValue {
  /// The value in records.
  package var json: JSONValue {
    switch self {
    case .flag(let value): return .bool(value)
    case .integer(let value): return .integer(Int64(value))
    case .number(let value): return .number(value)
    case .name(let value): return .string(value)
    case .numbers(let values): return .array(values.map { .number($0) })
    case .names(let values): return .array(values.map { .string($0) })
    }
  }
}

extension Parameterized {
  /// The parameters as records hold them; null is "not given".
  package var recordedParameters: [JSONValue.Member] {
    parameterForms.filter(\.isRecorded).map { .init($0.name, $0.value?.json ?? .null) }
  }
}
