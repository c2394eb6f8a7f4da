internal import LuaHost

/// The module `errors`.
enum ErrorsLibrary {
  static let library = Library(
    "errors",
    doc: """
      What is known of an error beside its text. `pcall` gives text for every error of Lua and of \
      Kilpi, so `err:find(…)`, `#err` and `type(err) == "string"` work on it.
      """,
    entries: [
      Entry(
        "info", "(err: any) -> table",
        doc: """
          The fields `message`, `kind` and `traceback` of an error that `pcall`, `xpcall` or \
          `coroutine.resume` gave. `kind` is "host" for errors that functions of Kilpi raise, "memory" \
          and "interrupted" for these two reasons, and "runtime" for all others, which have no \
          traceback here: `xpcall(f, debug.traceback)` makes one. Kilpi remembers its last 64 errors by \
          their text.
          """,
        example: """
          local ok, err = pcall(tensor.zeros, {-1})
          print(type(err), errors.info(err).kind)  --> string	host
          """
      ) { call in
        let message = try call.state.text(call.value(1))
        let raised = call.state.raisedError(message)
        return [
          [
            "message": message, "kind": (raised?.kind ?? .runtime).name,
            "traceback": raised?.traceback,
          ] as LuaRecord
        ]
      }
    ])
}
