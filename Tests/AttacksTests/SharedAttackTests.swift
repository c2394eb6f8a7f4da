import Attacks
import Diagnostics
import Tensors
import Testing

/// One perturbation, or one patch, for all images.
@Suite struct SharedAttackTests {
  static let model = ToyModel(kind: .gelu, shape: [3, 4, 4], classes: 4, seed: 6)

  static func settings() -> SharedSettings {
    var settings = SharedSettings(seed: 2)
    settings.batch = 8
    return settings
  }

  static func source(_ count: Int = 20) throws -> (
    source: LabelledSource, images: Tensor, labels: [Int]
  ) {
    let (images, labels) = try model.samples(count)
    return (try LabelledSource(images, labels: labels), images, labels)
  }

  @Test(
    "O1: on a linear model one step finds the best perturbation for all",
    arguments: [
      Norm.linf, .l2,
    ])
  func optimum(_ norm: Norm) throws {
    let model = ToyModel(kind: .linear, shape: [3, 3, 3], classes: 2, seed: 4)
    // All images of class 0: one slope, one best direction.
    let (images, labels) = try model.samples(30, .float64, margin: 0.3)
    let rows = labels.indices.filter { labels[$0] == 0 && $0 != 3 }
    let chosen = try images.indexSelected(0, Tensor(rows.map { Int64($0) }, shape: [rows.count]))
    let epsilon = norm == .linf ? 0.03 : 0.2
    var settings = Self.settings()
    settings.loss = .margin(clamp: nil)
    let result = try UniversalPerturbation(epochs: 2).run(
      model.classifier(), LabelledSource(chosen, labels: rows.map { _ in 0 }),
      budget: Budget(norm, epsilon), settings: settings)
    let slope = OracleTests.slope(model, 0)
    let change = try result.change.doubles()
    let gained = zip(slope, change).reduce(0) { $0 + $1.0 * $1.1 }
    let dual =
      norm == .linf
      ? slope.reduce(0) { $0 + abs($1) } : slope.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(abs(gained / (epsilon * dual) - 1) < 1e-9)
  }

  @Test("budget, verdicts alone, held-out samples and counts", arguments: [Norm.linf, .l2])
  func universal(_ norm: Norm) throws {
    let (source, images, labels) = try Self.source()
    let budget = try Budget(norm, norm == .linf ? 0.1 : 0.6)
    let spy = Spy(Self.model.classifier())
    let result = try UniversalPerturbation(epochs: 3).run(
      spy.see, source, budget: budget, settings: Self.settings())
    let limit = budget.epsilon
    #expect(result.report.distance[norm].allSatisfy { $0 <= limit })
    let size = try Distances(
      from: Tensor.zeros([1, 3, 4, 4]), to: result.change.unsqueezed(0))[norm][0]
    #expect(size <= limit && size > 0.9 * limit)
    for batch in spy.batches { #expect(try batch.floats().allSatisfy { $0 >= 0 && $0 <= 1 }) }
    // Each verdict again: the nearest allowed image of x + δ.
    let ball = try Ball(images, budget)
    let shown = try ball.projected(images + result.change.unsqueezed(0))
    let tops = try Self.model.classifier()(shown).argmax(axis: 1).integers()
    #expect(result.report.success == zip(tops, labels).map { Int($0) != $1 })
    #expect(result.heldOut.count == 4 && result.losses.count == 6)
    for index in labels.indices {
      let isHeldOut = result.heldOut.contains(index)
      #expect(result.report.backwards[index] == (isHeldOut ? 0 : 3))
      #expect(result.report.forwards[index] == (isHeldOut ? 2 : 5))
    }
    #expect(result.report.forwards.reduce(0, +) == spy.images)
    let all = result.accuracies(Array(labels.indices))
    #expect(
      all.robust == result.report.robustAccuracy && all.strict == result.report.strictAccuracy)
    #expect(try #require(all.robust) < #require(all.clean))
    #expect(result.accuracies([]).clean == nil)
    // The seed fixes everything.
    let again = try UniversalPerturbation(epochs: 3).run(
      Self.model.classifier(), source, budget: budget, settings: Self.settings())
    #expect(try bits(again.change) == bits(result.change) && again.heldOut == result.heldOut)
  }

  @Test("a patch: nothing else changes, and it draws images to a class")
  func patch() throws {
    let (source, images, labels) = try Self.source()
    let wasRight = zip(try Self.model.classifier()(images).argmax(axis: 1).integers(), labels)
      .map { Int($0) == $1 }
    let spy = Spy(Self.model.classifier())
    var settings = Self.settings()
    settings.target = 1
    let attack = AdversarialPatch(area: 0.25, steps: 30, step: 0.1)
    let result = try attack.run(spy.see, source, settings: settings)
    #expect(result.change.shape == [3, 2, 2] && result.places.count == 20)
    let patch = try result.change.floats()
    #expect(patch.allSatisfy { $0 >= 0 && $0 <= 1 })
    #expect(Set(result.places.map { $0.row * 3 + $0.column }).count > 3)
    // The last passes judge the samples in order, clean and covered.
    let shown = stride(from: spy.batches.count - 39, to: spy.batches.count, by: 2).map {
      spy.batches[$0]
    }
    var met = 0
    for (index, place) in result.places.enumerated() {
      var expected = try images.narrowed(0, start: index, length: 1).floats()
      for channel in 0..<3 {
        for y in 0..<2 {
          for x in 0..<2 {
            let at = channel * 16 + (place.row + y) * 4 + place.column + x
            expected[at] = patch[channel * 4 + y * 2 + x]
          }
        }
      }
      #expect(try shown[index].floats() == expected)
      let top = try Self.model.classifier()(shown[index]).argmax(axis: 1).integers()[0]
      #expect(result.report.success[index] == (top == 1 && labels[index] != 1))
      #expect(result.report.broken[index] == (Int(top) != labels[index] || !wasRight[index]))
      met += top == 1 ? 1 : 0
    }
    #expect(result.report.leftOut == labels.indices.filter { labels[$0] == 1 })
    let clean = try Self.model.classifier()(images).argmax(axis: 1).integers().filter { $0 == 1 }
    #expect(met > clean.count, "\(met) of 20, \(clean.count) when clean")
    #expect(result.report.targets == [Int](repeating: 1, count: 20))
  }

  @Test("refusals")
  func refusals() throws {
    let (source, _, _) = try Self.source(4)
    func universal(
      _ attack: UniversalPerturbation = UniversalPerturbation(), source: LabelledSource,
      budget: Budget = .default, _ change: (inout SharedSettings) -> Void = { _ in }
    ) -> String {
      message {
        var settings = Self.settings()
        settings.firstIndex = 1
        change(&settings)
        // Any size of images will do.
        let classifier = Classifier { images in
          let sum = try images.sum(axes: [1, 2, 3]).unsqueezed(1)
          return try Tensor.concatenated([sum, sum * 2.0, sum - 3.0, sum - 9.0], axis: 1)
        }
        _ = try attack.run(classifier, source, budget: budget, settings: settings)
      }
    }
    func patch(_ attack: AdversarialPatch) -> String {
      message {
        _ = try attack.run(Self.model.classifier(), source, settings: Self.settings())
      }
    }
    #expect(
      universal(UniversalPerturbation(epochs: 0), source: source)
        == "epochs is 0, at least 1 is needed")
    #expect(
      universal(UniversalPerturbation(step: 0), source: source)
        == "step is 0, a length above 0 is needed (lengths are in pixel units of 0 … 1, like eps)")
    let sum = try Budget(.l1, 1)
    #expect(
      universal(source: source, budget: sum)
        == "universal has no form for l1 1 (give eps in linf or l2)")
    #expect(
      universal(source: source, budget: .unlimited(.l2))
        == "universal has no form for l2 without limit (give eps in linf or l2)")
    #expect(
      universal(
        source: LabelledSource(labels: [], ids: []) { _ in throw KilpiError("never read") })
        == "there are no images")
    #expect(
      universal(
        source: LabelledSource(labels: [0], ids: []) { _ in throw KilpiError("never read") })
        == "there are 0 sample ids for 1 images")
    #expect(
      universal(source: source, budget: .default) { $0.heldOut = 1 }
        == "holdout is 1, a share of at least 0, below 1 is needed")
    #expect(
      universal(source: source, budget: .default) { $0.batch = 0 }
        == "batch is 0, at least 1 is needed")
    let mixed = LabelledSource(labels: [0, 0], ids: [1, 2]) { rows in
      try Tensor.full([rows.count, 3, 4, rows[0] == 0 ? 4 : 5], 0.5)
    }
    #expect(
      universal(source: mixed, budget: .default) {
        $0.batch = 1
        $0.heldOut = 0
      } == "images differ in size (universal needs one size for all; use a preset)")
    let normalised = LabelledSource(labels: [0], ids: [1]) { _ in
      try Tensor.full([1, 3, 4, 4], 2)
    }
    #expect(
      universal(source: normalised, budget: .default)
        == "pixel values run from 2.0 to 2.0, outside 0 … 1 (attacks take unnormalised images; the "
        + "classifier normalises inside)")
    #expect(
      universal(
        source: LabelledSource(labels: [0], ids: [1]) { _ in try Tensor.zeros([1, 4]) },
        budget: .default) == "images are float [N, 3, H, W]")
    #expect(
      patch(AdversarialPatch(area: 0))
        == "area is 0, outside 0 … 1 (0 excluded)")
    #expect(patch(AdversarialPatch(steps: 0)) == "steps is 0, at least 1 is needed")
  }
}

/// `targeted = "all"`, and attacks on features.
@Suite struct TargetsInTurnTests {
  @Test("every other class is tried; a reached target counts before any other")
  func allTargets() throws {
    let model = ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 4)
    let (images, labels) = try model.samples(8)
    var settings = AttackSettings(budget: try Budget(.linf, 0.012), seed: 1)
    settings.reporting.probes = false
    let attack = ProjectedGradientDescent(steps: 6)
    let spy = Spy(model.classifier(scale: 5))
    let all = try attack.run(
      spy.see, images: images, criterion: .targeted(.all, labels: labels), settings: settings)
    #expect(all.report.forwards.reduce(0, +) == spy.images)
    var reached = labels.map { _ in Set<Int>() }
    var best = labels.map { _ in -Double.infinity }
    for shift in 1..<4 {
      let targets = labels.map { ($0 + shift) % 4 }
      let one = try attack.run(
        model.classifier(scale: 5), images: images,
        criterion: .targeted(.classes(targets), labels: labels), settings: settings
      ).report
      for index in labels.indices {
        if one.success[index] { reached[index].insert(targets[index]) }
        best[index] = max(best[index], one.margin[index])
      }
    }
    let tops = try model.classifier()(all.images).argmax(axis: 1).integers()
    let targets = try #require(all.report.targets)
    for index in labels.indices {
      #expect(all.report.success[index] == !reached[index].isEmpty)
      #expect(all.report.margin[index] == best[index])
      if all.report.success[index] {
        #expect(reached[index].contains(targets[index]) && Int(tops[index]) == targets[index])
      }
      #expect(all.report.backwards[index] == 18)
    }
    #expect(reached.contains { $0.count > 1 } && reached.contains { $0.isEmpty })
    settings.search.stopsEarly = true
    let early = try attack.run(
      model.classifier(scale: 5), images: images, criterion: .targeted(.all, labels: labels),
      settings: settings)
    #expect(early.report.success == all.report.success)
    #expect(early.report.backwards.reduce(0, +) < all.report.backwards.reduce(0, +))
  }

  @Test("for the nearest image, the nearest class of all")
  func nearestOfAll() throws {
    let model = ToyModel(kind: .linear, shape: [3, 3, 3], classes: 4, seed: 11)
    let (images, labels) = try model.samples(3, .float64, margin: 0.45)
    var settings = AttackSettings(budget: .unlimited(.l2))
    settings.reporting.probes = false
    let all = try DecoupledDirectionNorm().run(
      model.classifier(scale: 300), images: images, criterion: .targeted(.all, labels: labels),
      settings: settings)
    let optimum = try NearestConformance.optimum(model, images, labels, .l2)
    for (found, exact) in zip(all.report.nearest ?? [], optimum) {
      #expect(found >= exact * (1 - 1e-9) && found <= exact * 1.02)
    }
  }

  @Test("errors are those of any run")
  func errors() throws {
    let model = ToyModel(kind: .linear, shape: [3, 2, 2], classes: 3)
    let (images, labels) = try model.samples(2)
    func text(_ images: Tensor, _ labels: [Int]) -> String {
      message {
        _ = try FastGradientSign().run(
          model.classifier(), images: images, criterion: .targeted(.all, labels: labels),
          settings: AttackSettings())
      }
    }
    #expect(text(images, labels) == "no error")
    #expect(text(images, [0]) == "there are 1 labels for 2 images (give one label an image)")
    #expect(
      text(try images.squeezed(nil).reshaped([2, 12]), labels)
        == "images are float32 with 2 axes (attacks take float images [N, 3, H, W])")
  }

  @Test("O7: 0.99 of the largest change of a linear encoder in an L2 ball", arguments: 1...4)
  func features(_ seed: Int) throws {
    let encoder = ToyModel(
      kind: .linear, shape: [3, 4, 4], classes: 12, seed: UInt64(seed))
    let (images, _) = try encoder.samples(6, .float64, margin: 0.4)
    let anchor = try encoder.classifier()(images).detached()
    let epsilon = 0.1
    var settings = AttackSettings(budget: try Budget(.l2, epsilon), seed: 4)
    settings.reporting.probes = false
    let result = try ProjectedGradientDescent(steps: 50, step: 10 * epsilon).maximize(
      { batch, rows, _ in
        let own = try anchor.indexSelected(0, Tensor(rows.map { Int64($0) }, shape: [rows.count]))
        return try (encoder.classifier()(batch) - own).square().sum(axes: [1])
      }, images: images, settings: settings)
    // Long steps make the ascent a power iteration. The largest singular value, by power iteration on Wᵀ W.
    let (weights, rows, columns) = (encoder.linearWeights, 12, 48)
    var vector = [Double](repeating: 1, count: columns)
    var size = 0.0
    for _ in 0..<600 {
      let image = (0..<rows).map { r in
        (0..<columns).reduce(0) { $0 + weights[r * columns + $1] * vector[$1] }
      }
      let back = (0..<columns).map { c in
        (0..<rows).reduce(0) { $0 + weights[$1 * columns + c] * image[$1] }
      }
      size = back.reduce(0) { $0 + $1 * $1 }.squareRoot()
      vector = back.map { $0 / size }
    }
    let optimum = epsilon * epsilon * size
    for loss in result.report.loss {
      #expect(loss >= 0.99 * optimum && loss <= optimum * (1 + 1e-6), "\(loss / optimum)")
    }
  }
}
