/// Merges the symbols of one word by rank.
///
/// The lowest rank first, from the left among equals, as the reference does; a binary heap of
/// (rank, position) over a linked list, so that a word of n bytes costs O(n log n).
struct BytePairMerger {
  private let vocabulary: BytePairVocabulary
  private var symbols: [Int32] = []
  private var next: [Int32] = []
  private var previous: [Int32] = []
  /// The rank of the pair that starts at each position, -1 for none.
  private var pairRank: [Int32] = []
  private var heap: [UInt64] = []

  init(_ vocabulary: BytePairVocabulary) { self.vocabulary = vocabulary }

  /// Appends the ids of a word, given as its UTF-8 bytes, to `ids`.
  mutating func append(_ word: [UInt8], to ids: inout [Int]) {
    guard let last = word.last else { return }
    let count = word.count
    symbols.removeAll(keepingCapacity: true)
    for byte in word.dropLast() { symbols.append(vocabulary.inner[Int(byte)]) }
    symbols.append(vocabulary.final[Int(last)])
    if count == 1 {
      ids.append(Int(symbols[0]))
      return
    }
    next = (1...Int32(count)).map { $0 == Int32(count) ? -1 : $0 }
    previous = (-1..<Int32(count - 1)).map { $0 }
    pairRank = [Int32](repeating: -1, count: count)
    heap.removeAll(keepingCapacity: true)
    for position in 0..<(count - 1) { rate(position) }
    while let (rank, position) = pop() {
      // An entry is stale when its pair has changed since it was pushed.
      guard pairRank[position] == rank else { continue }
      merge(position, vocabulary.merged[Int(rank)])
    }
    var position = 0
    while position >= 0 {
      ids.append(Int(symbols[position]))
      position = Int(next[position])
    }
  }

  private mutating func merge(_ position: Int, _ id: Int32) {
    let removed = Int(next[position])
    symbols[position] = id
    next[position] = next[removed]
    if next[removed] >= 0 { previous[Int(next[removed])] = Int32(position) }
    pairRank[removed] = -1
    rate(position)
    if previous[position] >= 0 { rate(Int(previous[position])) }
  }

  private mutating func rate(_ position: Int) {
    let other = next[position]
    guard other >= 0, let rank = vocabulary.rank(symbols[position], symbols[Int(other)]) else {
      pairRank[position] = -1
      return
    }
    pairRank[position] = rank
    push(UInt64(UInt32(bitPattern: rank)) << 32 | UInt64(position))
  }

  // MARK: - Heap

  private mutating func push(_ key: UInt64) {
    heap.append(key)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if heap[parent] <= heap[child] { break }
      heap.swapAt(parent, child)
      child = parent
    }
  }

  private mutating func pop() -> (rank: Int32, position: Int)? {
    guard let top = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty {
      heap[0] = last
      var parent = 0
      while true {
        var child = 2 * parent + 1
        if child >= heap.count { break }
        if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
        if heap[parent] <= heap[child] { break }
        heap.swapAt(parent, child)
        parent = child
      }
    }
    return (Int32(bitPattern: UInt32(top >> 32)), Int(top & 0xFFFF_FFFF))
  }
}
