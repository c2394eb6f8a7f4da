/// Byte strings with an id each: one flat buffer and an open-addressing table over it.
struct SymbolTable: Sendable {
  private var bytes: [UInt8] = []
  /// Where each id's text lies in `bytes`; a negative start marks an id without text.
  private var starts: [Int32] = []
  private var lengths: [Int32] = []
  /// Ids by hash, -1 where free; the size is a power of two, at most half used.
  private var slots = [Int32](repeating: -1, count: 1024)
  private(set) var count = 0
  /// One more than the largest id.
  var endID: Int { starts.count }

  /// Makes room for `symbols` entries.
  mutating func reserve(_ symbols: Int) {
    starts.reserveCapacity(symbols)
    lengths.reserveCapacity(symbols)
    bytes.reserveCapacity(symbols * 8)
    var size = 1024
    while size < symbols * 2 { size *= 2 }
    if size > slots.count { rebuild(size) }
  }

  /// Adds a text; false when the text or the id was there before.
  mutating func insert(_ text: [UInt8], id: Int32) -> Bool {
    let slot = self.slot(of: text[...])
    guard slots[slot] < 0, self.text(of: id) == nil else { return false }
    while starts.count <= Int(id) {
      starts.append(-1)
      lengths.append(0)
    }
    starts[Int(id)] = Int32(bytes.count)
    lengths[Int(id)] = Int32(text.count)
    bytes += text
    slots[slot] = id
    count += 1
    if count * 2 > slots.count { rebuild(slots.count * 2) }
    return true
  }

  func id(of text: [UInt8]) -> Int32? { id(of: text[...]) }

  func id(of text: ArraySlice<UInt8>) -> Int32? {
    let id = slots[slot(of: text)]
    return id < 0 ? nil : id
  }

  /// The text of an id, nil when it has none.
  func text(of id: Int32) -> ArraySlice<UInt8>? {
    guard id >= 0, Int(id) < starts.count, starts[Int(id)] >= 0 else { return nil }
    let start = Int(starts[Int(id)])
    return bytes[start..<(start + Int(lengths[Int(id)]))]
  }

  private mutating func rebuild(_ size: Int) {
    slots = [Int32](repeating: -1, count: size)
    for id in starts.indices {
      guard let text = text(of: Int32(id)) else { continue }
      slots[slot(of: text)] = Int32(id)
    }
  }

  /// The slot that holds `text`, or the free one where it would go.
  private func slot(of text: ArraySlice<UInt8>) -> Int {
    text.withUnsafeBufferPointer { text in
      bytes.withUnsafeBufferPointer { bytes in
        let mask = slots.count - 1
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var slot = Int(truncatingIfNeeded: hash ^ hash >> 29) & mask
        while slots[slot] >= 0 {
          let id = Int(slots[slot])
          if Int(lengths[id]) == text.count {
            let start = Int(starts[id])
            var same = true
            for index in 0..<text.count where bytes[start + index] != text[index] {
              same = false
              break
            }
            if same { return slot }
          }
          slot = (slot + 1) & mask
        }
        return slot
      }
    }
  }
}

/// Ranks of symbol pairs by open addressing.
struct PairTable: Sendable {
  private var keys = [UInt64](repeating: .max, count: 1024)
  private var ranks = [Int32](repeating: 0, count: 1024)
  private var count = 0

  /// Makes room for `pairs` entries.
  mutating func reserve(_ pairs: Int) {
    var size = 1024
    while size < pairs * 2 { size *= 2 }
    if size > keys.count { rebuild(size) }
  }

  /// Adds a pair; false when it was there before.
  mutating func insert(_ left: Int32, _ right: Int32, rank: Int32) -> Bool {
    let key = Self.key(left, right)
    let slot = self.slot(of: key)
    guard keys[slot] == .max else { return false }
    keys[slot] = key
    ranks[slot] = rank
    count += 1
    if count * 2 > keys.count { rebuild(keys.count * 2) }
    return true
  }

  func rank(_ left: Int32, _ right: Int32) -> Int32? {
    let slot = self.slot(of: Self.key(left, right))
    return keys[slot] == .max ? nil : ranks[slot]
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  private func slot(of key: UInt64) -> Int {
    let mask = keys.count - 1
    let hash = key &* 0x9E37_79B9_7F4A_7C15
    var slot = Int(truncatingIfNeeded: hash >> 32) & mask
    while keys[slot] != .max, keys[slot] != key { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func rebuild(_ size: Int) {
    let old = zip(keys, ranks).filter { $0.0 != .max }
    keys = [UInt64](repeating: .max, count: size)
    ranks = [Int32](repeating: 0, count: size)
    for (key, rank) in old {
      let slot = self.slot(of: key)
      keys[slot] = key
      ranks[slot] = rank
    }
  }
}
