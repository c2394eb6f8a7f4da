import Files
import Testing

@Suite struct ByteTrieTests {
  private func expect(_ expected: Bool, _ inserted: Bool) { #expect(inserted == expected) }

  @Test func findsWhatWasPutIn() {
    var trie = ByteTrie()
    // Enough for the table to grow several times.
    for number in 0..<5000 {
      expect(true, trie.insert("\(number * 7919)".utf8, value: Int32(number)))
    }
    for number in 0..<5000 { #expect(trie.value(of: "\(number * 7919)".utf8) == Int32(number)) }
    expect(false, trie.insert("7919".utf8, value: 9))
    #expect(trie.value(of: "7919".utf8) == 1)
    #expect(trie.value(of: "791".utf8) == nil)
    #expect(trie.value(of: "79190x".utf8) == nil)
  }

  @Test func bytesDecideNotCharacters() {
    var trie = ByteTrie()
    expect(true, trie.insert("\u{E9}".utf8, value: 1))
    expect(true, trie.insert("e\u{301}".utf8, value: 2))
    #expect(trie.value(of: "\u{E9}".utf8) == 1)
    #expect(trie.value(of: "e\u{301}".utf8) == 2)
  }

  @Test func theEmptyEntryIsOneToo() {
    var trie = ByteTrie()
    #expect(trie.value(of: []) == nil)
    expect(true, trie.insert([], value: 3))
    #expect(trie.value(at: ByteTrie.root) == 3)
    #expect(trie.node("a".utf8) == nil)
  }
}
