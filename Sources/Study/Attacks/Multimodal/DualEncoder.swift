internal import Diagnostics
package import Tensors

/// Two encoders and a score, as multimodal attacks see a model: closures, and nothing behind them.
///
/// `logits = scale · ⟨I, T⟩ + bias`. A class has `templates` prompts, which come class by class; its
/// feature is that of its prompt, or of several prompts the mean, normalised again.
package struct DualEncoder {
  /// Images `[n, C, H, W]` to features `[n, D]` as the score takes them (L2-normalised in CLIP),
  /// with gradients to the images.
  package var image: PixelFunction
  /// Texts to features `[B, D]`, alike, without gradients; see `TextMemory`.
  package var text: TextFunction
  /// `s`, above 0.
  package var scale: Double
  /// Added to every score; only sigmoid-trained models have it.
  package var bias: Double
  /// Prompts a class, at least 1.
  package var templates: Int

  /// Puts two encoders together.
  package init(
    image: PixelFunction, text: @escaping TextFunction, scale: Double = 100,
    bias: Double = 0, templates: Int = 1
  ) {
    self.image = image
    self.text = text
    self.scale = scale
    self.bias = bias
    self.templates = templates
  }

  /// Features of classes `[C, D]`.
  ///
  /// - Throws: `KilpiError` when the prompts are no multiple of the templates.
  package func classFeatures(_ prompts: [String]) throws -> Tensor {
    guard templates >= 1, prompts.count % templates == 0 else {
      throw KilpiError("\(prompts.count) prompts do not fit \(templates) templates a class")
    }
    return try Tensor.withoutGradients {
      let all = try text(prompts)
      if templates == 1 { return all }
      return try all.reshaped([prompts.count / templates, templates, -1]).mean(axes: [1])
        .normalized()
    }
  }

  /// The classifier over class prompts that are the same for all images.
  package func classifier(_ prompts: [String]) throws -> Classifier {
    let classes = try classFeatures(prompts)
    return image.map { try scored($0.matmul(classes, transposeB: true)) }
  }

  /// Logits `[n, C]` of images whose classes are their own: `classes` is `[n, C, D]`.
  func logits(_ images: Tensor, classes: Tensor, _ pass: ModelPass) throws -> Tensor {
    try scored(classes.matmul(image[pass](images).unsqueezed(2)).squeezed(2))
  }

  /// A loss of images whose classes, `[n, C, D]`, are their own.
  func loss(_ loss: AttackLoss, classes: Tensor, _ labels: [Int]) -> SampleLoss {
    { images, rows, pass in
      try loss.values(
        logits: logits(images, classes: classes.rows(rows), pass),
        labels: Tensor(rows.map { Int64(labels[$0]) }, shape: [rows.count]), targets: nil)
    }
  }

  /// Features of images, without a gradient, some at a time.
  func features(_ images: Tensor, batch: Int = 256) throws -> Tensor {
    try Tensor.withoutGradients {
      var parts: [Tensor] = []
      for first in stride(from: 0, to: images.shape[0], by: batch) {
        try Interrupts.poll()
        let count = min(batch, images.shape[0] - first)
        parts.append(try image(images.narrowed(0, start: first, length: count).contiguous()))
      }
      return parts.count == 1 ? parts[0] : try Tensor.concatenated(parts)
    }
  }

  private func scored(_ products: Tensor) throws -> Tensor {
    bias == 0 ? try products * scale : try products * scale + bias
  }
}

/// A text encoder that remembers: each text is encoded once, however often it is asked for.
///
/// Multimodal attacks meet the same prompts again for every image and round. A memory is made for
/// one call, over weights that stay as they are.
package final class TextMemory {
  private let encoder: TextFunction
  private let batch: Int
  /// By bytes: canonically equal strings may differ in what a tokenizer makes of them.
  private var places: [[UInt8]: Int] = [:]
  private var table: Tensor?
  /// Texts encoded so far.
  package private(set) var encoded = 0

  /// A memory in front of an encoder, which is given at most `batch` texts a call.
  package init(_ encoder: @escaping TextFunction, batch: Int = 256) {
    self.encoder = encoder
    self.batch = max(batch, 1)
  }

  /// Features `[B, D]` of texts.
  package func callAsFunction(_ texts: [String]) throws -> Tensor {
    var fresh: [String] = []
    let keys = texts.map { Array($0.utf8) }
    for (text, key) in zip(texts, keys) where places[key] == nil {
      places[key] = encoded + fresh.count
      fresh.append(text)
    }
    do {
      try remember(fresh)
    } catch {
      for text in fresh { places[Array(text.utf8)] = nil }
      throw error
    }
    guard let table else { throw KilpiError("there are no texts to encode") }
    let rows = keys.map { Int64(places[$0] ?? 0) }
    return try table.indexSelected(0, Tensor(rows, shape: [rows.count]))
  }

  private func remember(_ texts: [String]) throws {
    guard !texts.isEmpty else { return }
    var parts = table.map { [$0] } ?? []
    for first in stride(from: 0, to: texts.count, by: batch) {
      try Interrupts.poll()
      let part = Array(texts[first..<min(first + batch, texts.count)])
      let features = try Tensor.withoutGradients { try encoder(part) }
      guard features.rank == 2, features.shape[0] == part.count else {
        throw KilpiError(
          "the encoder gave \(features.shape) for \(part.count) texts",
          advice: "it must give [\(part.count), D]")
      }
      parts.append(features)
    }
    table = try Tensor.withoutGradients { try Tensor.concatenated(parts) }
    encoded += texts.count
  }
}
