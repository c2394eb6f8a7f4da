package import Diagnostics
package import LuaHost

/// Where a state's long work reports how far it is; shells install a renderer.
final class ProgressSink {
  var handler: ProgressHandler = { _ in }
}

extension LuaState {
  /// Sends progress of long work to `handler`, until another one is installed.
  package func installProgress(_ handler: @escaping ProgressHandler) {
    attachment(ProgressSink.self) { ProgressSink() }.handler = handler
  }
}

extension Call {
  /// The handler that long work of this call reports to; does nothing where no shell shows it.
  ///
  /// Pass it to floor 1 as it is: `progress: call.progress`.
  var progress: ProgressHandler {
    state.attachment(ProgressSink.self) { ProgressSink() }.handler
  }
}
