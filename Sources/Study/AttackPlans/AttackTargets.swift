package import Attacks
internal import Diagnostics
package import Files

/// What a targeted attack of an evaluation aims at.
///
/// Rows count accuracy from predictions and labels as for any other attack, and target hits beside it. A
/// sample whose target is its own label is left out, and counted as that.
package enum AttackTargets: Equatable, Sendable {
  /// The class with the smallest logit on the clean image.
  case leastLikely
  /// A class other than the label, drawn with the sample's own stream.
  case random
  /// Every class but the label in turn.
  case every
  /// One class for all samples, 0-based.
  case one(Int)
  /// A class for each image of the data set, 0-based, in its order.
  case classes([Int])

  package var json: JSONValue {
    switch self {
    case .leastLikely: return "least-likely"
    case .random: return "random"
    case .every: return "all"
    case .one(let target): return .integer(Int64(target))
    case .classes(let list): return .array(list.map { .integer(Int64($0)) })
    }
  }

  /// The targets of some samples, by their places in the data set; nil where the attack finds them.
  package func known(_ places: [Int]) -> [Int]? {
    switch self {
    case .leastLikely, .random, .every: return nil
    case .one(let target): return places.map { _ in target }
    case .classes(let list): return places.map { list[$0] }
    }
  }

  /// The criterion of an attack on some samples.
  package func criterion(_ places: [Int], labels: [Int]) -> Criterion {
    switch self {
    case .leastLikely: return .targeted(.leastLikely, labels: labels)
    case .random: return .targeted(.random, labels: labels)
    case .every: return .targeted(.all, labels: labels)
    case .one, .classes: return .targeted(.classes(known(places) ?? []), labels: labels)
    }
  }

  /// Refuses classes that the data do not have, and lists of another length.
  package func check(_ name: String, classes: Int, samples: Int) throws {
    var list: [Int] = []
    if case .one(let target) = self { list = [target] }
    if case .classes(let targets) = self {
      list = targets
      guard list.count == samples else {
        throw KilpiError(
          "\(name): there are \(list.count) targets for \(samples) images",
          advice: "give one for each image of data, in its order, or one class for all")
      }
    }
    if let wrong = list.first(where: { !(0..<classes).contains($0) }) {
      throw KilpiError("\(name): target \(wrong + 1) is outside 1 … \(classes), the classes")
    }
  }
}
