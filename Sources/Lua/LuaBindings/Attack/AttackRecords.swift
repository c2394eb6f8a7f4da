internal import Attacks
internal import LuaHost

/// Reports of attacks as scripts read them.
enum AttackRecords {
  static func record(_ report: AttackReport) -> LuaRecord {
    var record: LuaRecord = [
      "attack": report.attack, "budget": report.budget.description,
      "success": report.success, "clean_correct": report.cleanCorrect,
      "prediction": report.prediction.map { $0 + 1 }, "loss": report.loss, "margin": report.margin,
      "clean_accuracy": report.cleanAccuracy, "robust_accuracy": report.robustAccuracy,
      "strict_accuracy": report.strictAccuracy,
      "distance": [
        "linf": report.distance.linf, "l2": report.distance.l2, "l1": report.distance.l1,
      ] as LuaRecord,
      "quality": ["ssim": report.quality.ssim, "psnr": report.quality.psnr] as LuaRecord,
      "queries": [
        "forward": report.forwards.reduce(0, +), "backward": report.backwards.reduce(0, +),
      ] as LuaRecord,
      "flags": report.flags.map { "\($0.kind.rawValue): \($0.detail)" }, "seconds": report.seconds,
    ]
    if let nearest = report.nearest {
      record["nearest"] = nearest
      record["within_eps"] = report.shareWithinBudget
    }
    if !report.stages.isEmpty {
      record["stages"] = LuaList(
        report.stages.map { stage -> LuaRecord in
          ["name": stage.name, "attacked": stage.attacked, "broken": stage.broken]
        })
    }
    if let targets = report.targets { record["targets"] = targets.map { $0 + 1 } }
    if let hits = report.targetHit {
      record["target_hit"] = hits
      record["target_hit_rate"] = report.targetHitRate
      record["left_out"] = report.leftOut.map { $0 + 1 }
    }
    if let trace = report.trace {
      record["trace"] = ["loss": trace.loss, "margin": trace.margin] as LuaRecord
    }
    return record
  }

  static func record(_ report: TextReport) -> LuaRecord {
    let results = report.results.map { result -> LuaRecord in
      var record: LuaRecord = [
        "original": result.original, "adversarial": result.adversarial,
        "objective_before": result.objectiveBefore, "objective_after": result.objectiveAfter,
        "candidates": result.candidates, "levenshtein": result.levenshtein,
        "flags": result.flags.map(\.rawValue).sorted(),
        "edits": LuaList(
          result.edits.map { edit -> LuaRecord in
            [
              "word": edit.word + 1, "old": edit.old, "new": edit.new, "source": edit.source,
              "rank": edit.rank + 1, "hits_class": edit.hitsClass,
            ]
          }),
      ]
      if let cosine = result.cosine { record["cosine"] = cosine }
      record["queries"] = result.queries.encoded
      return record
    }
    var record: LuaRecord = [
      "results": LuaList(results),
      "queries": ["encoded": report.queries.encoded, "cached": report.queries.cached] as LuaRecord,
      "changed_share": report.changedShare, "synonym_share": report.synonymShare,
      "class_share": report.classShare,
      "source_shares": LuaRecord(
        report.sourceShares.sorted { $0.key < $1.key }.map {
          (key: $0.key, value: $0.value as any LuaConvertible)
        }),
      "dropped_shares": LuaRecord(
        report.droppedShares.map { ($0.key.rawValue, $0.value as any LuaConvertible) }.sorted {
          $0.0 < $1.0
        }.map { (key: $0.0, value: $0.1) }),
      "levenshtein": report.meanLevenshtein,
    ]
    if let cosine = report.meanCosine { record["cosine"] = cosine }
    let limits = TextLimits(report)
    if limits.isReached { record["stopped"] = self.record(limits) }
    return record
  }

  /// Searches of texts that a limit ended.
  static func record(_ limits: TextLimits) -> LuaRecord {
    ["max_queries": limits.maxQueries, "max_seconds": limits.maxSeconds]
  }
}
