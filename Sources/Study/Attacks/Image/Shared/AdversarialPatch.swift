internal import Diagnostics
internal import Tensors

/// A square patch that covers part of every image, `patch`.
///
/// The pixels of a square of `area · H · W` pixels are replaced, at a random place for each image and
/// step; nothing else changes. Where that square does not fit between the edges of an image that is not
/// square, the patch is a rectangle of the same area that ends at them. `p ← clip(p + step · sign(Σ_i ∇_p J))`, from grey.
///
/// Paper: Brown et al., arXiv:1712.09665; here places vary, but neither scale nor rotation.
package struct AdversarialPatch: Parameterized {
  /// Share of an image that the patch covers, above 0, at most 1.
  package var area: Double
  /// Steps, at least 1.
  package var steps: Int
  /// Step length in pixel units.
  package var step: Double

  package init(area: Double = 0.05, steps: Int = 500, step: Double = 2.0 / 255) {
    self.area = area
    self.steps = steps
    self.step = step
  }

  package static var parameters: [Parameter<Self>] {
    [
      Parameter(
        "area", \.area, .above(0, atMost: 1), "share of the image that is covered"),
      .steps(\.steps, "gradient steps, one batch each"),
      .length("step", \.step, .above(0), "length of a step"),
    ]
  }

  /// Searches on the images that are not held out, and judges all of them, each with its patch at
  /// one random place.
  ///
  /// - Throws: as `UniversalPerturbation.run`.
  package func run(
    _ classifier: Classifier, _ source: LabelledSource, settings: SharedSettings
  ) throws -> SharedResult {
    try checkParameters()
    let run = try SharedRun("patch", classifier, source, .unlimited(.linf), settings)
    var patch: Tensor?
    for done in 0..<(run.isIdle ? 0 : steps) {
      let rows = try run.next()
      let images = try run.images(rows)
      let before = try patch ?? Self.grey(images, area)
      let places = rows.map { Self.place(images, before, run, row: $0, step: done + 1) }
      let gradient = try run.gradient(Self.covered(images, before, places), rows)
      var sum = try Tensor.zeros(before.shape, before.dtype)
      for (index, place) in places.enumerated() {
        sum = try sum + Self.window(gradient, index, place, before.shape).squeezed(0)
      }
      patch = try (before + sum.sign() * step).clamped(0, 1)
      run.tell(done + 1, of: steps)
    }
    // Where every label is the target there is nothing to search for.
    let last = try patch ?? Self.grey(run.images([0]), area)
    var places: [(row: Int, column: Int)] = []
    var result = try run.result(last) { image, row in
      let place = Self.place(image, last, run, row: row, step: 0)
      places.append(place)
      return try Self.covered(image, last, [place])
    }
    result.places = places
    return result
  }

  private static func grey(_ images: Tensor, _ area: Double) throws -> Tensor {
    let (rows, columns) = size(images.shape[2], images.shape[3], area)
    return try Tensor.full([images.shape[1], rows, columns], 0.5, images.dtype)
  }

  /// Rows and columns of a patch on images of that size.
  static func size(_ height: Int, _ width: Int, _ area: Double) -> (rows: Int, columns: Int) {
    let pixels = area * Double(height) * Double(width)
    let side = max(1, Int(clamped: pixels.squareRoot().rounded()))
    func other(_ limit: Int, beside edge: Int) -> Int {
      min(limit, max(1, Int(clamped: (pixels / Double(max(edge, 1))).rounded())))
    }
    if height == width { return (min(side, height), min(side, height)) }
    if side >= min(height, width) {
      return height < width
        ? (height, other(width, beside: height)) : (other(height, beside: width), width)
    }
    return (side, side)
  }

  /// Where a sample's patch lies in a step; step 0 is the verdict's.
  private static func place(
    _ images: Tensor, _ patch: Tensor, _ run: SharedRun, row: Int, step: Int
  ) -> (row: Int, column: Int) {
    var stream = RandomSource(seed: run.settings.seed)
      .stream(.attackStep, sample: run.source.ids[row], step: step)
    let top = stream.integer(below: images.shape[2] - patch.shape[1] + 1)
    return (top, stream.integer(below: images.shape[3] - patch.shape[2] + 1))
  }

  private static func window(
    _ images: Tensor, _ index: Int, _ place: (row: Int, column: Int), _ shape: [Int]
  ) throws -> Tensor {
    try images.narrowed(0, start: index, length: 1)
      .narrowed(2, start: place.row, length: shape[1])
      .narrowed(3, start: place.column, length: shape[2])
  }

  private static func covered(
    _ images: Tensor, _ patch: Tensor, _ places: [(row: Int, column: Int)]
  ) throws -> Tensor {
    let result = try images.cloned()
    for (index, place) in places.enumerated() {
      try window(result, index, place, patch.shape).assign(patch.unsqueezed(0))
    }
    return result
  }
}
