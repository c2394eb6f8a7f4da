internal import CInterrupt
internal import Diagnostics
internal import LuaHost

extension Command {
  static var measuringCommands: [Command] {
    [
      Command(name: "time", usage: "CODE", text: "run once, with time, memory and forwards") {
        repl, code in repl.time(code)
      },
      Command(name: "timeit", usage: "CODE", text: "run several times: best, median, spread") {
        repl, code in repl.timeRepeatedly(code)
      },
      Command(name: "who", usage: "[PATTERN]", text: "your variables") { repl, pattern in
        repl.showVariables(pattern)
      },
      Command(name: "mem", usage: "", text: "memory of tensors and Lua") { repl, _ in
        repl.showMemory()
      },
    ]
  }
}

extension Repl {
  func time(_ code: String) {
    guard !code.isEmpty else { return complain(":time needs Lua code") }
    let forwards = meters.forwards()
    let requests = session.state.memory.requests
    let limit = settings.timeAbove
    settings.timeAbove = nil
    let started = now()
    runLua(code)
    let seconds = now() - started
    settings.timeAbove = limit
    var parts = ["wall \(ProgressLine.duration(seconds))"]
    if let forwards, let after = meters.forwards() { parts.append("forwards \(after - forwards)") }
    parts.append("allocations \(session.state.memory.requests - requests)")
    if let peak = meters.peakTensorBytes() {
      parts.append("tensors at most \(ProgressLine.bytes(peak))")
    }
    result(parts.joined(separator: "  "))
  }

  /// Runs a code until it has taken a second, at least three times and at most 10,000 times.
  func timeRepeatedly(_ code: String) {
    guard !code.isEmpty else { return complain(":timeit needs Lua code") }
    do {
      let function = try session.plan(code, original: code)
      var times: [Double] = []
      var total = 0.0
      while times.count < 3 || (total < 1 && times.count < 10_000) {
        let started = now()
        try function.call()
        let seconds = now() - started
        times.append(seconds)
        total += seconds
        try Interrupts.poll()
        if total > 10 { break }
      }
      times.sort()
      let count = times.count
      let spread = times[count - 1 - count / 10] - times[count / 10]
      result(
        "\(count) runs: best \(ProgressLine.duration(times[0]))  "
          + "median \(ProgressLine.duration(times[count / 2]))  "
          + "spread \(ProgressLine.duration(spread))")
    } catch let error as LuaError {
      output.remark(report.cell(error, in: session))
    } catch {
      complain("\(error)")
    }
  }

  /// Name, type and a line about each variable of the user's.
  func showVariables(_ pattern: String) {
    let pairs = (try? session.variables.pairs(limit: 10_000)) ?? []
    let found =
      pairs.compactMap { key, value in key.string.map { (name: $0, value: value) } }
      .filter { $0.name != "_" && (pattern.isEmpty || $0.name.contains(pattern)) }
      .sorted { $0.name < $1.name }
    guard !found.isEmpty else {
      return remark(pattern.isEmpty ? "no variables yet" : "no variable contains '\(pattern)'")
    }
    let names = found.map(\.name.count).max() ?? 0
    let types = found.map(\.value.typeName.count).max() ?? 0
    for (name, value) in found {
      let type = value.typeName
      let text = describe(value)
      let line =
        resultPalette.strong(name) + String(repeating: " ", count: names + 2 - name.count) + type
        + String(repeating: " ", count: types + 2 - type.count) + text
      result(line)
    }
  }

  private func describe(_ value: LuaValue) -> String {
    switch value {
    case .table(let table):
      let pairs = (try? table.pairs(limit: 10_000).count) ?? 0
      return "\(pairs)\(pairs == 10_000 ? " or more" : "") entries"
    case .function(let function): return session.state.place(of: function) ?? ""
    case .string(let string):
      let printer = ValuePrinter(state: session.state)
      let text = printer.quoted(LuaString(Array(string.bytes.prefix(60))))
      return string.bytes.count > 60 ? text + "... (\(string.bytes.count) bytes)" : text
    default: return String(session.summary(value).prefix(max(20, width - 30)))
    }
  }

  func showMemory() {
    let memory = session.state.memory
    var rows: [(String, String)] = []
    if let bytes = meters.tensorBytes() { rows.append(("tensors", ProgressLine.bytes(bytes))) }
    if let bytes = meters.pooledBytes() {
      rows.append(("kept for reuse", ProgressLine.bytes(bytes)))
    }
    // Encoded and decoded pictures, names and captions.
    let held = MemoryReservation.totalBytes
    if held > 0 { rows.append(("data sets", ProgressLine.bytes(held))) }
    rows.append(
      (
        "Lua",
        "\(ProgressLine.bytes(memory.bytes)), at most \(ProgressLine.bytes(memory.peakBytes))"
      ))
    if let cap = meters.memoryCap() { rows.append(("cap", ProgressLine.bytes(cap))) }
    for (place, bytes) in meters.largest().prefix(5) {
      rows.append(("  " + place, ProgressLine.bytes(bytes)))
    }
    let longest = rows.map(\.0.count).max() ?? 0
    for (name, text) in rows {
      result(name + String(repeating: " ", count: longest + 2 - name.count) + text)
    }
  }
}
