package import AttackPlans
internal import Attacks
internal import Tensors

// Described attacks inside training: other random draws at each step.

extension ImageAttackSpecification {
  /// The attack inside training: exactly its steps, a new random start each step, no verdict pass.
  package var trainer: ImageAttacker {
    { classifier, images, labels, sampleIDs, step in
      var settings = self.settings.forTraining()
      settings.search.sampleIDs = sampleIDs
      settings.reporting.progress = nil
      settings.search.seed = seed(settings.search.seed, step: step)
      return try attack.run(
        classifier, images: images, criterion: .misclassified(labels), settings: settings
      ).images
    }
  }
}

extension TextAttackSpecification {
  /// The attack inside training: each distinct text of the batch once, other draws at each step.
  package var trainer: TextAttacker {
    { encoder, texts, step in
      var attack = self.attack
      attack.progress = nil
      attack.random = RandomSource(seed: seed(attack.random.seed, step: step))
      attack.sampleIDs = texts.map(\.number)
      let prompts = try texts.map { text in
        guard let prompt = text.prompt else { return TextPrompt(text.text) }
        return try TextPrompt(template: prompt.template, className: prompt.className)
      }
      return try attack.perturb(prompts, encoder: encoder).texts
    }
  }
}

/// A seed of its own for every training step.
private func seed(_ seed: UInt64, step: Int) -> UInt64 {
  seed &+ 0x9E37_79B9_7F4A_7C15 &* UInt64(step + 1)
}
