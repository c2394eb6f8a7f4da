internal import AttackPlans
internal import Attacks
internal import Tensors

extension ImageAttackSpecification {
  /// What it may do to an image.
  var threat: ThreatModel {
    ThreatModel(
      settings.threat.budget, isOnEightBitLevels: settings.threat.isOnEightBitLevels,
      mask: (mask ?? commonMask).map { Self.maskText($0) })
  }

  /// What rows say of a mask: some digits, and how many of its values are free.
  private static func maskText(_ mask: Tensor) -> String {
    let values = (try? mask.detached().doubles()) ?? []
    return
      "\(digest(mask).prefix(8)) (\(values.count { $0 != 0 }) of \(values.count) free)"
  }
}
