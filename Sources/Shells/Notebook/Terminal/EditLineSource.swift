internal import CEditLine
internal import CInterrupt

/// Blocks typed at a terminal, edited with libedit.
///
/// Keys that know of blocks, history or completion are answered here; moving, deleting, killing and
/// drawing stay libedit's.
package final class EditLineSource: LineSource {
  private let callbacks: EditingCallbacks
  private let history: HistoryFile
  private let palette: Palette
  private let prompt: String
  private let columns: () -> Int
  private var editor: OpaquePointer?

  private var walk: HistoryWalk?
  private var wasInterrupted = false
  private var accepted = ""
  /// The text after the last Tab; a second Tab on the same text lists.
  private var textAfterTab: EditText?
  private var pendingList = ""
  private var cursorBeforeList = 0

  /// Opens the editor; nil when the terminal cannot do it.
  package init?(
    prompt: String = ">> ", palette: Palette, history: HistoryFile, columns: @escaping () -> Int,
    callbacks: EditingCallbacks
  ) {
    self.callbacks = callbacks
    self.history = history
    self.palette = palette
    self.prompt = prompt
    self.columns = columns
    kilpi_terminal_remember()
    let me = Unmanaged.passUnretained(self).toOpaque()
    editor = kilpi_editor_open(
      "kilpi",
      { context, key in
        guard let context else { return Int32(KILPI_ANSWER_NONE.rawValue) }
        let source = Unmanaged<EditLineSource>.fromOpaque(context).takeUnretainedValue()
        return Int32(source.answer(UInt32(bitPattern: key)).rawValue)
      },
      { _ in
        guard kilpi_interrupt_pending() else { return false }
        kilpi_interrupt_clear()
        return true
      }, me)
    if editor == nil { return nil }
  }

  deinit { close() }

  /// Leaves the terminal as it was.
  package func close() {
    guard let open = editor else { return }
    editor = nil
    kilpi_editor_close(open)
  }

  /// Remembers a block.
  package func addHistory(_ text: String) { history.add(text) }

  /// Reads one whole block.
  package func readBlock() -> LineInput {
    guard let editor else { return .end }
    walk = nil
    wasInterrupted = false
    accepted = ""
    textAfterTab = nil
    setPrompt(editor, prompt, palette.prompt)
    startLine()
    defer { StandardStream.othersWrite() }
    // A fault in here happens in no call of Lua's.
    let place = "the line editor"
    kilpi_interrupt_enter(place, place.utf8.count)
    defer { kilpi_interrupt_leave() }
    guard kilpi_editor_read(editor) else {
      StandardStream.output.write("\n")
      return .end
    }
    if wasInterrupted { return .interrupted(hadText: !accepted.isEmpty) }
    return .block(accepted)
  }

  private func startLine() {
    StandardStream.output.startLine()
    StandardStream.output.startLineWhateverIsThere()
    StandardStream.output.draw("\u{1B}[K")
    StandardStream.output.flush()
  }

  /// Sets a prompt that ends in a space; the space stays uncoloured, since libedit ties an escape
  /// to the character behind it and would drop a last one.
  private func setPrompt(_ editor: OpaquePointer, _ text: String, _ color: (String) -> String) {
    kilpi_editor_set_prompt(editor, escaped(color(String(text.dropLast()))) + " ")
  }

  /// Marks escape sequences as taking no room.
  private func escaped(_ text: String) -> String {
    guard palette.isOn else { return text }
    var result = ""
    var isInside = false
    for character in text {
      if character == "\u{1B}" {
        result += "\u{1}"
        isInside = true
      }
      result.append(character)
      if isInside, character == "m" {
        result += "\u{1}"
        isInside = false
      }
    }
    return result
  }

  // MARK: Keys

  private func answer(_ key: UInt32) -> kilpi_answer {
    guard let editor else { return KILPI_ANSWER_END }
    var state = current(editor)
    let before = state
    if key != KILPI_KEY_TAB.rawValue, key != KILPI_KEY_LIST.rawValue { textAfterTab = nil }
    switch kilpi_key(rawValue: key) {
    case KILPI_KEY_ENTER:
      return enter(editor, state)
    case KILPI_KEY_NEWLINE:
      state.breakLine()
    case KILPI_KEY_TAB:
      return tab(editor, state)
    case KILPI_KEY_LIST:
      showList(editor)
      return KILPI_ANSWER_NONE
    case KILPI_KEY_UP:
      if !state.moveUp() {
        guard let older = recall(state, { $0.older() }) else { return KILPI_ANSWER_BEEP }
        state = EditText(older)
      }
    case KILPI_KEY_DOWN:
      if !state.moveDown() {
        guard let newer = recall(state, { $0.newer() }) else { return KILPI_ANSWER_BEEP }
        state = EditText(newer)
      }
    case KILPI_KEY_OLDER, KILPI_KEY_NEWER:
      let prefix = state.beforeCursor
      let isOlder = key == KILPI_KEY_OLDER.rawValue
      let found = recall(state) {
        isOlder ? $0.older(beginning: prefix) : $0.newer(beginning: prefix)
      }
      guard let found else { return KILPI_ANSWER_BEEP }
      state = EditText(found, cursor: state.cursor)
    case KILPI_KEY_INTERRUPT:
      return interrupt(editor, state)
    case KILPI_KEY_END:
      if state.scalars.isEmpty { return KILPI_ANSWER_END }
      if !state.deleteForward() { return KILPI_ANSWER_BEEP }
    case KILPI_KEY_SEARCH:
      return search(editor, state)
    case KILPI_KEY_PASTE:
      state.insert(pasted(editor))
    case KILPI_KEY_LINE_START:
      state.moveToLineStart()
    case KILPI_KEY_LINE_END:
      state.moveToLineEnd()
    case KILPI_KEY_BACKSPACE:
      if !state.deleteBackward() { return KILPI_ANSWER_BEEP }
    case KILPI_KEY_SUSPEND:
      kilpi_terminal_suspend()
      kilpi_editor_draw_again(editor)
      return KILPI_ANSWER_NONE
    default:
      return KILPI_ANSWER_NONE
    }
    update(editor, from: before, to: state)
    return KILPI_ANSWER_REFRESH
  }

  private func current(_ editor: OpaquePointer) -> EditText {
    var length = 0
    var cursor = 0
    guard let text = kilpi_editor_text(editor, &length, &cursor) else { return EditText("") }
    let scalars = UnsafeBufferPointer(start: text, count: length).map {
      Unicode.Scalar($0) ?? "\u{FFFD}"
    }
    return EditText(scalars, cursor: cursor)
  }

  private func update(_ editor: OpaquePointer, from old: EditText, to new: EditText) {
    if old.scalars == new.scalars {
      kilpi_editor_move(editor, Int32(new.cursor - old.cursor))
    } else {
      kilpi_editor_replace(editor, new.text, new.cursor)
    }
  }

  private func enter(_ editor: OpaquePointer, _ state: EditText) -> kilpi_answer {
    let text = state.text
    if callbacks.isIncomplete(text) {
      var broken = state
      broken.breakLine()
      update(editor, from: state, to: broken)
      return KILPI_ANSWER_REFRESH
    }
    var finished = state
    if finished.isAtEnd { finished.outdentClosingLine() }
    update(editor, from: state, to: finished)
    accepted = finished.text
    kilpi_editor_push_accept(editor)
    return KILPI_ANSWER_REFRESH
  }

  private func interrupt(_ editor: OpaquePointer, _ state: EditText) -> kilpi_answer {
    accepted = state.text
    wasInterrupted = true
    var marked = EditText(state.scalars, cursor: state.scalars.count)
    marked.insert("^C")
    update(editor, from: state, to: marked)
    kilpi_editor_push_accept(editor)
    return KILPI_ANSWER_REFRESH
  }

  private func recall(
    _ state: EditText, _ step: (inout HistoryWalk) -> String?
  ) -> String? {
    var walk = self.walk ?? HistoryWalk(history.entries.map(\.text), draft: state.text)
    walk.keep(state.text)
    defer { self.walk = walk }
    return step(&walk)
  }

  /// What a terminal sends between the marks of a bracketed paste.
  private func pasted(_ editor: OpaquePointer) -> String {
    let endMark = Array("\u{1B}[201~".unicodeScalars)
    var scalars: [Unicode.Scalar] = []
    while true {
      let next = kilpi_editor_next(editor)
      guard next != 0, let scalar = Unicode.Scalar(next) else { break }
      // A lost end mark would take all typing for the paste: a press with nothing behind it ends it.
      if next == 3, kilpi_editor_is_quiet(editor, 50) { break }
      scalars.append(scalar)
      if scalar == "~", scalars.suffix(endMark.count).elementsEqual(endMark) {
        scalars.removeLast(endMark.count)
        break
      }
    }
    return PastedText.cleaned(scalars)
  }

  // MARK: Completion

  private func tab(_ editor: OpaquePointer, _ state: EditText) -> kilpi_answer {
    if state.lineBeforeCursor.allSatisfy({ $0 == " " || $0 == "\t" }), !state.scalars.isEmpty {
      var indented = state
      indented.insert("  ")
      update(editor, from: state, to: indented)
      return KILPI_ANSWER_REFRESH
    }
    let completion = callbacks.complete(state.text, state.byteCursor)
    if state == textAfterTab { return list(editor, state, completion) }
    var completed = state
    let typed = state.byteCursor - completion.start
    let insertion = completion.insertion
    if !completion.items.isEmpty, insertion.utf8.count >= typed {
      completed.replace(fromByte: completion.start, with: insertion)
    }
    textAfterTab = completed
    if completed == state { return KILPI_ANSWER_BEEP }
    update(editor, from: state, to: completed)
    return KILPI_ANSWER_REFRESH
  }

  private func list(
    _ editor: OpaquePointer, _ state: EditText, _ completion: Completion
  ) -> kilpi_answer {
    let isChoice = completion.items.count > 1
    // Where every name is possible, what the call takes says more.
    let wantsSignature = !isChoice || completion.isAnything
    if wantsSignature, let signature = callbacks.signature(state.text, state.byteCursor) {
      pendingList = signature
    } else if isChoice {
      pendingList = completion.columns(width: columns())
    } else {
      return KILPI_ANSWER_BEEP
    }
    cursorBeforeList = state.cursor
    // The list goes below the block: the cursor must be drawn at its end first.
    kilpi_editor_move(editor, Int32(state.scalars.count - state.cursor))
    kilpi_editor_push_list(editor)
    return KILPI_ANSWER_REFRESH
  }

  private func showList(_ editor: OpaquePointer) {
    StandardStream.output.write("\n" + palette.faint(pendingList) + "\n")
    StandardStream.output.flush()
    let state = current(editor)
    kilpi_editor_move(editor, Int32(cursorBeforeList - state.cursor))
    kilpi_editor_draw_again(editor)
  }

  // MARK: Search

  /// Ctrl-R: a search backwards that grows with each character.
  private func search(_ editor: OpaquePointer, _ state: EditText) -> kilpi_answer {
    var walk = HistoryWalk(history.entries.map(\.text), draft: state.text)
    var query = ""
    var shown = EditText(state.scalars, cursor: state.scalars.count)
    var rows = rowsAbove(prompt + state.beforeCursor)
    var failed = false
    var key: UInt32 = 0
    while true {
      let label = (failed ? "(no such input) `" : "(search) `") + query + "': "
      setPrompt(editor, label, palette.faint)
      kilpi_editor_replace(editor, shown.text, shown.scalars.count)
      kilpi_editor_refresh(editor, Int32(rows))
      rows = rowsAbove(label + shown.text)
      key = kilpi_editor_next(editor)
      let found: String?
      switch key {
      case 18:  // Ctrl-R: older
        found = walk.search(query, skippingCurrent: true)
      case 8, 127:
        query = String(query.dropLast())
        walk = HistoryWalk(history.entries.map(\.text), draft: state.text)
        found = query.isEmpty ? state.text : walk.search(query, skippingCurrent: false)
      case 32...:
        guard let scalar = Unicode.Scalar(key) else { continue }
        query.unicodeScalars.append(scalar)
        found = walk.search(query, skippingCurrent: false)
      default:
        return leaveSearch(editor, key, original: state, shown: shown, walk: walk, rows: rows)
      }
      failed = found == nil
      if let found { shown = EditText(found) }
    }
  }

  private func leaveSearch(
    _ editor: OpaquePointer, _ key: UInt32, original: EditText, shown: EditText, walk: HistoryWalk,
    rows: Int
  ) -> kilpi_answer {
    let isCancelled = key == 3 || key == 7 || key == 0
    let result = isCancelled ? original : shown
    if !isCancelled { self.walk = walk }
    setPrompt(editor, prompt, palette.prompt)
    kilpi_editor_replace(editor, result.text, result.cursor)
    kilpi_editor_refresh(editor, Int32(rows))
    // Any other key leaves the search and does what it always does.
    if !isCancelled { kilpi_editor_push(editor, key) }
    return KILPI_ANSWER_NONE
  }

  /// Screen rows between the first one of a text and its end.
  private func rowsAbove(_ text: String) -> Int {
    let width = max(1, columns())
    var rows = -1
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      rows += 1 + Terminal.width(String(line)) / width
    }
    return rows
  }
}
