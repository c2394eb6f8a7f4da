internal import Diagnostics
package import Tensors

/// Which side asks and which answers.
package enum RetrievalDirection: String, Sendable, CaseIterable {
  /// An image asks for its captions (TR, "text retrieval").
  case imageToText = "tr"
  /// A caption asks for its image (IR, "image retrieval").
  case textToImage = "ir"

  /// What is found.
  var found: String { self == .imageToText ? "captions" : "images" }
}

/// Where the own items of a gallery stand when everything is sorted by score.
///
/// Definition: docs/methods/evaluation.md, section 6.6. A rank is the number of other items that
/// score at least as high as the best own one: ties are broken pessimistically, own items last. R@k is
/// the share of ranks below `k`.
package struct RetrievalRanks: Equatable, Sendable {
  /// Of each image, the captions of other images in front of its best own one.
  package let imageToText: [Int]
  /// Of each caption, the other images in front of its own.
  package let textToImage: [Int]

  /// Ranks by `⟨I, T⟩` over all images and all captions.
  ///
  /// - Parameters:
  ///   - images: features `[N, D]`.
  ///   - texts: features `[M, D]`.
  ///   - owners: of each caption its image, 0-based; every image has at least one.
  /// - Throws: `KilpiError` when sizes do not agree, an image has no caption, or a score is not
  ///   finite.
  package init(images: Tensor, texts: Tensor, owners: [Int]) throws {
    guard images.rank == 2, texts.rank == 2, images.shape[1] == texts.shape[1],
      texts.shape[0] == owners.count
    else {
      throw KilpiError(
        "features are \(images.shape) and \(texts.shape) for \(owners.count) captions")
    }
    let count = images.shape[0]
    var own = [[Int]](repeating: [], count: count)
    for (caption, owner) in owners.enumerated() {
      guard own.indices.contains(owner) else {
        throw KilpiError("caption \(caption + 1) belongs to image \(owner + 1) of \(count)")
      }
      own[owner].append(caption)
    }
    if let empty = own.firstIndex(where: \.isEmpty) {
      throw KilpiError("image \(empty + 1) has no caption")
    }
    imageToText = try Self.ranks(of: images, "image", among: texts, own: own)
    textToImage = try Self.ranks(
      of: texts, "caption", among: images, own: owners.map { [$0] })
  }

  /// Of each query the worse of its ranks in two galleries of the same items.
  func worse(_ other: RetrievalRanks) -> RetrievalRanks {
    RetrievalRanks(
      imageToText: zip(imageToText, other.imageToText).map(max),
      textToImage: zip(textToImage, other.textToImage).map(max))
  }

  private init(imageToText: [Int], textToImage: [Int]) {
    self.imageToText = imageToText
    self.textToImage = textToImage
  }

  package func ranks(_ direction: RetrievalDirection) -> [Int] {
    direction == .imageToText ? imageToText : textToImage
  }

  /// Whether each image or caption finds an own item among its first `k`.
  package func hits(_ direction: RetrievalDirection, at k: Int) -> [Bool] {
    ranks(direction).map { $0 < k }
  }

  package func recall(_ direction: RetrievalDirection, at k: Int) -> Proportion {
    Proportion(hits(direction, at: k))
  }

  /// Of each query the number of foreign answers that score at least as high as the best own one.
  private static func ranks(
    of queries: Tensor, _ what: String, among answers: Tensor, own: [[Int]]
  ) throws -> [Int] {
    var ranks: [Int] = []
    let answers = answers.detached()
    let width = answers.shape[0]
    try Tensor.withoutGradients {
      for first in stride(from: 0, to: own.count, by: 256) {
        try Interrupts.poll()
        let count = min(256, own.count - first)
        let part = try queries.detached().narrowed(0, start: first, length: count)
        let scores = try part.matmul(answers, transposeB: true).converted(to: .float32)
          .contiguous()
        // NaN is neither below nor above: it must not pass for a hit.
        try scores.checkFiniteScores(
          "scores", advice: "check the model's features of it, and of what it is compared with"
        ) { "\(what) \(first + $0 + 1)" }
        try scores.withFloats { values in
          for row in 0..<count {
            let line = UnsafeBufferPointer(rebasing: values[row * width..<(row + 1) * width])
            var best = -Float.infinity
            for answer in own[first + row] { best = max(best, line[answer]) }
            var above = 0
            for value in line where value >= best { above += 1 }
            ranks.append(above - own[first + row].count { line[$0] >= best })
          }
        }
      }
    }
    return ranks
  }
}
