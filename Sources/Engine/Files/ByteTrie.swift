/// Byte strings with a number each, walked byte by byte: what finds the longest entry that a text
/// starts with.
///
/// All edges lie in one open-addressing table, so that reading a vocabulary of 100,000 entries makes
/// no object an entry. Entries are compared by bytes: canonically equal strings are two entries.
public struct ByteTrie: Sendable {
  /// The node where every walk starts.
  public static let root: Int32 = 0

  private var keys = [UInt64](repeating: .max, count: 4096)
  private var targets = [Int32](repeating: 0, count: 4096)
  private var edges = 0
  private var values: [Int32] = [-1]

  /// Creates a trie without entries.
  public init() {}

  /// Adds an entry; false when it was there before, and nothing changes.
  public mutating func insert(_ bytes: some Sequence<UInt8>, value: Int32) -> Bool {
    var node = Self.root
    for byte in bytes {
      if let next = child(of: node, byte) {
        node = next
        continue
      }
      if (edges + 1) * 2 > keys.count { grow() }
      let slot = self.slot(Self.key(node, byte))
      keys[slot] = Self.key(node, byte)
      targets[slot] = Int32(values.count)
      node = Int32(values.count)
      values.append(-1)
      edges += 1
    }
    guard values[Int(node)] < 0 else { return false }
    values[Int(node)] = value
    return true
  }

  /// The node that a byte leads to, nil when no entry goes on so.
  public func child(of node: Int32, _ byte: UInt8) -> Int32? {
    let key = Self.key(node, byte)
    let slot = self.slot(key)
    return keys[slot] == key ? targets[slot] : nil
  }

  /// The node that several bytes lead to.
  public func node(from start: Int32 = root, _ bytes: some Sequence<UInt8>) -> Int32? {
    var node = start
    for byte in bytes {
      guard let next = child(of: node, byte) else { return nil }
      node = next
    }
    return node
  }

  /// The number of the entry that ends at a node, nil when none does.
  public func value(at node: Int32) -> Int32? {
    let value = values[Int(node)]
    return value < 0 ? nil : value
  }

  /// The number of an entry.
  public func value(of bytes: some Sequence<UInt8>) -> Int32? {
    node(bytes).flatMap(value(at:))
  }

  private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
  }

  private func slot(_ key: UInt64) -> Int {
    let mask = keys.count - 1
    let hash = key &* 0x9E37_79B9_7F4A_7C15
    var slot = Int(truncatingIfNeeded: hash >> 32) & mask
    while keys[slot] != .max, keys[slot] != key { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func grow() {
    let (oldKeys, oldTargets) = (keys, targets)
    keys = [UInt64](repeating: .max, count: oldKeys.count * 4)
    targets = [Int32](repeating: 0, count: oldKeys.count * 4)
    for (key, target) in zip(oldKeys, oldTargets) where key != .max {
      let slot = self.slot(key)
      keys[slot] = key
      targets[slot] = target
    }
  }
}
