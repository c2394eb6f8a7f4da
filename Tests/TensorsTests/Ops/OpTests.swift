import Files
import Glibc
import TestSupport
import Tensors
import Testing

/// Every operation's rows.
enum OpTable {
  static let rows: [OpCase] =
    elementwise + arithmetic + comparisons + reductions + ordering + rowwise + products + losses
    + views + indexing + joining + convolutions
}

@Suite("operations")
struct OpTests {
  static let gradientRows = OpTable.rows.filter(\.hasGradient)
  static let twiceRows = OpTable.rows.filter(\.takesSameTwice)

  private func stream(_ row: OpCase) -> RandomStream {
    RandomSource(seed: 3).stream(.script, sample: UInt64(row.testDescription.utf8.count))
  }

  @Test("value, shape and type against the closed form", arguments: OpTable.rows)
  func values(_ row: OpCase) throws {
    var stream = stream(row)
    for shapes in [row.inputs.map(\.shape)] + row.otherShapes + row.valueShapes {
      let problem = try row.checkValues(shapes: shapes, stream: &stream)
      #expect(problem == nil)
    }
  }

  @Test("gradient against central differences", arguments: gradientRows)
  func gradients(_ row: OpCase) throws {
    var stream = stream(row)
    for shapes in [row.inputs.map(\.shape)] + row.otherShapes {
      let problem = try row.checkGradients(shapes: shapes, stream: &stream)
      #expect(problem == nil)
    }
  }

  @Test("views give what their copies give, gradients too", arguments: OpTable.rows)
  func views(_ row: OpCase) throws {
    var stream = stream(row)
    let problem = try row.checkViews(stream: &stream)
    #expect(problem == nil)
  }

  @Test("the same tensor as both inputs", arguments: twiceRows)
  func twice(_ row: OpCase) throws {
    var stream = stream(row)
    let problem = try row.checkSameTwice(stream: &stream)
    #expect(problem == nil)
  }

  @Test("every public operation has its row")
  func coverage() throws {
    let folder = TestFiles.repository + "/Sources/Engine/Tensors/Ops"
    var declared: Set<String> = ["converted"]
    // Not functions of tensors to a tensor; `SteppingTests` and `ClassScoresTests` have them.
    let elsewhere: Set<String> = [
      "adamWStep", "firstNotFinite", "signStepped", "sumOfSquares", "finiteScores",
      "checkFiniteScores", "topClass", "topClasses",
    ]
    for file in try FileReader.names(in: folder) {
      let text = try FileReader.text(at: folder + "/" + file)
      for line in text.split(separator: "\n") where line.hasPrefix("  public ") {
        let words = line.split(separator: " ")
        guard let at = words.firstIndex(of: "func"), at + 1 < words.count else { continue }
        declared.insert(String(words[at + 1].prefix { $0 != "(" }))
      }
    }
    #expect(declared.count > 70)
    let tested = Set(OpTable.rows.map(\.name))
    #expect(declared.subtracting(tested).subtracting(elsewhere).sorted() == [])
    #expect(tested.subtracting(declared).sorted() == [])
  }

  /// Rows that are wrong on purpose: each check must notice.
  @Test("a wrong value, a wrong gradient and a forgotten stride are found")
  func negativeControls() throws {
    var stream = RandomSource(seed: 5).stream(.script)
    let shapes = [[3, 4]]
    let wrongValue = OpCase("exp", "", [.any([3, 4])]) {
      try $0[0].exp()
    } expected: {
      $0[0].map { exp($0) * (1 + 1e-5) }
    }
    let value = try wrongValue.checkValues(shapes: shapes, stream: &stream)
    #expect(value != nil)
    let wrongGradient = OpCase("square", "", [.any([3, 4])]) {
      try $0[0] * $0[0].detached()
    } expected: {
      $0[0].map { $0 * $0 }
    }
    let gradient = try wrongGradient.checkGradients(shapes: shapes, stream: &stream)
    #expect(gradient != nil)
    let wrongView = OpCase("reshaped", "", [.any([3, 4])]) {
      $0[0].isContiguous ? $0[0] : try $0[0].transposed().cloned().reshaped([3, 4])
    } expected: {
      $0[0]
    }
    let view = try wrongView.checkViews(stream: &stream)
    #expect(view != nil)
  }
}
