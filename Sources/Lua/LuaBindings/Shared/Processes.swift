package import LuaHost
package import Processes

/// Who shares the work of a state's script.
final class ProcessSlot {
  var group = ProcessGroup()
}

extension LuaState {
  /// Makes training and evaluation share their work with the other processes of `group`, which run
  /// the same script.
  package func installProcesses(_ group: ProcessGroup) {
    attachment(ProcessSlot.self) { ProcessSlot() }.group = group
  }
}

extension Call {
  /// The processes that share the work; this one alone where no shell installed others.
  var processes: ProcessGroup { state.attachment(ProcessSlot.self) { ProcessSlot() }.group }
}
