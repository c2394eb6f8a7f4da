internal import Diagnostics

/// Reads pickles of protocols 2 to 5 by an allow-list of opcodes and names; nothing is executed.
///
/// Goals in order: nothing in the bytes chooses what runs; memory is bounded by the number of
/// opcodes and the bytes; every refusal names its place. Python's own restricted unpicklers look up
/// real classes, which has been a way out of them (CVE-2025-32434); here a name is only ever text.
/// So an object of a class that is not on the list is a record of what the pickle says of it, and
/// does not hinder the weights beside it.
final class PickleReader {
  /// Bounds on what a pickle may ask of its reader.
  enum Limit {
    static let bytes = 64 << 20
    static let opcodes = 1_000_000
    static let nameBytes = 512
    /// Nesting of the result.
    static let depth = 64
    /// Values of the result, those in several places counted at each.
    static let values = 1_000_000
  }

  /// What to do about a pickle that holds more than tensors and plain values.
  static let advice =
    "nothing of it was run; save its state_dict alone with PyTorch, or convert it to safetensors"

  /// All values made so far.
  private(set) var nodes: [PickleNode] = []
  private let bytes: UnsafeRawBufferPointer
  private let rules: any PickleRules
  private var position = 0
  private var start = 0
  private var stack: [Int] = []
  private var marks: [Int] = []
  private var memo: [Int: Int] = [:]
  private var copied = 0

  /// A reader of `bytes`, which must outlive it.
  init(_ bytes: UnsafeRawBufferPointer, rules: any PickleRules) {
    self.bytes = bytes
    self.rules = rules
  }

  /// The number of the value that the pickle makes.
  func read() throws -> Int {
    guard bytes.count <= Limit.bytes else {
      throw KilpiError(
        "its pickle has \(bytes.count) bytes, the limit is \(Limit.bytes)", advice: Self.advice)
    }
    guard try byte() == PickleOpcode.proto.rawValue, (2...5).contains(try byte()) else {
      throw KilpiError(
        "its pickle does not start as one of protocols 2 to 5 does", advice: Self.advice)
    }
    for count in 1... {
      if count & 0xFFFF == 0 { try Interrupts.poll() }
      start = position
      guard count <= Limit.opcodes else {
        throw failure("more than \(Limit.opcodes) opcodes", advice: nil)
      }
      let code = try byte()
      guard let opcode = PickleOpcode(rawValue: code) else {
        throw failure("\(code) is no opcode", advice: "copy or download it again")
      }
      if opcode == .stop { break }
      try run(opcode)
    }
    guard stack.count == 1, marks.isEmpty, position == bytes.count else {
      throw failure("it ends before its values are whole", advice: "copy or download it again")
    }
    return stack[0]
  }

  /// An error at the opcode that is being read.
  func failure(_ problem: String, advice: String? = PickleReader.advice) -> KilpiError {
    KilpiError("byte \(start) of its pickle: \(problem)", advice: advice)
  }

  // MARK: Opcodes

  private func run(_ opcode: PickleOpcode) throws {
    switch opcode {
    case .frame:
      guard try length(8) <= bytes.count - position else { throw truncated() }
    case .mark: marks.append(stack.count)
    case .pop:
      // A mark right on top goes first, as in Python.
      if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    case .popMark: _ = try popToMark()
    case .none: push(.none)
    case .newTrue: push(.bool(true))
    case .newFalse: push(.bool(false))
    case .binInt: push(.integer(Int64(Int32(truncatingIfNeeded: try length(4)))))
    case .binInt1: push(.integer(Int64(try length(1))))
    case .binInt2: push(.integer(Int64(try length(2))))
    case .long1: try pushLong(try length(1))
    case .long4: try pushLong(try length(4))
    case .binFloat:
      let bits = try slice(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      push(.number(Double(bitPattern: bits)))
    case .binUnicode: push(.string(try text(try length(4))))
    case .shortBinUnicode: push(.string(try text(try length(1))))
    case .binUnicode8: push(.string(try text(try length(8))))
    case .binString, .shortBinString:
      // Python 2's strings: text where they can be.
      let part = try slice(try length(opcode == .binString ? 4 : 1))
      push(String(validating: part, as: UTF8.self).map { .string($0) } ?? .bytes(Array(part)))
    case .binBytes: push(.bytes(Array(try slice(try length(4)))))
    case .shortBinBytes: push(.bytes(Array(try slice(try length(1)))))
    case .binBytes8, .byteArray8: push(.bytes(Array(try slice(try length(8)))))
    case .emptyList, .emptySet: push(.list([]))
    case .frozenSet: push(.list(try popToMark()))
    case .emptyTuple: push(.tuple([]))
    case .tuple: push(.tuple(try popToMark()))
    case .tuple1: push(.tuple(try pop(1)))
    case .tuple2: push(.tuple(try pop(2)))
    case .tuple3: push(.tuple(try pop(3)))
    case .emptyDict: push(.dictionary([]))
    case .append: try extendList(by: pop(1), opcode)
    case .appends, .addItems: try extendList(by: popToMark(), opcode)
    case .setItem: try extendDictionary(by: pop(2), opcode)
    case .setItems: try extendDictionary(by: popToMark(), opcode)
    case .binPut: try remember(at: try length(1))
    case .longBinPut: try remember(at: try length(4))
    case .memoize: try remember(at: memo.count)
    case .binGet: try recall(try length(1))
    case .longBinGet: try recall(try length(4))
    case .global: try pushGlobal(module: line(), name: line())
    case .stackGlobal:
      let parts = try pop(2)
      guard case .string(let module) = nodes[parts[0]], case .string(let name) = nodes[parts[1]]
      else { throw failure("STACK_GLOBAL without two names") }
      try pushGlobal(module: module, name: name)
    case .reduce, .newObj:
      let parts = try pop(2)
      push(try call(parts[0], parts[1], opcode))
    case .newObjEx:
      let parts = try pop(3)
      let result = try call(parts[0], parts[1], opcode)
      guard case .dictionary(let named) = nodes[parts[2]] else {
        throw failure("NEWOBJ_EX without a dictionary of arguments")
      }
      if case .record(let record) = result {
        record.entries = named
      } else if !named.isEmpty {
        throw failure("NEWOBJ_EX with named arguments, which the class does not take")
      }
      push(result)
    case .build: try build()
    case .binPersid:
      let identifier = try pop()
      push(try rules.resolve(persistent: identifier, in: self))
    case .proto, .stop, .duplicate, .float, .int, .long, .string, .unicode, .persid, .dict, .list,
      .get, .put, .inst, .obj, .ext1, .ext2, .ext4, .nextBuffer, .readonlyBuffer:
      throw failure("the opcode \(opcode.name) is not read")
    }
  }

  /// What a call of a name, or of what such a call gave (a bound method), makes.
  private func call(_ callee: Int, _ arguments: Int, _ opcode: PickleOpcode) throws -> PickleNode {
    guard case .tuple(let arguments) = nodes[arguments] else {
      throw failure("\(opcode.name) of something that is no name")
    }
    switch nodes[callee] {
    case .global(let name) where rules.meaning(of: name) == .known:
      let result = try rules.call(name, arguments, in: self)
      try noteCopy(result)
      return result
    case .global(let name):
      // `copyreg` makes an object of the class that is its first argument.
      if name.hasPrefix("copyreg.") || name.hasPrefix("copy_reg."), let first = arguments.first,
        case .global(let type) = nodes[first]
      {
        return .record(PickleRecord(type: type, arguments: Array(arguments.dropFirst())))
      }
      return .record(PickleRecord(type: name, arguments: arguments))
    case .record(let record):
      return .record(PickleRecord(type: record.type + "()", arguments: arguments))
    default: throw failure("\(opcode.name) of something that is no name")
    }
  }

  /// Counts the items of a container that a call made from another one: many copies of a long list
  /// would need more memory than their opcodes suggest.
  private func noteCopy(_ node: PickleNode) throws {
    switch node {
    case .list(let items), .tuple(let items), .dictionary(let items): copied += items.count
    case .bytes(let bytes): copied += bytes.count / 16
    default: break
    }
    guard copied <= Limit.values else {
      throw failure("its calls copy more than \(Limit.values) values")
    }
  }

  /// An object's state: kept with a record, passed over for an ordered dictionary's attributes.
  private func build() throws {
    let state = try pop()
    guard let target = stack.last, target >= 0, stack.count > (marks.last ?? 0) else {
      throw failure("BUILD without an object")
    }
    switch nodes[target] {
    case .dictionary, .object: break
    case .record(let record) where record.state == nil: record.state = state
    default: throw failure("BUILD of something that has no state")
    }
  }

  private func pushGlobal(module: String, name: String) throws {
    let global = module + "." + name
    guard rules.meaning(of: global) != .refused else {
      throw failure(
        "it names \(PickleReader.printable(global)), which a file of tensors does not need")
    }
    push(.global(global))
  }

  private func extendList(by items: [Int], _ opcode: PickleOpcode) throws {
    let target = stack.count > (marks.last ?? 0) ? stack.last : nil
    if let target, case .record(let record) = nodes[target] {
      record.items += items
      return
    }
    guard let target, case .list(var list) = nodes[target] else {
      throw failure("\(opcode.name) to something that is no list")
    }
    // Cleared first, so that the list is appended to in place.
    nodes[target] = .none
    list += items
    nodes[target] = .list(list)
  }

  private func extendDictionary(by items: [Int], _ opcode: PickleOpcode) throws {
    let target = stack.count > (marks.last ?? 0) && items.count % 2 == 0 ? stack.last : nil
    if let target, case .record(let record) = nodes[target] {
      record.entries += items
      return
    }
    guard let target, case .dictionary(var pairs) = nodes[target] else {
      throw failure("\(opcode.name) to something that is no dictionary")
    }
    nodes[target] = .none
    pairs += items
    nodes[target] = .dictionary(pairs)
  }

  private func remember(at index: Int) throws {
    guard let top = stack.last, stack.count > (marks.last ?? 0) else {
      throw failure("nothing to remember")
    }
    memo[index] = top
  }

  private func recall(_ index: Int) throws {
    guard let node = memo[index] else {
      throw failure("nothing was remembered as \(index)", advice: "copy or download it again")
    }
    stack.append(node)
  }

  /// A whole number of `count` little-endian bytes in two's complement.
  private func pushLong(_ count: Int) throws {
    let part = try slice(count)
    guard count <= 8 else {
      // The state of a random generator may hold one of 128 bits: no tensor depends on it.
      nodes.append(.bytes(Array(part)))
      push(.record(PickleRecord(type: "int", arguments: [nodes.count - 1])))
      return
    }
    let bits = part.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let shift = UInt64(64 - 8 * count)
    push(.integer(count == 0 ? 0 : Int64(bitPattern: bits << shift) >> Int64(shift)))
  }

  // MARK: Stack and bytes

  private func push(_ node: PickleNode) {
    nodes.append(node)
    stack.append(nodes.count - 1)
  }

  private func pop() throws -> Int {
    guard let top = stack.last, stack.count > (marks.last ?? 0) else {
      throw failure("its stack is empty", advice: "copy or download it again")
    }
    stack.removeLast()
    return top
  }

  private func pop(_ count: Int) throws -> [Int] {
    guard stack.count - (marks.last ?? 0) >= count else {
      throw failure("its stack is empty", advice: "copy or download it again")
    }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private func popToMark() throws -> [Int] {
    guard let mark = marks.popLast() else {
      throw failure("there is no mark", advice: "copy or download it again")
    }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private func truncated() -> KilpiError {
    failure("it ends inside this opcode", advice: "copy or download it again")
  }

  private func byte() throws -> UInt8 {
    guard position < bytes.count else { throw truncated() }
    position += 1
    return bytes[position - 1]
  }

  private func slice(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard count <= bytes.count - position else { throw truncated() }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  /// An unsigned little-endian number of 1, 2, 4 or 8 bytes.
  private func length(_ count: Int) throws -> Int {
    let value = try slice(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard let length = Int(exactly: value) else { throw truncated() }
    return length
  }

  private func text(_ count: Int) throws -> String {
    guard let text = String(validating: try slice(count), as: UTF8.self) else {
      throw failure("a string is not UTF-8")
    }
    return text
  }

  /// Text up to the end of its line.
  private func line() throws -> String {
    let rest = bytes[position...].prefix(Limit.nameBytes + 1)
    guard let end = rest.firstIndex(of: 0x0A) else {
      throw failure("a name without an end, or of more than \(Limit.nameBytes) bytes")
    }
    defer { position = end + 1 }
    guard let text = String(validating: bytes[position..<end], as: UTF8.self) else {
      throw failure("a name is not UTF-8")
    }
    return text
  }

  /// A name from the file, cut and without control characters, fit for a message.
  static func printable(_ name: String) -> String {
    let shown = name.prefix(80).unicodeScalars.map {
      $0.properties.generalCategory == .control ? "?" : String($0)
    }
    return "'" + shown.joined() + "'"
  }
}
