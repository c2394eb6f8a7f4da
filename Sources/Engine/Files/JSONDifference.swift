/// A place in which two values differ: `data.n was 3, is 4`.
public struct JSONDifference: Equatable, Sendable, CustomStringConvertible {
  /// Where: names and places (from 1) with dots between them.
  public let path: String
  /// The first value; null where it has none.
  public let before: JSONValue
  /// The second value; null where it has none.
  public let after: JSONValue

  /// The last name of the path.
  public var name: String { path.split(separator: ".").last.map(String.init) ?? path }

  /// `data.n was 3, is 4`, long values cut.
  public var description: String { "\(path) was \(Self.short(before)), is \(Self.short(after))" }

  /// A value in at most 60 characters.
  public static func short(_ value: JSONValue) -> String {
    let text = value.serialized()
    return text.count > 60 ? text.prefix(59) + "…" : text
  }
}

extension JSONValue {
  /// Every place in which another value differs from this one, members that only one of them has among
  /// them; lists of different lengths differ as a whole.
  public func differences(to other: JSONValue, path: String = "") -> [JSONDifference] {
    if self == other { return [] }
    func inside(_ key: String) -> String { path.isEmpty ? key : path + "." + key }
    if let before = object, let after = other.object {
      let keys = before.map(\.key) + after.map(\.key).filter { key in self[key] == nil }
      return keys.flatMap { key in
        (self[key] ?? .null).differences(to: other[key] ?? .null, path: inside(key))
      }
    }
    if let before = array, let after = other.array, before.count == after.count {
      return before.indices.flatMap {
        before[$0].differences(to: after[$0], path: inside(String($0 + 1)))
      }
    }
    return [JSONDifference(path: path, before: self, after: other)]
  }
}
