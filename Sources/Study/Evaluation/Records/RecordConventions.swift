internal import Files

/// What numbers in files mean, as the files themselves say it.
enum RecordConventions {
  /// Of lines a sample.
  static let samples: JSONValue = .record([
    "classes":
      "label, clean_prediction, prediction and target count from 0, as class_names here; scripts count from 1",
    "correct": "counts as right in the row; strictly right: clean_prediction equals label, too",
    "margin":
      "largest logit of another class minus the label's, of a targeted attack the target's minus the largest other: negative where the attack has failed",
    "loss": "the attack's loss at the result; cross-entropy where no attack ran",
    "distance": "linf, l2, l1 of the change, in pixel units of 0 ... 1",
    "quality": "ssim and psnr (decibels) of the image against the clean one",
    "missing": "what was not measured is left out",
  ])

  /// Of reports.
  static let rates: JSONValue = .record([
    "rates": "accuracies, strict, asr_drop, asr_lost and target_hit are shares in 0 ... 1",
    "eps": "pixel units of 0 ... 1",
    "quality": "ssim, psnr: means over the images that changed, psnr in decibels",
  ])

  /// Of lines a gallery image.
  static let items: JSONValue = .record([
    "ranks":
      "tr_rank, ir_ranks: foreign items in front of the best own one, 0 for a hit at 1; ties count against it",
    "missing": "what was not measured or not changed is left out",
  ])
}
