internal import Diagnostics
internal import Glibc

/// Runs a program: input in, output out, with a limit on its time.
///
/// Spawned, never forked and continued: a BLAS library with threads has deadlocked after a fork. The
/// child has a process group of its own, so that Ctrl-C reaches us alone and we end it. Its standard
/// streams are ends of socket pairs, on which writing to a child that is gone is an error (on a pipe
/// it would be a signal to the whole process).
enum ChildProcess {
  struct Outcome {
    var status: Int32
    var output: [UInt8]
    var errors: String
  }

  /// The full path of a program in the folders of `PATH`.
  static func find(_ name: String, path: String? = environmentValue("PATH")) -> String? {
    for folder in (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
      let candidate = folder + "/" + name
      if access(candidate, X_OK) == 0 { return candidate }
    }
    return nil
  }

  static func environmentValue(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }

  /// Runs a program to its end.
  ///
  /// - Parameters:
  ///   - seconds: the child is killed after so long.
  /// - Throws: `KilpiError` when it cannot be started, ran too long, gave more than 256 MiB; on
  ///   interrupt.
  static func run(
    _ program: String, _ arguments: [String], input: [UInt8], seconds: Double = 30
  ) throws -> Outcome {
    var sockets: [Int32] = [-1, -1]
    var output: [Int32] = [-1, -1]
    var errors: [Int32] = [-1, -1]
    defer { for one in sockets + output + errors where one >= 0 { close(one) } }
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &sockets) == 0, socketpair(AF_UNIX, kind, 0, &output) == 0,
      socketpair(AF_UNIX, kind, 0, &errors) == 0
    else { throw failed(program, errno) }
    let child = try spawn(
      program, arguments, standard: [sockets[1], output[1], errors[1]])
    for end in [sockets[1], output[1], errors[1]] { close(end) }
    (sockets[1], output[1], errors[1]) = (-1, -1, -1)
    var isReaped = false
    defer {
      if !isReaped {
        kill(child, SIGKILL)
        var ignored: Int32 = 0
        while waitpid(child, &ignored, 0) < 0, errno == EINTR {}
      }
    }
    let conversation = Conversation(
      socket: sockets[0], output: output[0], errors: errors[0], input: input)
    (sockets[0], output[0], errors[0]) = (-1, -1, -1)
    let start = ContinuousClock.now
    func checkTime() throws {
      try Interrupts.poll()
      if start.duration(to: .now) > .seconds(seconds) {
        throw KilpiError("\(name(program)) took longer than \(Int(seconds)) s and was ended")
      }
    }
    while try conversation.turn() { try checkTime() }
    var status: Int32 = 0
    while true {
      let ended = waitpid(child, &status, WNOHANG)
      if ended == child { break }
      if ended < 0, errno != EINTR { throw failed(program, errno) }
      try checkTime()
      usleep(2_000)
    }
    isReaped = true
    let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    return Outcome(
      status: code, output: conversation.received,
      errors: String(decoding: conversation.complaints, as: UTF8.self))
  }

  private static func name(_ program: String) -> String {
    String(program.split(separator: "/").last ?? "the program")
  }

  private static func failed(_ program: String, _ code: Int32) -> KilpiError {
    KilpiError("cannot run \(name(program)): \(String(cString: strerror(code)).lowercased())")
  }

  private static func spawn(
    _ program: String, _ arguments: [String], standard: [Int32]
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    for (target, source) in standard.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
    }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGPIPE)
    sigaddset(&signals, SIGTERM)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    // Only what programs need to find fonts and libraries: the result depends on nothing else.
    let kept = ["PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "FONTCONFIG_FILE", "FONTCONFIG_PATH"]
    var environment = kept.compactMap { name in environmentValue(name).map { "\(name)=\($0)" } }
    environment.append("LC_ALL=C.UTF-8")
    var argumentPointers = ([program] + arguments).map { strdup($0) }
    var environmentPointers = environment.map { strdup($0) }
    defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
    argumentPointers.append(nil)
    environmentPointers.append(nil)
    var child: pid_t = 0
    let code = posix_spawn(
      &child, program, &actions, &attributes, argumentPointers, environmentPointers)
    guard code == 0 else { throw failed(program, code) }
    return child
  }
}

/// Feeds a child and listens to it without waiting for any single end; owns the descriptors.
private final class Conversation {
  private static let limit = 256 << 20
  private var socket: Int32
  private let output: Int32
  private let errors: Int32
  private let input: [UInt8]
  private(set) var received: [UInt8] = []
  private(set) var complaints: [UInt8] = []
  private var sent = 0
  /// Bytes received when the cap was last asked.
  private var asked = 0
  private var hasOutput = true
  private var hasErrors = true

  init(socket: Int32, output: Int32, errors: Int32, input: [UInt8]) {
    self.socket = socket
    self.output = output
    self.errors = errors
    self.input = input
    finishSendingIfDone()
  }

  deinit { for one in [socket, output, errors] where one >= 0 { close(one) } }

  /// One round of at most 50 ms; false when the child has closed both its outputs.
  func turn() throws -> Bool {
    var ends = [
      pollfd(fd: hasOutput ? output : -1, events: Int16(POLLIN), revents: 0),
      pollfd(fd: hasErrors ? errors : -1, events: Int16(POLLIN), revents: 0),
      pollfd(fd: socket, events: Int16(POLLOUT), revents: 0),
    ]
    guard poll(&ends, nfds_t(ends.count), 50) > 0 else { return true }
    if ends[0].revents != 0 { hasOutput = Self.read(output, into: &received) }
    if ends[1].revents != 0 { hasErrors = Self.read(errors, into: &complaints) }
    if ends[2].revents != 0 { sendSome() }
    if received.count >= 2 * asked {
      asked = max(received.count, 1 << 16)
      // It doubles where it stands.
      try MemoryReservation.ask(2 * asked)
    }
    guard received.count <= Self.limit, complaints.count <= Self.limit else {
      throw KilpiError("the program's output has more than 256 MiB")
    }
    return hasOutput || hasErrors
  }

  private func sendSome() {
    let count = input.withUnsafeBytes { bytes in
      send(
        socket, bytes.baseAddress.map { $0 + sent }, min(bytes.count - sent, 1 << 16),
        Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    }
    if count > 0 { sent += count }
    // A child that is gone takes no more: its exit status tells why.
    if count < 0, errno != EAGAIN, errno != EINTR { sent = input.count }
    finishSendingIfDone()
  }

  private func finishSendingIfDone() {
    guard sent >= input.count, socket >= 0 else { return }
    close(socket)
    socket = -1
  }

  private static func read(_ descriptor: Int32, into bytes: inout [UInt8]) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = Glibc.read(descriptor, &buffer, buffer.count)
    if count > 0 { bytes.append(contentsOf: buffer[..<count]) }
    return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN))
  }
}
