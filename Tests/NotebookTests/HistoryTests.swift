import Files
import Testing

@testable import Notebook

@Suite struct HistoryTests {
  private func path(_ name: String = #function) -> String {
    TemporaryFolder.path + "/" + name.filter { $0.isLetter } + "/history.jsonl"
  }

  @Test(
    arguments: [
      (["KILPI_HISTORY": "/a/b"], "/a/b"),
      (["KILPI_HISTORY": "", "HOME": "/h"], nil),
      (["XDG_STATE_HOME": "/s", "HOME": "/h"], "/s/kilpi/history.jsonl"),
      (["XDG_STATE_HOME": "relative", "HOME": "/h"], "/h/.local/state/kilpi/history.jsonl"),
      (["HOME": "/h"], "/h/.local/state/kilpi/history.jsonl"),
      ([:], nil),
    ] as [([String: String], String?)])
  func pathOf(environment: [String: String], expected: String?) {
    #expect(HistoryFile.path(environment: environment) == expected)
  }

  @Test func entriesSurviveARestart() throws {
    let path = path()
    let first = HistoryFile(path: path, session: "a")
    first.add("x = 1")
    first.add("for i = 1, 2 do\n  print(i)\nend\n")
    first.add(" secret")
    first.add("x = 1")
    first.add("x = 1")
    let second = HistoryFile(path: path, session: "b")
    #expect(second.entries.map(\.text) == ["x = 1", "for i = 1, 2 do\n  print(i)\nend", "x = 1"])
    #expect(second.entries.allSatisfy { $0.session == "a" && $0.directory.hasPrefix("/") })
  }

  @Test func ownEntriesComeFirstGoingBack() throws {
    let path = path()
    let first = HistoryFile(path: path, session: "a")
    let second = HistoryFile(path: path, session: "b")
    first.add("from a")
    second.add("from b")
    first.add("again a")
    #expect(first.entries.map(\.text) == ["from a", "again a"])
    #expect(
      HistoryFile(path: path, session: "c").entries.map(\.text) == ["from a", "from b", "again a"])
  }

  @Test func tornAndForeignLinesAreSkipped() throws {
    let path = path()
    HistoryFile(path: path, session: "a").add("good")
    let text = try FileReader.text(at: path)
    try AtomicFile.write(text + "not json\n{\"no\":1}\n{\"text\":\"torn", to: path)
    let history = HistoryFile(path: path, session: "b")
    #expect(history.entries.map(\.text) == ["good"])
    history.add("after")
    #expect(HistoryFile(path: path, session: "c").entries.map(\.text) == ["good", "after"])
  }

  @Test func anOversizedFileIsHalved() throws {
    let path = path()
    HistoryFile(path: path, session: "a").add("first")
    let line = HistoryFile.line(
      .init(text: String(repeating: "x", count: 1000), time: 1, directory: "", session: "a"))
    let count = HistoryFile.sizeLimit / line.utf8.count + 2
    try AtomicFile.write(String(repeating: line, count: count), to: path)
    let history = HistoryFile(path: path, session: "b")
    let size = try FileReader.bytes(at: path).count
    #expect(size <= HistoryFile.sizeLimit / 2)
    #expect(size > HistoryFile.sizeLimit / 2 - 2 * line.utf8.count)
    #expect(!history.entries.isEmpty)
  }

  @Test func withoutAPathNothingIsWritten() {
    let history = HistoryFile(path: nil, session: "a")
    history.add("x")
    #expect(history.entries.map(\.text) == ["x"])
  }

  @Test func walking() {
    var walk = HistoryWalk(["a", "b", "b", "c"], draft: "dr")
    let older = (0..<4).map { _ in walk.older() }
    #expect(older == ["c", "b", "a", nil])
    let newer = (0..<4).map { _ in walk.newer() }
    #expect(newer == ["b", "c", "dr", nil])
  }

  @Test func editsSurviveTheWalk() {
    var walk = HistoryWalk(["a", "b"], draft: "dr")
    walk.keep("draft")
    #expect(walk.older() == "b")
    walk.keep("b2")
    #expect(walk.older() == "a")
    #expect(walk.newer() == "b2")
    #expect(walk.newer() == "draft")
    walk.keep("draft!")
    #expect([walk.older(), walk.newer()] == ["b2", "draft!"])
  }

  @Test func walkingByABeginning() {
    var walk = HistoryWalk(["print(1)", "x = 2", "print(3)", "print(3)"], draft: "pr")
    #expect(
      [walk.older(beginning: "pr"), walk.older(beginning: "pr")] == ["print(3)", "print(1)"])
    #expect(walk.older(beginning: "pr") == nil)
    #expect([walk.newer(beginning: "pr"), walk.newer(beginning: "pr")] == ["print(3)", "pr"])
    #expect(walk.newer(beginning: "pr") == nil)
  }

  @Test func aFileThatCannotBeWrittenIsSaidOnce() throws {
    let folder = path() + ".folder"
    try FileReader.makeDirectory(folder)
    let history = HistoryFile(path: folder, session: "a")
    history.add("one")
    let problem = history.takeProblem()
    #expect(
      problem?.hasPrefix("inputs are not remembered: '\(folder)' cannot be written, ") == true)
    history.add("two")
    #expect(history.takeProblem() == nil)
    #expect(history.entries.map(\.text) == ["one", "two"])
  }

  @Test func searching() {
    var walk = HistoryWalk(["print(1)", "x = 2", "print(3)"], draft: "")
    let steps = [("pr", false), ("pri", false), ("pri", true), ("pri", true), ("zz", false)]
    let found = steps.map { walk.search($0.0, skippingCurrent: $0.1) }
    #expect(found == ["print(3)", "print(3)", "print(1)", nil, nil])
  }
}
