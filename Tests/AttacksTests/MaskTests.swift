import Attacks
import Diagnostics
import Tensors
import Testing

/// Pixels that a mask holds keep their bits at every point that is visited.
struct MaskCheck {
  var model: ToyModel
  var norm: Norm
  var dtype = DType.float32
  var count = 5
  /// The check itself must fail where an attack ignores the mask.
  var isIgnored = false

  /// A mask of each sample's own in all channels; the last sample's is empty.
  var mask: Tensor {
    get throws {
      var stream = RandomSource(seed: 3).stream(.subset)
      let (height, width) = (model.shape[1], model.shape[2])
      let values = (0..<count * height * width).map { index -> Int64 in
        index >= (count - 1) * height * width || stream.uniform() < 0.5 ? 0 : 1
      }
      return try Tensor(values, shape: [count, 1, height, width])
    }
  }

  /// Images whose held pixels are negative zeros or off every 8-bit level in places, and labels.
  func samples(_ held: [Int64], isOnLevels: Bool) throws -> (images: Tensor, labels: [Int]) {
    var model = model
    if isOnLevels { model.pixels = .levels }
    let (images, _) = try model.samples(count, dtype, margin: isOnLevels ? 0 : 0.1)
    var values = try images.doubles()
    for index in values.indices where held[index] == 0 && index % 3 == 0 { values[index] = -0.0 }
    // Off every level.
    for index in values.indices where held[index] == 0 && index % 3 == 1 {
      values[index] = 0.1234
    }
    let changed = try Tensor(values, shape: images.shape).converted(to: dtype)
    // All are right when clean, so that there is something to attack.
    let labels = try model.classifier()(changed).argmax(axis: 1).integers().map { Int($0) }
    return (changed, labels)
  }

  /// What is violated by a run of an attack with a budget, or without a limit.
  func violations(
    _ attack: any ImageAttack, epsilon: Double?, showsCopies: Bool = false,
    _ change: (inout AttackSettings) throws -> Void = { _ in }
  ) throws -> [String] {
    let mask = try mask
    let shape = [count] + model.shape
    let flags = try mask.expanded(shape).contiguous().integers()
    let budget = try epsilon.map { try Budget(norm, $0) } ?? .unlimited(norm)
    var settings = AttackSettings(budget: budget, seed: 2)
    try change(&settings)
    let (images, labels) = try samples(flags, isOnLevels: settings.threat.isOnEightBitLevels)
    if !isIgnored { settings.threat.mask = try PixelMask(mask) }
    let spy = Spy(model.classifier(scale: 4))
    let result = try attack.run(
      spy.see, images: images, criterion: .misclassified(labels), settings: settings)
    let clean = try bits(images)
    let width = clean.count / count
    // Every batch holds whole samples, whichever are left; they are known by their held pixels.
    func isHeld(_ batch: Tensor) throws -> Bool {
      let values = try bits(batch)
      return (0..<batch.shape[0]).allSatisfy { place in
        (0..<count).contains { sample in
          (0..<width).allSatisfy {
            flags[sample * width + $0] == 1
              || values[place * width + $0] == clean[sample * width + $0]
          }
        }
      }
    }
    var found: [String] = []
    let held = try spy.batches.filter(isHeld).count
    if !showsCopies, held < spy.batches.count {
      found.append("\(spy.batches.count - held) of \(spy.batches.count) points move held pixels")
    }
    if held < 3 { found.append("only \(held) points") }
    let moved = try bits(result.images)
    for index in clean.indices where flags[index] == 0 && clean[index] != moved[index] {
      found.append("the result moves held pixel \(index)")
      break
    }
    if moved == clean { found.append("nothing moved") }
    let last = (count - 1) * width..<count * width
    if moved[last] != clean[last] { found.append("an empty mask moved") }
    if let epsilon {
      let distances = try Distances(from: images, to: result.images)[norm]
      if !distances.allSatisfy({ $0 <= epsilon }) { found.append("beyond eps: \(distances)") }
    }
    return found
  }
}

@Suite struct MaskTests {
  static let model = ToyModel(kind: .gelu, shape: [3, 4, 3], classes: 5, seed: 3)
  static let small = ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 5, seed: 3)

  struct Row: CustomTestStringConvertible, Sendable {
    var attack: AttackCase
    var norm: Norm
    var dtype: DType
    var testDescription: String { "\(attack.id) \(norm.rawValue) \(dtype.rawValue)" }
  }

  static let rows = AttackCase.all.flatMap { attack in
    attack.norms.flatMap { norm in
      [DType.float32, .float64].map { Row(attack: attack, norm: norm, dtype: $0) }
    }
  }

  static func epsilon(_ norm: Norm) -> Double {
    switch norm {
    case .linf: return 0.11
    case .l2: return 0.3
    case .l1: return 0.7
    }
  }

  private func check(_ row: Row) -> MaskCheck {
    MaskCheck(model: Self.model, norm: row.norm, dtype: row.dtype)
  }

  private func found(
    _ row: Row, _ change: (inout AttackSettings) throws -> Void = { _ in }
  ) throws -> [String] {
    try check(row).violations(
      row.attack.attack, epsilon: Self.epsilon(row.norm), showsCopies: row.attack.showsCopies,
      change
    )
  }

  @Test("held pixels keep their bits: every attack with a budget", arguments: rows)
  func withinBudget(_ row: Row) throws {
    #expect(try found(row) == [])
    #expect(try found(row) { $0.reporting.probes = false } == [])
  }

  @Test("with restarts, early ends, parts and the last point", arguments: rows)
  func modes(_ row: Row) throws {
    #expect(
      try found(row) {
        $0.search.restarts = 3
        $0.search.keep = .best
        $0.reporting.probes = false
      } == [])
    #expect(
      try found(row) {
        $0.search.stopsEarly = true
        $0.search.batch = 2
        $0.reporting.probes = false
      } == [])
    #expect(
      try found(row) {
        $0.search.keep = .last
        $0.reporting.probes = false
      } == [])
  }

  @Test(
    "on 8-bit levels, where held pixels may be off them",
    arguments: rows.filter { $0.dtype == .float32 })
  func levels(_ row: Row) throws {
    #expect(
      try found(row) {
        $0.threat.isOnEightBitLevels = true
        $0.reporting.probes = false
        $0.search.keep = .best
      } == [])
  }

  struct Nearest: CustomTestStringConvertible, Sendable {
    var attack: NearestCase
    var norm: Norm
    var dtype: DType
    var testDescription: String { "\(attack.id) \(norm.rawValue) \(dtype.rawValue)" }
  }

  static let minimum = NearestCase.all.flatMap { attack in
    attack.norms.flatMap { norm in
      [DType.float32, .float64].map { Nearest(attack: attack, norm: norm, dtype: $0) }
    }
  }

  @Test("held pixels keep their bits: every minimum-norm attack", arguments: minimum)
  func minimumNorm(_ row: Nearest) throws {
    let check = MaskCheck(model: Self.model, norm: row.norm, dtype: row.dtype)
    #expect(try check.violations(row.attack.attack, epsilon: nil) == [])
    #expect(
      try check.violations(row.attack.attack, epsilon: nil) {
        $0.search.restarts = 2
        $0.search.batch = 3
        $0.reporting.probes = false
      } == [])
    #expect(
      try check.violations(row.attack.attack, epsilon: 0.9) {
        $0.threat.isWithinBudgetOnly = true
        $0.search.stopsEarly = true
        $0.reporting.probes = false
      } == [])
  }

  @Test("held pixels keep their bits: AutoAttack", arguments: AutoAttack.Version.allCases)
  func ensemble(_ version: AutoAttack.Version) throws {
    for norm in Norm.allCases {
      let check = MaskCheck(model: Self.small, norm: norm)
      let attack = AutoAttack(version, steps: 10, queries: 20)
      let found = try check.violations(attack, epsilon: Self.epsilon(norm))
      #expect(found == [], "\(norm)")
    }
  }

  @Test("negative control: an attack that ignores the mask is caught", arguments: rows)
  func control(_ row: Row) throws {
    var check = check(row)
    check.isIgnored = true
    let found = try check.violations(row.attack.attack, epsilon: Self.epsilon(row.norm)) {
      $0.reporting.probes = false
      $0.search.keep = .last
    }
    #expect(found.contains { $0.hasPrefix("the result moves held pixel") })
  }

  @Test("every form of a mask means the same pixels")
  func forms() throws {
    let (images, labels) = try Self.model.samples(3)
    let plane = try Tensor([1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1] as [Int64], shape: [4, 3])
    func moved(_ mask: Tensor?) throws -> [UInt64] {
      var settings = AttackSettings(budget: try Budget(.l2, 0.3), seed: 2)
      settings.reporting.probes = false
      settings.threat.mask = try mask.map { try PixelMask($0) }
      return try bits(
        ProjectedGradientDescent(steps: 3).run(
          Self.model.classifier(), images: images, criterion: .misclassified(labels),
          settings: settings
        ).images)
    }
    let reference = try moved(plane)
    let whole = try plane.expanded([3, 3, 4, 3]).contiguous()
    for form in [
      try plane.reshaped([1, 4, 3]), try plane.reshaped([1, 1, 4, 3]),
      try plane.expanded([3, 4, 3]).contiguous(), try plane.expanded([3, 1, 4, 3]).contiguous(),
      whole, try whole.converted(to: .float32), try plane.converted(to: .float64),
    ] {
      #expect(try moved(form) == reference)
    }
    // A mask of ones is none.
    #expect(try moved(Tensor.ones([4, 3], .int64)) == moved(nil))
    #expect(try moved(Tensor.zeros([4, 3], .int64)) == bits(images))
  }

  /// On a linear model the best masked change spends the budget on the free pixels alone.
  @Test("O1: the optimum among the free pixels", arguments: Norm.allCases)
  func optimum(_ norm: Norm) throws {
    let model = ToyModel(kind: .linear, shape: [3, 3, 3], classes: 2, seed: 4)
    let (images, labels) = try model.samples(3, .float64, margin: 0.3)
    let plane = try Tensor([1, 0, 0, 1, 0, 0, 0, 1, 0] as [Int64], shape: [3, 3])
    let epsilon = 0.05
    var settings = AttackSettings(budget: try Budget(norm, epsilon))
    settings.reporting.probes = false
    settings.search.loss = .margin(clamp: nil)
    settings.threat.mask = try PixelMask(plane)
    let result = try FastGradientSign().run(
      model.classifier(), images: images, criterion: .misclassified(labels), settings: settings)
    let flags = try plane.expanded([3, 3, 3]).contiguous().integers()
    let change = zip(try result.images.doubles(), try images.doubles()).map { $0 - $1 }
    for (sample, label) in labels.enumerated() {
      let slope = zip(OracleTests.slope(model, label), flags).map { $0 * Double($1) }
      let gained = slope.indices.reduce(0) { $0 + slope[$1] * change[sample * 27 + $1] }
      let size: Double
      switch norm {
      case .linf: size = slope.reduce(0) { $0 + abs($1) }
      case .l2: size = slope.reduce(0) { $0 + $1 * $1 }.squareRoot()
      case .l1: size = slope.reduce(0) { max($0, abs($1)) }
      }
      #expect(abs(gained / (epsilon * size) - 1) < 1e-9)
    }
  }

  @Test("a universal perturbation keeps to its mask", arguments: [Norm.linf, .l2])
  func universal(_ norm: Norm) throws {
    let (images, labels) = try Self.model.samples(6)
    let plane = try Tensor([1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1] as [Int64], shape: [4, 3])
    for mask in [plane, try plane.expanded([6, 1, 4, 3]).contiguous()] {
      var settings = SharedSettings(seed: 1)
      settings.batch = 3
      settings.mask = try PixelMask(mask)
      let spy = Spy(Self.model.classifier())
      let result = try UniversalPerturbation(epochs: 2).run(
        spy.see, LabelledSource(images, labels: labels), budget: Budget(norm, 0.2),
        settings: settings)
      let flags = try plane.expanded([3, 4, 3]).contiguous().integers()
      let change = try result.change.doubles()
      #expect(flags.indices.allSatisfy { flags[$0] == 1 || change[$0] == 0 })
      #expect(change.contains { $0 != 0 })
      let clean = try bits(images)
      for batch in spy.batches {
        let values = try bits(batch)
        for place in 0..<batch.shape[0] {
          #expect(
            (0..<6).contains { sample in
              (0..<36).allSatisfy {
                flags[$0] == 1 || values[place * 36 + $0] == clean[sample * 36 + $0]
              }
            })
        }
      }
    }
  }

  @Test("targets in turn take their samples' part of the mask")
  func targetsInTurn() throws {
    let check = MaskCheck(model: Self.model, norm: .linf)
    let mask = try check.mask
    let flags = try mask.expanded([5, 3, 4, 3]).contiguous().integers()
    let (images, labels) = try check.samples(flags, isOnLevels: false)
    var settings = AttackSettings(budget: try Budget(.linf, 0.1))
    settings.threat.mask = try PixelMask(mask)
    settings.search.stopsEarly = true
    let result = try ProjectedGradientDescent(steps: 3).run(
      Self.model.classifier(scale: 4), images: images,
      criterion: .targeted(.all, labels: labels), settings: settings)
    let (before, after) = (try bits(images), try bits(result.images))
    #expect(flags.indices.allSatisfy { flags[$0] == 1 || before[$0] == after[$0] })
    #expect(before != after)
  }

  static let refusals: [(mask: [Int], values: Double, text: String)] = [
    (
      [3], 1,
      "mask has shape [3] (a mask is [H, W], [C, H, W], [N, 1, H, W] or [N, C, H, W])"
    ),
    (
      [3, 4], 1,
      "mask has shape [1, 1, 3, 4], the images [2, 3, 4, 3] (a mask is [H, W], [C, H, W], "
        + "[N, 1, H, W] or [N, C, H, W])"
    ),
    (
      [2, 4, 3], 1,
      "mask has shape [1, 2, 4, 3], the images [2, 3, 4, 3] (a mask is [H, W], [C, H, W], "
        + "[N, 1, H, W] or [N, C, H, W])"
    ),
    (
      [3, 1, 4, 3], 1,
      "mask has shape [3, 1, 4, 3], the images [2, 3, 4, 3] (a mask is [H, W], [C, H, W], "
        + "[N, 1, H, W] or [N, C, H, W])"
    ),
    (
      [4, 3], 0.5,
      "mask holds 0.5, not only 0 and 1 (1: the pixel may change, 0: it stays)"
    ),
    (
      [4, 3], .nan, "mask holds nan, not only 0 and 1 (1: the pixel may change, 0: it stays)"
    ),
  ]

  @Test("what is no mask is refused", arguments: refusals.indices)
  func isRefused(_ index: Int) throws {
    let row = Self.refusals[index]
    let (images, labels) = try Self.model.samples(2)
    let text = message {
      var settings = AttackSettings()
      settings.threat.mask = try PixelMask(Tensor.full(row.mask, row.values, .float64))
      _ = try ProjectedGradientDescent(steps: 1).run(
        Self.model.classifier(), images: images, criterion: .misclassified(labels),
        settings: settings)
    }
    #expect(text == row.text)
  }
}
