internal import CMPI
internal import Diagnostics

/// The processes that mpirun started, over Open MPI, which is opened at run time.
public enum MessagePassing {
  /// How many processes mpirun says that it started; 1 without it.
  public static var announcedSize: Int { max(1, Int(kilpi_mpi_announced_size())) }

  /// This process's number among them, before the library is opened.
  public static var announcedRank: Int { Int(kilpi_mpi_announced_rank()) }

  /// Version of the library, nil when it is not installed; joins no group.
  public static var version: String? {
    let text = String(cString: kilpi_mpi_version())
    return text.isEmpty ? nil : text
  }

  /// Joins the others; a group of one process, without the library, where mpirun started none.
  ///
  /// - Throws: `KilpiError` when the library is missing or refuses.
  public static func join() throws -> ProcessGroup {
    guard announcedSize > 1 else { return ProcessGroup() }
    switch Int(kilpi_mpi_start()) {
    case KILPI_MPI_DONE: return ProcessGroup(MessagePassingTransport())
    case KILPI_MPI_MISSING:
      throw KilpiError(
        "mpirun started this, but Open MPI cannot be opened: \(problem)",
        advice: "apt install openmpi-bin")
    default: throw KilpiError("mpirun started this, but \(problem)")
    }
  }

  /// This process's output and errors go nowhere from here on; the descriptor of what standard error
  /// was, for last words.
  public static func silence() -> Int32 { kilpi_mpi_silence() }

  /// Threads for this process: the cores that it may use, each divided by how many processes of the
  /// same machine may use it, at least 1.
  ///
  /// - Parameters:
  ///   - machine: the machine's name.
  public static func fairThreads(_ group: ProcessGroup, machine: String) throws -> Int {
    var cores = [UInt8](repeating: 0, count: 1024)
    cores.removeLast(cores.count - kilpi_mpi_cores(&cores, cores.count))
    let name = Array(machine.utf8.prefix(255))
    let all = try group.gathered([UInt8(name.count)] + name + cores).map { bytes in
      let length = min(Int(bytes.first ?? 0), max(bytes.count - 1, 0))
      return (machine: Array(bytes.dropFirst().prefix(length)), cores: bytes.dropFirst(1 + length))
    }
    let beside = all.filter { $0.machine == name }.map { Array($0.cores) }
    return max(1, Int(share(of: cores, among: beside) + 1e-9))
  }

  /// The sum over one's cores of one over the number of processes that may use it.
  static func share(of cores: [UInt8], among all: [[UInt8]]) -> Double {
    var total = 0.0
    for place in cores.indices where cores[place] != 0 {
      for bit in 0..<8 where cores[place] >> bit & 1 == 1 {
        let users = all.reduce(0) {
          $0 + ($1.indices.contains(place) && $1[place] >> bit & 1 == 1 ? 1 : 0)
        }
        total += 1 / Double(max(users, 1))
      }
    }
    return total
  }

  fileprivate static var problem: String { String(cString: kilpi_mpi_problem()) }
}

/// Messages between processes, point to point.
private final class MessagePassingTransport: ProcessTransport {
  let rank = Int(kilpi_mpi_rank())
  let size = Int(kilpi_mpi_size())

  /// Seconds that an interrupted process waits for the others to notice theirs.
  private static let grace = 2.0

  func exchange(
    _ outgoing: [UnsafeRawBufferPointer], into incoming: [UnsafeMutableRawBufferPointer],
    limit: Double?
  ) throws {
    let status = kilpi_mpi_exchange(
      outgoing.map(\.baseAddress), outgoing.map(\.count), incoming.map(\.baseAddress),
      incoming.map(\.count), limit.map { -$0 } ?? Self.grace)
    switch Int(status) {
    case KILPI_MPI_DONE: return
    case KILPI_MPI_GAVE_UP:
      if Interrupts.isPending {
        throw KilpiError("interrupted while waiting for other processes", kind: .interrupted)
      }
      throw KilpiError(MessagePassing.problem)
    default: throw KilpiError(MessagePassing.problem)
    }
  }

  func finish() { kilpi_mpi_finish() }
}
