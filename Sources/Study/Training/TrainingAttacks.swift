package import AttackPlans
internal import Attacks
internal import Diagnostics
internal import Tensors

// Described attacks inside training: other random draws at each step.

extension ImageAttackSpecification {
  /// The attack inside training: exactly its steps, a new random start each step, no verdict pass.
  package var trainer: ImageAttacker {
    { target, images, sampleIDs, step in
      var settings = self.settings.forTraining()
      settings.search.sampleIDs = sampleIDs
      settings.reporting.progress = nil
      settings.search.seed = seed(settings.search.seed, step: step)
      settings.search.startPoints = target.start ?? settings.search.startPoints
      switch target.kind {
      case .classifier(let classifier, let labels):
        return try attack.run(
          classifier, images: images, criterion: .misclassified(labels), settings: settings
        ).images
      case .loss(let loss):
        guard let ball = attack as? any FixedBudgetAttack else {
          throw KilpiError(
            "\(attack.name) follows a classifier, the method's inner attack has none",
            advice: "use an attack within a budget, such as pgd")
        }
        return try ball.maximize(loss, images: images, settings: settings).images
      }
    }
  }
}

extension TextAttackSpecification {
  /// The attack inside training: each distinct text of the batch once, other draws at each step.
  package var trainer: TextAttacker {
    { target, texts, step in
      var attack = self.attack
      attack.progress = nil
      attack.random = RandomSource(seed: seed(attack.random.seed, step: step))
      attack.sampleIDs = texts.map(\.number)
      let prompts = try texts.map { text in
        guard let prompt = text.prompt else { return TextPrompt(text.text) }
        return try TextPrompt(template: prompt.template, className: prompt.className)
      }
      if let reference = target.reference { attack.objective = .l2(reference: reference) }
      return try attack.perturb(prompts, encoder: target.encoder).texts
    }
  }
}

/// A seed of its own for every training step.
private func seed(_ seed: UInt64, step: Int) -> UInt64 {
  seed &+ 0x9E37_79B9_7F4A_7C15 &* UInt64(step + 1)
}
