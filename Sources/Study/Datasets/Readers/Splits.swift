internal import Diagnostics
internal import Files

/// Splits that sets call by these names.
let knownSplits = ["train", "val", "validation", "test"]

/// The split that is taken unless another is requested; of a set without splits, all of it.
let defaultSplit = "test"

/// The error of a split that is not there.
///
/// - Parameter splits: those that are; none where the set is not split.
func noSplit(_ split: String, in folder: String, among splits: [String]) -> KilpiError {
  KilpiError(
    "there is no split '\(split)' in '\(folder)'",
    advice: splits.isEmpty
      ? "the set has no splits: leave split out" : "splits: \(splits.joined(separator: ", "))")
}

/// Entries of a set that cannot be used, by what is wrong with them: counted, and said.
struct PassedOver {
  private var kinds: [(what: String, count: Int, first: String)] = []

  /// Counts an entry.
  ///
  /// - Parameter what: of what kind such entries are, in the plural.
  mutating func add(_ what: String, _ name: String, count: Int = 1) {
    if let place = kinds.firstIndex(where: { $0.what == what }) {
      kinds[place].count += count
    } else {
      kinds.append((what, count, name))
    }
  }

  /// Counts a folder's entry that is neither a folder nor a file that can be read; false for those.
  mutating func add(_ entry: FolderEntry, at name: String) -> Bool {
    if !entry.isText {
      add("names that are not UTF-8", name)
    } else if case .unusable(let reason) = entry.kind {
      add("entries that cannot be opened (\(reason))", name)
    } else {
      return false
    }
    return true
  }

  mutating func add(_ other: PassedOver) {
    for (what, count, first) in other.kinds { add(what, first, count: count) }
  }

  /// One line a kind.
  var notes: [String] {
    kinds.map { "\($0.what) are passed over: \($0.count), such as '\($0.first)'" }
  }
}
