internal import AttackPlans
internal import Attacks
internal import Diagnostics
internal import Files
internal import Images
internal import Tensors

// Image attacks of an evaluation: who is attacked, verdicts, gates, files.

extension EvaluationRun {
  /// An attack's images and report.
  func result(
    _ attack: ImageAttackSpecification, _ classifier: Classifier, _ part: BatchPart,
    label: String
  ) throws -> AttackResult {
    var settings = try named(label) {
      try attack.settings(at: part.places, like: part.images)
    }
    settings.search.sampleIDs = part.sampleIDs
    settings.reporting.firstIndex = part.first + 1
    // The model stays the same: probes of it look at the first samples only.
    if part.first > 0 { settings.reporting.probedSamples = 0 }
    settings.reporting.progress = state.meter.handler(label, evaluation.progress)
    return try named(label) {
      try attack.attack.run(
        classifier, images: part.images,
        criterion: attack.targets?.criterion(part.places, labels: part.labels)
          ?? .misclassified(part.labels), settings: settings)
    }
  }

  /// Samples whose target is their own label: nothing is attacked, and the row does not count them.
  func leftOut(
    _ attack: ImageAttackSpecification, _ part: BatchPart, _ clean: [Score]
  ) -> [Int: SampleRecord] {
    let known = attack.targets?.known(part.places)
    var others: [Int: SampleRecord] = [:]
    for position in 0..<part.count where known?[position] == part.labels[position] {
      var record = part.record(position, clean[position], prediction: nil)
      record.isCorrect = record.isCleanCorrect
      record.target = part.labels[position]
      record.flags = [SampleRecord.targetIsLabel]
      others[position] = record
    }
    return others
  }

  /// Samples that the attack of a row does not run on, by their positions: their target is their label,
  /// they were wrong when clean, or an earlier attack of the set broke them.
  private func untouched(
    _ index: Int, _ attack: ImageAttackSpecification, _ part: BatchPart, _ clean: [Score]
  ) -> [Int: SampleRecord] {
    var others = leftOut(attack, part, clean)
    // An attack for a target would go on with what is wrong already.
    let skipsWrong =
      attack.targets != nil && !evaluation.attacksAll && plan.rows[index].kind == .image
    for position in 0..<part.count where others[position] == nil {
      let (score, label) = (clean[position], part.labels[position])
      if skipsWrong, score.prediction != label {
        var record = part.record(position, score, prediction: score.prediction)
        (record.linf, record.l2, record.l1) = (0, 0, 0)
        record.target = attack.targets?.known([part.places[position]])?.first
        record.flags = [SampleRecord.notAttacked]
        others[position] = record
      } else if let breaker = breaker(of: part.first + position, before: index) {
        others[position] = part.record(position, score, prediction: nil)
        others[position]?.flags = [SampleRecord.brokenBefore + breaker]
      }
    }
    return others
  }

  /// Runs the attack of a row over a batch, or over what earlier attacks left of it, and appends its
  /// verdicts.
  ///
  /// - Returns: images and report, when all samples were attacked.
  func attack(
    _ index: Int, _ classifier: Classifier, _ whole: BatchPart, _ clean: [Score]
  ) throws -> AttackResult? {
    guard let attack = plan.rows[index].image else { return nil }
    let others = untouched(index, attack, whole, clean)
    var moved: AttackResult?
    try fill(index, whole, except: others, judge: classifier) { part, positions in
      let result = try result(attack, classifier, part, label: rows[index].label)
      moved = result
      let samples = try verdicts(index, result, part, positions.map { clean[$0] })
      return try (
        result.images, unit(samples, result.report, result.images, attack.settings.threat.budget)
      )
    }
    return others.isEmpty ? moved : nil
  }

  /// The verdicts of an attack, with what its report says about them.
  func unit(
    _ samples: [SampleRecord], _ report: AttackReport, _ images: Tensor, _ budget: Budget
  ) throws -> EvaluationUnit {
    EvaluationUnit(
      samples: samples, flags: report.flags, problems: try report.brokenBounds(images, budget))
  }

  /// The image attack that broke a sample before row `index`, within that row's budget; wrong when clean
  /// is not broken by one.
  private func breaker(of sample: Int, before index: Int) -> String? {
    for row in plan.rows[index].nested.map({ rows[$0] }) {
      let record = row.samples[sample]
      if record.isCleanCorrect, !record.isCorrect, !record.wasBrokenBefore, !record.isLeftOut {
        return row.label
      }
    }
    return nil
  }

  private func verdicts(
    _ index: Int, _ result: AttackResult, _ part: BatchPart, _ clean: [Score]
  ) throws -> [SampleRecord] {
    let report = result.report
    guard report.isJudged, report.prediction.count == part.count else {
      throw KilpiError("\(rows[index].label): the attack gave no verdicts")
    }
    return (0..<part.count).map { position in
      var record = part.record(position, clean[position], prediction: report.prediction[position])
      record.isCorrect = counts(index, record, report.prediction[position])
      record.margin = report.margin[position]
      record.loss = report.loss[position]
      record.take(report.distance, report.quality, at: position)
      record.forwards = report.forwards[position]
      record.backwards = report.backwards[position]
      record.target = report.targets?[position]
      if !evaluation.attacksAll, !report.cleanCorrect[position] {
        record.flags.append(SampleRecord.notAttacked)
      }
      return record
    }
  }

  /// Wrong when clean is broken, whatever an attack on it (attack_all) makes of it.
  ///
  /// Where prompts are attacked, too, the images are judged by those.
  private func counts(_ index: Int, _ record: SampleRecord, _ prediction: Int) -> Bool {
    prediction == record.label && (rows[index].kind != .image || record.isCleanCorrect)
  }

  // MARK: Files

  /// The folder of a row's images: its label as a name of files, with a number where an earlier row has
  /// the same.
  private func imageFolder(_ index: Int) -> String {
    let name = FileNames.plain(rows[index].label)
    let earlier = rows[..<index].count { FileNames.plain($0.label) == name }
    return earlier == 0 ? name : "\(name)-\(earlier + 1)"
  }

  /// Writes the attacked images, reads them back, and judges what the files hold.
  func save(
    _ kind: SavedImages, _ index: Int, _ images: Tensor, _ part: BatchPart, _ positions: [Int],
    _ classifier: Classifier, _ unit: inout EvaluationUnit
  ) throws {
    guard let output = evaluation.output, let attack = plan.rows[index].image else { return }
    let (budget, label) = (attack.settings.threat.budget, rows[index].label)
    let folder = "\(output)/images/\(imageFolder(index))"
    try FileReader.makeDirectory(folder)
    for place in unit.samples.indices
    where !unit.samples[place].flags.contains(SampleRecord.notAttacked) {
      try Interrupts.poll()
      let number = String(part.first + positions[place])
      let name =
        String(repeating: "0", count: max(0, 6 - number.count)) + number + "-"
        + FileNames.plain(part.ids[place])
      let clean = try part.images.selected(0, place).contiguous()
      let image = try images.selected(0, place).contiguous()
      let reloaded = try named("\(label), sample '\(part.ids[place])'") {
        switch kind {
        case .float:
          let path = "\(folder)/\(name).safetensors"
          try Safetensors.save(["image": image], metadata: [:], to: path)
          guard let tensor = try Safetensors.load(path).tensors["image"] else {
            throw KilpiError("'\(path)' does not hold the image")
          }
          return tensor
        case .png:
          return try AdversarialImageFile.save(
            adversarial: image, clean: clean, epsilon: budget.epsilon, path: "\(folder)/\(name).png"
          ).reloaded.converted(to: image.dtype)
        }
      }
      let row = try reloaded.unsqueezed(0).contiguous()
      let one = BatchPart(
        images: row, labels: [part.labels[place]], ids: [part.ids[place]],
        sampleIDs: [part.sampleIDs[place]], first: 0)
      let score = try score(classifier, row, one, label)[0]
      let wasBroken = !unit.samples[place].isCorrect
      // The attack's loss is that of its own image.
      if score.margin != unit.samples[place].margin { unit.samples[place].loss = nil }
      unit.samples[place].prediction = score.prediction
      unit.samples[place].isCorrect = counts(index, unit.samples[place], score.prediction)
      unit.samples[place].margin = score.margin
      unit.samples[place].forwards = (unit.samples[place].forwards ?? 0) + 1
      let distances = try Distances(from: clean.unsqueezed(0), to: row)
      unit.samples[place].take(distances, try ImageQuality(clean.unsqueezed(0), row), at: 0)
      if wasBroken, unit.samples[place].isCorrect {
        unit.samples[place].flags.append(SampleRecord.lostInFile)
      }
      if !budget.holds(distances[budget.norm][0]) {
        unit.problems.append("a file holds a change beyond the budget, \(budget.description)")
      }
    }
  }
}

/// Names of files made from names of rows and samples.
enum FileNames {
  /// Letters, digits, `-`, `_` and `.`, everything else as `_`; at most 80 characters.
  static func plain(_ text: String) -> String {
    String(
      text.unicodeScalars.prefix(80).map { scalar in
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_": return Character(scalar)
        case ".": return "."
        default: return "_"
        }
      })
  }
}

extension Tensor {
  /// Runs `body` over all values as float32.
  func withPixels<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) throws -> R {
    let same = dtype == .float32 ? detached() : try detached().converted(to: .float32)
    return try same.withFloats(body)
  }

  /// CRC-32 of each row's values as float32, in hexadecimal digits.
  func rowChecksums() throws -> [String] {
    let count = shape.first ?? 0
    return try contiguous().withPixels { values in
      let width = count > 0 ? values.count / count : 0
      return (0..<count).map { row in
        let part = UnsafeBufferPointer(rebasing: values[row * width..<(row + 1) * width])
        return Checksum.digits(Checksum.crc32(UnsafeRawBufferPointer(part)))
      }
    }
  }
}
