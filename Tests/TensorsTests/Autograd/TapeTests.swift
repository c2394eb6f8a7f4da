import Diagnostics
import TestSupport
import Testing

@testable import Tensors

@Suite("the tape")
struct TapeTests {
  private func leaf(_ values: [Double] = [1, 2, 3]) throws -> Tensor {
    try Tensor(values, shape: [values.count]).setRequiresGradient(true)
  }

  @Test("backward adds to what leaves have collected")
  func accumulation() throws {
    let x = try leaf()
    try (x * 2.0).sum().backward()
    try (x * x).sum().backward()
    #expect(try x.gradient?.doubles() == [4, 6, 8])
    x.gradient = nil
    try x.sum().backward()
    #expect(try x.gradient?.doubles() == [1, 1, 1])
  }

  @Test("gradients(of:with:) leaves what leaves have collected alone")
  func functional() throws {
    let (x, y) = (try leaf(), try leaf([4, 5, 6]))
    try x.sum().backward()
    let found = try Tensor.gradients(of: (x * y).sum(), with: [y, x])
    #expect(try found[0].doubles() == [1, 2, 3])
    #expect(try found[1].doubles() == [4, 5, 6])
    #expect(try x.gradient?.doubles() == [1, 1, 1])
    #expect(y.gradient == nil)
  }

  @Test("an input the result does not depend on gets zeros of its type")
  func unreachable() throws {
    let x = try leaf()
    let other = try Tensor.ones([2, 2]).setRequiresGradient(true)
    let found = try Tensor.gradients(of: x.sum(), with: [other])
    #expect(found[0].shape == [2, 2] && found[0].dtype == .float32)
    #expect(try found[0].doubles() == [0, 0, 0, 0])
  }

  @Test("gradients reach an intermediate tensor, and the result itself")
  func intermediate() throws {
    let x = try leaf()
    let y = try x * 3.0
    let z = try y.square().sum()
    let found = try Tensor.gradients(of: z, with: [y, z, x])
    #expect(try found[0].doubles() == [6, 12, 18])
    #expect(try found[1].doubles() == [1])
    #expect(try found[2].doubles() == [18, 36, 54])
  }

  @Test("a tensor used twice gets both gradients, in a diamond too")
  func usedTwice() throws {
    let x = try leaf()
    let y = try x * x
    let result = try (y * x + y + x.exp() * 0.0).sum()
    #expect(try Tensor.gradients(of: result, with: [x])[0].doubles() == [5, 16, 33])
  }

  @Test("three uses are added in place without touching what others hold")
  func usedThrice() throws {
    let x = try leaf()
    let seed = try Tensor([1, 10, 100] as [Double], shape: [3])
    let found = try Tensor.gradients(of: x + x + x + x, with: [x], seed: seed)
    #expect(try found[0].doubles() == [4, 40, 400])
    #expect(try seed.doubles() == [1, 10, 100])
  }

  @Test("gradients of two leaves, and the given gradient, share no memory")
  func noSharing() throws {
    let a = try Tensor.ones([3]).setRequiresGradient(true)
    let b = try Tensor.ones([3]).setRequiresGradient(true)
    let seed = try Tensor.ones([3])
    try (a + b).backward(seed)
    let (first, second) = (try #require(a.gradient), try #require(b.gradient))
    try first.withMutableFloats { $0[0] = 7 }
    #expect(try second.floats() == [1, 1, 1])
    #expect(try seed.floats() == [1, 1, 1])
    let sums = try Tensor.gradients(of: (a.sum() + b.sum()), with: [a, b])
    try sums[0].withMutableFloats { $0[0] = 7 }
    #expect(try sums[0].floats() == [7, 1, 1])
    #expect(try sums[1].floats() == [1, 1, 1])
  }

  @Test("nothing is recorded for tensors that ask for nothing, in withoutGradients, after detached")
  func notRecorded() throws {
    let x = try leaf()
    let plain = try leaf().detached()
    #expect(try !(plain * 2.0).requiresGradient)
    let inside = try Tensor.withoutGradients { try x * 2.0 }
    #expect(!inside.requiresGradient)
    let nested = try Tensor.withoutGradients {
      try Tensor.withoutGradients { _ = try x * 2.0 }
      return try x * 2.0
    }
    #expect(!nested.requiresGradient)
    #expect(try (x * 2.0).requiresGradient)
    let branch = try x * x.detached()
    #expect(try Tensor.gradients(of: branch.sum(), with: [x])[0].doubles() == [1, 2, 3])
    #expect(throws: KilpiError.self) {
      try Tensor.withoutGradients { _ = try x.reshaped([7]) }
    }
    #expect(try (x * 2.0).requiresGradient, "a thrown error ends the pause")
  }

  @Test("a gradient nobody asked for is never computed")
  func unasked() throws {
    let (a, b) = (try leaf(), try leaf())
    var counts: [String: Int] = [:]
    func counted(_ name: String, _ x: Tensor) throws -> Tensor {
      Tensor.record(name, try x.detached() * 2.0, from: [x]) { gradient, needs in
        #expect(needs == [true])
        counts[name, default: 0] += 1
        return [try gradient * 2.0]
      }
    }
    let result = try (counted("a", a) * counted("b", b) + counted("unused", b).detached()).sum()
    _ = try Tensor.gradients(of: result, with: [a], retainGraph: true)
    #expect(counts == ["a": 1])
    try result.backward()
    #expect(counts == ["a": 2, "b": 1])
    let product = try Tensor.linear(
      a.reshaped([1, 3]), weight: b.reshaped([1, 3])
    ).sum()
    _ = try Tensor.gradients(of: product, with: [b])
    #expect(a.gradient != nil && b.gradient != nil)
  }

  @Test("comparisons, indices and int64 cut the tape")
  func cuts() throws {
    let x = try leaf()
    #expect(try !x.greater(x).requiresGradient)
    #expect(try !x.argmax().requiresGradient)
    #expect(try !x.converted(to: .int64).requiresGradient)
  }

  @Test("gradients follow the types of their inputs")
  func types() throws {
    let x = try Tensor([1, 2] as [Float], shape: [2]).setRequiresGradient(true)
    let y = try Tensor([3, 4] as [Double], shape: [2]).setRequiresGradient(true)
    let found = try Tensor.gradients(of: (x * y).sum(), with: [x, y])
    #expect(found.map(\.dtype) == [.float32, .float64])
    #expect(try found[0].doubles() == [3, 4])
  }

  @Test("a value that a gradient needs and that was changed in place is an error")
  func changedInPlace() throws {
    let x = try Tensor.ones([3]).setRequiresGradient(true)
    let y = try x.exp()
    let result = try y.sum()
    try y.withMutableFloats { $0[0] = 5 }
    #expect {
      try result.backward()
    } throws: {
      "\($0)"
        == "backward: a tensor [3] that the gradient needs was changed in place "
        + "(clone it before changing it)"
    }
    let view = try x.detached().narrowed(0, start: 0, length: 2)
    let product = try (x * x).sum()
    try view.assign(Tensor.zeros([2]))
    #expect(throws: KilpiError.self) { try product.backward() }
  }

  @Test("the graph is freed by the first backward unless it is retained")
  func freed() throws {
    let x = try leaf()
    let result = try (x * x).sum()
    try result.backward(retainGraph: true)
    try result.backward()
    #expect(try x.gradient?.doubles() == [4, 8, 12])
    #expect {
      try result.backward()
    } throws: {
      "\($0)"
        == "backward: the recorded graph was freed by an earlier call "
        + "(pass retain_graph = true to the first call)"
    }
    #expect(try x.gradient?.doubles() == [4, 8, 12], "a failed call changes no gradient")
  }

  /// 8 MB is the stack of the main thread; test threads have less.
  @Test("two hundred thousand operations in a chain: backward, and free without recursion")
  func longChain() throws {
    let x = try Tensor.scalar(1, .float64).setRequiresGradient(true)
    var y = x
    for _ in 0..<200_000 { y = try y + 1.0 }
    #expect(try Tensor.gradients(of: y, with: [x], retainGraph: true)[0].item() == 1)
    y = x
    var z = x
    for _ in 0..<200_000 { z = try z + x }
    z = x
    #expect(z.isLeaf)
  }

  @Test("a leaf is set free with its graph")
  func releases() throws {
    weak var lost: Tensor?
    do {
      let x = try leaf()
      let result = try (x * x).sum()
      lost = x
      _ = try Tensor.gradients(of: result, with: [x])
    }
    #expect(lost == nil)
  }

  static let errors: [(id: String, text: String, run: @Sendable () throws -> Void)] = [
    (
      "nothing recorded",
      "backward: nothing was recorded for this tensor "
        + "(call requires_grad_(true) on an input before computing)",
      { try Tensor.ones([1]).backward() }
    ),
    (
      "not one element",
      "backward: the tensor [3] has 3 elements (reduce it to one (sum or mean), or give its gradient)",
      { try (Tensor.ones([3]).setRequiresGradient(true) * 2.0).backward() }
    ),
    (
      "a gradient of another shape", "backward: the given gradient is [2], the tensor [3]",
      { try (Tensor.ones([3]).setRequiresGradient(true) * 2.0).backward(Tensor.ones([2])) }
    ),
    (
      "an input without a gradient",
      "grad: input 1 does not require a gradient "
        + "(call requires_grad_(true) on it before computing)",
      {
        let x = try Tensor.ones([1]).setRequiresGradient(true)
        _ = try Tensor.gradients(of: x.sum(), with: [Tensor.ones([1])])
      }
    ),
    (
      "int64", "int64 tensors have no gradient (convert with to(\"float32\"))",
      { try Tensor.ones([1], .int64).setRequiresGradient(true) }
    ),
    (
      "not a leaf",
      "only leaves can stop requiring a gradient; this is the result of mul (use detach())",
      { try (Tensor.ones([1]).setRequiresGradient(true) * 2.0).setRequiresGradient(false) }
    ),
    (
      "a recorded tensor changed in place",
      "a tensor that records gradients cannot be changed in place "
        + "(use tensor.no_grad, or build a new tensor)",
      { try Tensor.ones([1]).setRequiresGradient(true).assign(Tensor.zeros([1])) }
    ),
    (
      "gradcheck of float32", "gradcheck: input 1 is float32 (convert to float64)",
      { _ = try GradientCheck.maximumError(inputs: [Tensor.ones([1])]) { $0[0] } }
    ),
    (
      "gradcheck without dependence",
      "gradcheck: the function's result does not depend on its inputs",
      {
        _ = try GradientCheck.maximumError(inputs: [Tensor.ones([1], .float64)]) {
          $0[0].detached()
        }
      }
    ),
  ]

  @Test("error texts", arguments: errors.indices)
  func errorText(_ index: Int) throws {
    let row = Self.errors[index]
    #expect(throws: KilpiError.self, "\(row.id)") { try row.run() }
    do { try row.run() } catch { #expect("\(error)" == row.text, "\(row.id)") }
  }
}
