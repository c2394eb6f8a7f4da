import Diagnostics
import Images
import Tensors
import TestSupport
import Testing

@Suite struct TensorImageTests {
  @Test func bytesAndTensors() throws {
    let image = try noise(5, 4)
    let tensor = try image.tensor()
    #expect(tensor.shape == [3, 4, 5])
    let values = try tensor.floats()
    for i in 0..<60 {
      #expect(values[i % 3 * 20 + i / 3] == Float(image.pixels[i]) / 255)
    }
    #expect(try PixelImage(tensor) == image)
    let batch = try PixelImage.batch([image, noise(5, 4, seed: 2)])
    #expect(batch.shape == [2, 3, 4, 5])
    #expect(Array(try batch.floats().prefix(60)) == values)
    let deep = try DeepImage(tensor)
    #expect(deep.pixels == image.pixels.map { UInt16($0) * 257 })
    #expect(try deep.tensor().floats() == values)
  }

  @Test func roundsHalfUp() throws {
    // 0.5, 0.125 and 0.875 are exact: 127.5, 31.875 and 223.125 levels.
    let values: [Float] = [0, 1, 0.5, 0.125, 0.875, 0.1]
    let image = try PixelImage(Tensor(values, shape: [1, 1, 6]))
    #expect(stride(from: 0, to: 18, by: 3).map { image.pixels[$0] } == [0, 255, 128, 32, 223, 26])
    let deep = try DeepImage(Tensor(values, shape: [1, 1, 6]))
    #expect(
      stride(from: 0, to: 18, by: 3).map { deep.pixels[$0] }
        == [0, 65_535, 32_768, 8_192, 57_343, 6_554])
  }

  struct Refused: CustomTestStringConvertible, Sendable {
    let shape: [Int]
    let value: Double
    let problem: String
    var testDescription: String { problem }
  }

  static let refusals: [Refused] = [
    Refused(
      shape: [3, 1, 1], value: -0.5,
      problem: "the image's values lie in -0.5 … -0.5, outside 0 … 1"),
    Refused(
      shape: [3, 1, 1], value: 1.5,
      problem: "the image's values lie in 1.5 … 1.5, outside 0 … 1"),
    Refused(shape: [3, 1, 1], value: .nan, problem: "the image holds nan"),
    Refused(
      shape: [2, 1, 1], value: 0,
      problem: "an image has the shape [3, H, W], not [2, 1, 1]"),
    Refused(
      shape: [3, 1], value: 0, problem: "an image has the shape [3, H, W], not [3, 1]"),
    Refused(
      shape: [1, 3, 1, 1], value: 0,
      problem: "an image has the shape [3, H, W], not [1, 3, 1, 1]"),
    Refused(shape: [3, 0, 1], value: 0, problem: "an image of 1 x 0 pixels has no pixels"),
  ]

  @Test(arguments: refusals)
  func refused(_ row: Refused) throws {
    #expect(throws: KilpiError.self) { try PixelImage(Tensor.full(row.shape, row.value)) }
    do {
      _ = try PixelImage(Tensor.full(row.shape, row.value))
    } catch let error as KilpiError {
      #expect(error.problem == row.problem)
    }
  }

  @Test func resizesExactlyOnLevels() throws {
    let image = try noise(13, 9)
    for filter in ResizeFilter.allCases {
      let made = try ImageOperations.resized(image.tensor(), width: 6, height: 7, filter: filter)
      let wanted = try image.resized(width: 6, height: 7, filter: filter).tensor()
      #expect(try made.floats() == wanted.floats())
    }
  }

  /// Off the 8-bit levels the filter is the same, so the results differ by rounding alone.
  @Test(arguments: [ResizeFilter.bicubic, .bilinear])
  func resizesOffLevels(_ filter: ResizeFilter) throws {
    let image = try noise(13, 9)
    let off = try image.tensor() * 0.999
    let made = try ImageOperations.resized(off, width: 20, height: 12, filter: filter).floats()
    let wanted = try image.resized(width: 20, height: 12, filter: filter).tensor().floats()
    for (a, b) in zip(made, wanted) { #expect(abs(a - b * 0.999) < 2.1 / 255) }
    #expect(made.allSatisfy { $0 >= 0 && $0 <= 1 })
  }

  /// Values of `torch.nn.functional.interpolate(x, 5, mode=…, antialias=False)` on 0, 0.3, 0.1, 0.9.
  @Test(arguments: [
    (ResizeFilter.bilinear, [0, 0.21, 0.2, 0.34, 0.9] as [Float]),
    // The first is -0.018 there: overshoot is cut off here.
    (.bicubic, [0, 0.23835, 0.153125, 0.30115, 0.9486]),
  ])
  func plainResize(_ filter: ResizeFilter, _ expected: [Float]) throws {
    let row: [Float] = [0, 0.3, 0.1, 0.9]
    let image = try Tensor(row + row + row, shape: [3, 1, 4])
    let made = try ImageOperations.resized(
      image, width: 5, height: 1, filter: filter, antialias: false
    ).floats()
    for (a, b) in zip(made, expected) { #expect(abs(a - b) < 1e-6, "\(made)") }
  }

  @Test func batchesCropsAndPresets() throws {
    let images = try [noise(30, 20), noise(30, 20, seed: 9)]
    let batch = try PixelImage.batch(images)
    let small = try ImageOperations.preprocessed(batch, .openai, size: 8)
    #expect(small.shape == [2, 3, 8, 8])
    #expect(
      try small.selected(0, 1).floats()
        == images[1].preprocessed(.openai, size: 8).tensor().floats())
    #expect(try ImageOperations.centreCropped(batch, to: 6).shape == [2, 3, 6, 6])
    let same = try ImageOperations.preprocessed(batch, .mmcoaSmall)
    #expect(try same.floats() == batch.floats())
    #expect(
      throws: KilpiError(
        "this resize passes no gradient", advice: "detach the image; models resize in the graph")
    ) {
      let tracked = try batch.cloned().setRequiresGradient(true)
      _ = try ImageOperations.resized(tracked, width: 2, height: 2)
    }
  }

  @Test func differences() throws {
    let a = try Tensor([0.5, 0.6, 0.4, 1.0] as [Float], shape: [4])
    let b = try Tensor([0.5, 0.5, 0.5, 0.0] as [Float], shape: [4])
    let made = try ImageOperations.difference(a, b, gain: 2).floats()
    for (x, y) in zip(made, [0.5, 0.7, 0.3, 1] as [Float]) { #expect(abs(x - y) < 1e-6) }
    #expect(
      throws: KilpiError("the images differ in shape: [4] and [2, 2]")
    ) { try ImageOperations.difference(a, b.reshaped([2, 2])) }
  }
}
