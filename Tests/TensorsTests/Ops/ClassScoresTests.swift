import Diagnostics
import Tensors
import Testing

/// The one function that turns class scores into a decision.
@Suite struct ClassScoresTests {
  private func problem(_ values: [Double], _ shape: [Int], _ dtype: DType) -> String {
    do {
      let scores = try Tensor(values, shape: shape).converted(to: dtype)
      return try scores.topClasses { "sample \($0 + 1)" }.map(String.init).joined(separator: " ")
    } catch { return "\(error)" }
  }

  @Test("the first of the largest wins", arguments: [DType.float32, .float64])
  func top(_ dtype: DType) {
    #expect(problem([1, 3, 3, -1, -2, -1, 0, 0, 0], [3, 3], dtype) == "1 0 0")
    #expect(problem([-1e30, -1e31], [2, 1], dtype) == "0 0")
    #expect(problem([], [0, 3], dtype) == "")
  }

  @Test("a score that is not finite decides nothing, wherever it stands")
  func notFinite() {
    let text =
      "the logits of sample 2 are not finite (check the classifier's output on this image)"
    for bad in [Double.nan, .infinity, -.infinity] {
      for place in 3..<6 {
        var values = [1.0, 2, 3, 1, 2, 3, 1, 2, 3]
        values[place] = bad
        for dtype in [DType.float32, .float64] { #expect(problem(values, [3, 3], dtype) == text) }
      }
    }
  }

  @Test("other shapes hold no classes")
  func shapes() {
    #expect(
      problem([1, 2], [2], .float32)
        == "class scores are float32 [2], float [N, classes] is needed")
    #expect(
      problem([], [2, 0], .float32)
        == "class scores are float32 [2, 0], float [N, classes] is needed")
    #expect(
      problem([1, 2], [1, 2], .int64)
        == "class scores are int64 [1, 2], float [N, classes] is needed")
  }

  /// `torch.sort`, `torch.topk`, `torch.max` and `torch.min` of `[1, nan, 3, nan, 2]` (torch 2.15).
  @Test("NaN counts as the largest in sort, topk, max and argmax")
  func order() throws {
    let values = try Tensor([1, .nan, 3, .nan, 2] as [Double], shape: [5])
    #expect(try values.sorted().indices.integers() == [0, 4, 2, 1, 3])
    #expect(try values.sorted(descending: true).indices.integers() == [1, 3, 2, 4, 0])
    #expect(try values.topK(3).indices.integers() == [1, 3, 2])
    #expect(try values.topK(3, largest: false).indices.integers() == [0, 4, 2])
    #expect(try values.argmax(axis: 0).integers() == [1])
    #expect(try values.max(axis: 0).values.doubles()[0].isNaN)
    #expect(try values.min(axis: 0).values.doubles()[0].isNaN)
  }
}
