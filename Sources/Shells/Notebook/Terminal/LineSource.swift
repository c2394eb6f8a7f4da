/// What came from the prompt.
package enum LineInput: Equatable, Sendable {
  /// A block to run, without the newline at its end.
  case block(String)
  /// Ctrl-C; `hadText` tells whether something was typed and is thrown away now.
  case interrupted(hadText: Bool)
  /// The end of the input, or Ctrl-D at an empty prompt.
  case end
}

/// Where the blocks that a session runs come from; the seam between editor and session.
package protocol LineSource: AnyObject {
  /// Reads one whole block.
  func readBlock() -> LineInput
  /// Remembers a block.
  func addHistory(_ text: String)
  /// Leaves the terminal as it was.
  func close()
}

/// What an editor asks of the session while a block is typed.
package struct EditingCallbacks {
  /// Whether a text needs more lines; blanks and errors do not.
  package var isIncomplete: (String) -> Bool
  /// Completions at a byte offset of a text.
  package var complete: (String, Int) -> Completion
  /// One line about the function or call that ends at a byte offset; nil when there is none.
  package var signature: (String, Int) -> String?

  /// Creates callbacks; the defaults take every line as a block of its own and complete nothing.
  package init(
    isIncomplete: @escaping (String) -> Bool = { _ in false },
    complete: @escaping (String, Int) -> Completion = { _, at in Completion(start: at, items: []) },
    signature: @escaping (String, Int) -> String? = { _, _ in nil }
  ) {
    self.isIncomplete = isIncomplete
    self.complete = complete
    self.signature = signature
  }
}
