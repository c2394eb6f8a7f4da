internal import Diagnostics
internal import Kernels
internal import LuaBindings
internal import LuaHost
internal import Notebook
internal import Tensors

/// The one place where the libraries meet the shell: what scripts see, how memory is counted, and
/// where progress and pictures go.
enum Plugins {
  /// The modules and classes that scripts see.
  static var catalog: Catalog { KilpiCatalog.catalog }

  /// Figures of work done outside Lua.
  static func meters(_ plan: RunPlan) -> Meters {
    var meters = Meters()
    meters.tensorBytes = { MemoryMeter.liveBytes }
    meters.pooledBytes = { MemoryMeter.pooledBytes }
    meters.peakTensorBytes = { MemoryMeter.peakBytes }
    meters.resetPeak = { MemoryMeter.resetPeak() }
    let cap = memoryCap(plan)
    meters.memoryCap = { cap }
    return meters
  }

  /// Sets up the libraries for a state, before any script runs.
  ///
  /// - Parameters:
  ///   - progress: shows the progress of long work.
  ///   - show: shows a picture of RGB bytes, rows from the top; false when pictures are off.
  static func attach(
    to state: LuaState, plan: RunPlan, progress: @escaping ProgressHandler,
    show: @escaping (_ rgb: [UInt8], _ width: Int, _ height: Int) -> Bool
  ) {
    let cap = memoryCap(plan)
    state.externalBytes = { MemoryMeter.liveBytes }
    state.releasePool = { MemoryMeter.trim() }
    state.setMemoryLimit(cap)
    // Tensors get what Lua's own blocks leave: past it a collection is tried, then the call fails.
    if let cap { MemoryMeter.limit = cap - cap / 20 }
    MemoryMeter.setReclaimer { [unowned state] in state.collect() }
    if let threads = plan.threads { WorkerPool.threads = threads }
    if plan.isDeterministic { BLAS.isDeterministic = true }
    state.installProgress(progress)
    state.installPictures { show($0.rgb, $0.width, $0.height) }
    state.installDisplay { [unowned state] shown, _ in
      guard case .value(let value) = shown else { return false }
      let printer = ValuePrinter(
        state: state, width: Terminal(environment: Terminal.processEnvironment()).size.columns)
      state.write(printer.echo([value]) + "\n", to: .standard)
      return true
    }
  }

  /// Undoes what `attach` installed outside the state, before it closes.
  static func detach() { MemoryMeter.setReclaimer(nil) }

  private static func memoryCap(_ plan: RunPlan) -> Int? { plan.memory ?? MemoryCap.standard }
}
