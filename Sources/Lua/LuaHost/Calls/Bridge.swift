internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// The C side's way into Swift.
///
/// None of these functions raises or lets an error out.
enum Bridge {
  static var callbacks: kilpi_callbacks {
    var callbacks = kilpi_callbacks()
    callbacks.dispatch = { context, lua in
      guard let state = Bridge.state(context), let lua else { return 0 }
      return state.dispatch(lua)
    }
    callbacks.drop = { object in
      if let object { Unmanaged<AnyObject>.fromOpaque(object).release() }
    }
    callbacks.push_interrupt = { context, lua in
      guard let state = Bridge.state(context), let lua else { return }
      state.pushError(
        KilpiError("interrupted", kind: .interrupted), on: lua, from: nil)
    }
    callbacks.external_bytes = { context in
      guard let state = Bridge.state(context) else { return 0 }
      return Int64(state.externalBytes())
    }
    callbacks.release_pool = { context in Bridge.state(context)?.releasePool() }
    callbacks.write = { context, stream, bytes, count in
      guard let bytes else { return }
      let buffer = UnsafeRawBufferPointer(start: bytes, count: count)
      if let output = Bridge.state(context)?.output {
        output(stream == 2 ? .error : .standard, Array(buffer))
      } else {
        kilpi_write_through(stream, bytes, count)
      }
    }
    callbacks.warn = { context, bytes, count in
      guard let state = Bridge.state(context), let bytes else { return }
      let buffer = UnsafeRawBufferPointer(start: bytes, count: count)
      state.pendingWarnings.append(String(decoding: buffer, as: UTF8.self))
    }
    callbacks.leaving = { context, status in Bridge.state(context)?.leaving(Int(status)) }
    return callbacks
  }

  static let allows:
    @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, Bool) -> Bool =
      { context, path, writing in
        guard let state = Bridge.state(context), let path else { return false }
        return state.allowsFile(String(cString: path), writing: writing)
      }

  private static func state(_ context: UnsafeMutableRawPointer?) -> LuaState? {
    context.flatMap { Unmanaged<ContextBox>.fromOpaque($0).takeUnretainedValue().state }
  }
}
