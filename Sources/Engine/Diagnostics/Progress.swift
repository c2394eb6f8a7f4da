/// One step of long work, as floor 1 reports it; shells decide how (and whether) to show it.
public struct ProgressEvent: Sendable {
  /// What is being done, a few words: `train`, `pgd`, `evaluate`.
  public var name: String
  /// Finished units of work, from 0 to `total`.
  public var completed: Int
  /// Units of work in all, at least 1.
  public var total: Int
  /// Something worth seeing beside the bar, such as `loss 2.31`; may be empty.
  public var note: String

  /// Creates an event.
  public init(name: String, completed: Int, total: Int, note: String = "") {
    self.name = name
    self.completed = completed
    self.total = total
    self.note = note
  }
}

/// Receives progress; called on the thread that works, as often as the work likes.
public typealias ProgressHandler = (ProgressEvent) -> Void
