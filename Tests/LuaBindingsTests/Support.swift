import Diagnostics
import LuaHost
import Tensors

@testable import LuaBindings

/// A state with the whole catalogue whose output is collected.
final class Script {
  let state: LuaState
  private(set) var output = ""

  init() throws {
    state = try LuaState(catalog: KilpiCatalog.catalog)
    state.externalBytes = { MemoryMeter.liveBytes }
    state.releasePool = { MemoryMeter.trim() }
    state.output = { [unowned self] _, bytes in output += String(decoding: bytes, as: UTF8.self) }
  }

  deinit { state.close() }

  /// Runs a chunk and gives what it printed.
  func run(_ source: String) throws -> String {
    output = ""
    try state.run(source, chunkName: "=example")
    return output
  }

  /// The message of the error that an expression or statement raises, without its place; nil when
  /// there is none.
  func message(of source: String) -> String? {
    do {
      try state.run(source, chunkName: "=example")
      return nil
    } catch let error as LuaError {
      guard error.message.hasPrefix("example:"),
        let end = error.message.dropFirst(8).firstIndex(of: ":")
      else { return error.message }
      return String(error.message[end...].dropFirst(2))
    } catch {
      return String(describing: error)
    }
  }
}
