internal import Diagnostics
internal import LuaHost
internal import Notebook

/// The one place where the libraries meet the shell: what scripts see, how memory is counted, and
/// where progress goes.
enum Plugins {
  /// The modules and classes that scripts see.
  static var catalog: Catalog { Catalog() }

  /// Figures of work done outside Lua.
  static var meters: Meters { Meters() }

  /// Sets up the libraries for a state, before any script runs.
  ///
  /// - Parameters:
  ///   - progress: shows the progress of long work.
  ///   - show: shows a picture of RGB bytes, rows from the top; false when pictures are off.
  static func attach(
    to state: LuaState, plan: RunPlan, progress: @escaping ProgressHandler,
    show: @escaping (_ rgb: [UInt8], _ width: Int, _ height: Int) -> Bool
  ) throws {
    if let memory = plan.memory ?? MemoryCap.standard { state.setMemoryLimit(memory) }
  }
}
