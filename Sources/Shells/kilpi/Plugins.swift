internal import Diagnostics
internal import Kernels
internal import LuaBindings
internal import LuaHost
internal import Notebook
internal import Processes
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
    meters.forwards = { ForwardMeter.count }
    meters.largest = {
      MemoryMeter.largest().map { entry in
        let blocks = entry.blocks == 1 ? "" : " (\(entry.blocks) blocks)"
        return (place: entry.place + blocks, bytes: entry.bytes)
      }
    }
    return meters
  }

  /// Sets up the libraries for a state, before any script runs.
  ///
  /// - Parameters:
  ///   - team: the processes that run the same script.
  ///   - progress: shows the progress of long work.
  ///   - screen: shows what scripts show.
  static func attach(
    to state: LuaState, plan: RunPlan, team: ProcessTeam, progress: @escaping ProgressHandler,
    screen: Screen
  ) throws {
    let cap = memoryCap(plan)
    state.externalBytes = { MemoryMeter.liveBytes + MemoryReservation.totalBytes }
    state.releasePool = { MemoryMeter.trim() }
    state.setMemoryLimit(cap)
    // Tensors get what Lua's own blocks leave: past it a collection is tried, then the call fails.
    // Half of what tensors may never have is Lua's to work with, whatever its data take: a session
    // without it could not even run `t = nil`.
    if let cap {
      MemoryMeter.limit = cap - cap / 20
      MemoryMeter.setNeighbour { [unowned state] in
        max(0, state.memory.bytes - cap / 40) + MemoryReservation.totalBytes
      }
    }
    let share = (cap ?? 0) / 40
    MemoryReservation.setMeter(
      available: { [unowned state] in
        MemoryMeter.capacity - MemoryMeter.liveBytes - MemoryMeter.pooledBytes
          - max(0, state.memory.bytes - share)
      }, reclaim: { [unowned state] in state.collect() })
    MemoryMeter.setReclaimer { [unowned state] in state.collect() }
    let fair = try team.threads()
    if let threads = plan.threads ?? fair { WorkerPool.threads = threads }
    if !team.isAlone {
      state.installProcesses(team.group)
      // Lua seeds `math.random` by the clock; scripts must take the same way everywhere.
      let seed = UInt64.random(in: 0...UInt64.max)
      let shared = try team.group.fromRoot(
        (0..<8).map { UInt8(truncatingIfNeeded: seed >> (8 * $0)) })
      let number = shared.reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
      try state.run("math.randomseed(\(number))", chunkName: "=processes")
    }
    if plan.isDeterministic { BLAS.isDeterministic = true }
    state.installProgress(progress)
    state.installLineWidth { screen.columns }
    state.installPictures { screen.show($0) }
    state.installDisplay { [unowned state] shown, id, plain in
      try screen.display(id: id) {
        guard case .value(let value) = shown else { return try plain() }
        let printer = ValuePrinter(state: state, width: screen.columns)
        state.write(printer.echo([value]) + "\n", to: .standard)
      }
    }
    MemoryMeter.setPlaces { [unowned state] in state.currentPlace }
  }

  /// Undoes what `attach` installed outside the state, before it closes.
  static func detach() {
    MemoryMeter.setReclaimer(nil)
    MemoryMeter.setNeighbour(nil)
    MemoryReservation.setMeter(available: nil)
    MemoryMeter.setPlaces(nil)
  }

  private static func memoryCap(_ plan: RunPlan) -> Int? { plan.memory ?? MemoryCap.standard }
}
