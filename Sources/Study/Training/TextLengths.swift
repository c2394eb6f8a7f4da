package import ClipModels
package import Datasets

extension ClipModel {
  /// Checks before long work that every caption of a set fits the context, unless long texts are cut.
  ///
  /// - Throws: `KilpiError` that names the first sample whose caption is too long, with its id.
  package func checkCaptions(of data: Dataset) throws {
    if truncatesTexts || !data.hasCaptions { return }
    for index in 0..<data.count {
      let id = try data.id(at: index)
      try checkFit(data.captions(at: index)) { _ in
        "the caption of sample \(index + 1) (id '\(id.prefix(60))')"
      }
    }
  }
}
