/// A value that a pickle has made.
///
/// Containers name other values by their number, so that a cycle leaks nothing and a deep nest is
/// freed without recursion.
enum PickleNode {
  case none
  case bool(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case bytes([UInt8])
  case list([Int])
  case tuple([Int])
  /// Keys and values in turn.
  case dictionary([Int])
  /// A name of the rules' list, as `module.name`.
  case global(String)
  /// An object of a class that is only described.
  case record(PickleRecord)
  /// What the rules made: a storage, a tensor.
  case object(AnyObject)
}

/// An object as a pickle describes it; no code of its class is known here.
final class PickleRecord {
  let type: String
  let arguments: [Int]
  var state: Int?
  /// What was appended to it, if its class is a kind of list.
  var items: [Int] = []
  /// Keys and values in turn that were set in it, if its class is a kind of dictionary.
  var entries: [Int] = []

  init(type: String, arguments: [Int]) {
    self.type = type
    self.arguments = arguments
  }
}

/// What a name in a pickle means to the reader.
enum PickleName {
  /// On the rules' list: calls go to the rules.
  case known
  /// Any other class or function: a call of it gives a record of its arguments.
  case foreign
  /// No file of tensors has a reason to name it.
  case refused
}

/// What a kind of pickle may name, and what that means.
protocol PickleRules {
  /// How a class or function is taken.
  func meaning(of global: String) -> PickleName
  /// The value of a listed function or class for these arguments.
  func call(_ global: String, _ arguments: [Int], in reader: PickleReader) throws -> PickleNode
  /// The value that a persistent identifier stands for.
  func resolve(persistent identifier: Int, in reader: PickleReader) throws -> PickleNode
}
