import Foundation
import Testing

/// The executable under mpirun, where that is installed: the messages, the streams, and the ends.
@Suite struct ParallelTests {
  private static let isHere: Bool = {
    let isHere = FileManager.default.isExecutableFile(atPath: "/usr/bin/mpirun")
    if !isHere { print("skipped: mpirun is not installed (apt install openmpi-bin)") }
    return isHere
  }()

  /// Runs a script in so many processes; 1 without mpirun.
  private static func run(
    _ processes: Int, _ name: String, _ script: String, input: String = ""
  ) throws -> Executable.Result {
    // Rows that run at once must not write each other's script.
    let path = try Executable.file("\(UUID().uuidString)-\(name)", Array(script.utf8))
    let launcher =
      processes == 1
      ? "" : "mpirun --allow-run-as-root --oversubscribe --bind-to none -n \(processes) "
    return try Executable.shell("\(launcher)$KILPI run \(path) \(processes)")
  }

  /// A small model on sixteen images; `fit(options)` trains on them.
  private static let prelude = """
    local model = clip.create("tiny", {seed = 3})
    local labels = {}
    for i = 1, 16 do labels[i] = i % 3 + 1 end
    local ds = data.from(tensor.rand({16, 3, 16, 16}, {seed = 1}), labels, {"cat", "dog", "bus"})
    local rank = os.getenv("OMPI_COMM_WORLD_RANK") or "0"
    local function fit(options)
      options.model, options.data, options.batch = model, ds, 8
      options.optimizer, options.templates = {lr = 1e-3}, {"a {c}", "a photo of a {c}"}
      options.image_attack = {eps = "8/255", steps = 2}
      -- Drawn sites and symbols: a tenth of the cost of all, and draws must not depend on processes.
      options.text_attack = {method = "char", draws = 4}
      return train.run(options)
    end

    """

  /// The first step to 1e-5, the first 50 to 1e-3; the first process alone prints and
  /// writes.
  @Test func trainsAsOneProcess() throws {
    guard Self.isHere else { return }
    let script =
      Self.prelude + """
        local out = "run-" .. arg[1]
        local result = fit{steps = 50, out = out, checkpoint_every = 25}
        for _, row in ipairs(result.history) do print(string.format("%.17g", row.loss)) end
        clip.load(out .. "/model")
        """
    var curves: [Int: [Double]] = [:]
    for processes in [1, 2, 4] {
      let result = try Self.run(processes, "curve.lua", script)
      #expect(result.status == 0, "\(result.error)")
      #expect(result.error == "")
      curves[processes] = result.output.split(separator: "\n").compactMap {
        Double($0.trimmingCharacters(in: .whitespaces))
      }
      let metrics = try String(
        contentsOfFile: "\(Executable.folder)/run-\(processes)/metrics.jsonl", encoding: .utf8)
      #expect(metrics.split(separator: "\n").count == 50)
    }
    let alone = try #require(curves[1])
    #expect(alone.count == 50)
    #expect(Set(alone).count == 50, "the loss must move")
    for processes in [2, 4] {
      let together = try #require(curves[processes])
      try #require(together.count == 50)
      #expect(abs(together[0] - alone[0]) <= 1e-5 * alone[0])
      let worst = zip(together, alone).map { abs($0 - $1) / $1 }.max() ?? 1
      #expect(worst <= 1e-3, "\(processes) processes: \(worst)")
    }
  }

  struct Ending: Sendable, CustomTestStringConvertible {
    var name: String
    var script: String
    var output = ""
    var error: [String]
    var absent: [String] = []
    var fails = true
    var testDescription: String { name }
  }

  static let endings: [Ending] = [
    Ending(
      name: "an error on the second process while the first waits for it",
      script: """
        fit{steps = 5, on_step = function(row)
          if rank == "1" and row.step == 2 then error("no more room", 0) end
        end}
        print("not reached")
        """,
      error: ["process 2: no more room"]),
    Ending(
      name: "an error that the script catches on every process",
      script: """
        local ok, problem = pcall(fit, {steps = 5, on_step = function(row)
          if rank == "1" and row.step == 2 then error("no more room", 0) end
        end})
        print(ok, tostring(problem):match("no more room"))
        print(#fit{steps = 2}.history)
        """,
      output: "false\tno more room\n2\n", error: [], fails: false),
    Ending(
      name: "an error on the second process outside the common work",
      script: """
        if rank == "1" then error("a typing error", 0) end
        fit{steps = 5}
        """,
      error: ["process 2 has ended: a typing error"]),
    Ending(
      name: "the second process ends early",
      script: """
        if rank == "1" then os.exit(0) end
        fit{steps = 5}
        """,
      error: ["process 2 has ended"]),
    Ending(
      name: "the first process ends early",
      script: """
        if rank == "0" then return end
        fit{steps = 5}
        """,
      error: ["process 2 was still at work when this one ended"]),
    Ending(
      name: "different work", script: "fit{steps = 3 + rank}",
      error: ["process 2 does other work than process 1"]),
    Ending(
      name: "an evaluation of other weights",
      script: """
        eval.robustness{model = clip.create("tiny", {seed = rank + 1}), attacks = {clean = true},
          data = data.from(tensor.full({4, 3, 16, 16}, 0.5), {1, 2, 1, 2}, {"cat", "dog"})}
        """,
      error: ["process 2 does other work than process 1"]),
    Ending(
      name: "the same error everywhere is said once", script: "error('wrong')",
      error: ["wrong", "stack traceback"], absent: ["process 2"]),
    Ending(
      name: "os.exit", script: "print('once') os.exit(0)", output: "once\n", error: [], fails: false
    ),
    Ending(
      name: "SIGTERM to all, which is what mpirun makes of Ctrl-C",
      script: """
        fit{steps = 100000, on_step = function(row)
          if row.step == 3 then os.execute("kill -TERM $PPID") end
        end}
        """,
      error: ["interrupted at step"], absent: ["process 2"]),
    Ending(
      name: "SIGTERM to one process alone",
      script: """
        fit{steps = 100000, on_step = function(row)
          if rank == "1" and row.step == 3 then os.execute("kill -TERM $PPID") end
        end}
        """,
      error: ["interrupted at step"]),
    Ending(
      name: "a process is killed",
      script: """
        fit{steps = 100000, on_step = function(row)
          if rank == "1" and row.step == 3 then os.execute("kill -KILL $PPID") end
        end}
        """,
      error: ["signal 9"]),
  ]

  @Test(arguments: endings) func ends(ending: Ending) throws {
    guard Self.isHere else { return }
    let result = try Self.run(2, "ending.lua", Self.prelude + ending.script)
    #expect(result.output == ending.output)
    #expect((result.status != 0) == ending.fails, "status \(result.status): \(result.error)")
    for text in ending.error { #expect(result.error.contains(text), "\(result.error)") }
    for text in ending.absent { #expect(!result.error.contains(text), "\(result.error)") }
    if !ending.fails { #expect(result.error == "") }
  }

  @Test func scriptFromAPipe() throws {
    guard Self.isHere else { return }
    let launcher = "mpirun --allow-run-as-root --oversubscribe -n 2 $KILPI"
    let piped = try Executable.shell("echo 'print(math.random(0) ~= nil)' | \(launcher) -")
    #expect(piped.output == "true\n")
    let prompt = try Executable.shell("\(launcher) -i")
    #expect(prompt.error.contains("kilpi: the prompt runs in one process (give mpirun a script)"))
    #expect(prompt.status == 64)
  }
}
