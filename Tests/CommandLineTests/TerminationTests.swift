import Foundation
import Testing

/// A training that is asked to end, and what is said when one is interrupted.
@Suite struct TerminationTests {
  /// Arguments: folder or "none", the shell line that runs after step 3.
  private static let script = """
    local model = clip.create("tiny", {seed = 3})
    local labels = {}
    for i = 1, 16 do labels[i] = i % 3 + 1 end
    local ds = data.from(tensor.rand({16, 3, 16, 16}, {seed = 1}), labels, {"cat", "dog", "bus"})
    local out, line, every = arg[1], arg[2], arg[3]
    if out == "none" then out = nil end
    local function fit()
      return train.contrastive{model = model, data = ds, batch = 8, steps = 6, out = out,
        optimizer = {lr = 1e-3}, resume = out ~= nil, checkpoint_every = tonumber(every) or 0,
        on_step = function(row)
          if line and row.step == 3 then
            for part in line:gmatch("[^;]+") do io.popen(part):close() end
          end
        end}
    end
    print(pcall(fit))
    while line do end
    """

  private static func run(_ name: String, _ arguments: String) throws -> Executable.Result {
    _ = try Executable.file("end/\(name).lua", Array(script.utf8))
    return try Executable.shell(
      "cd end; $KILPI --deterministic \(name).lua \(arguments); status=$?; "
        + "ls \(name)/checkpoints 2> /dev/null; exit $status")
  }

  /// The step is finished and saved, `pcall` or not, and the run goes on to the weights of one that
  /// was never ended.
  @Test func terminationSavesTheStep() throws {
    let cut = try Self.run("cut", "cut 'kill -TERM $PPID'")
    #expect(cut.status == 143)
    #expect(cut.output == "step-00000003.safetensors\n")
    #expect(
      cut.error.hasPrefix(
        "kilpi: cut.lua:8: terminated after step 3 of 6 (resume = true goes on from step 3 in 'cut')"
      ))
    #expect(try Self.run("cut", "cut").status == 0)
    #expect(try Self.run("whole", "whole").status == 0)
    let same = try Executable.shell("diff -r end/cut/model end/whole/model")
    #expect(same == Executable.Result(output: "", error: "", status: 0))
  }

  @Test func terminationAfterTheLastStepEndsToo() throws {
    let source = Self.script.replacingOccurrences(of: "row.step == 3", with: "row.step == 6")
    _ = try Executable.file("end/last.lua", Array(source.utf8))
    let result = try Executable.shell(
      "cd end; $KILPI last.lua last 'kill -TERM $PPID'; echo $?; ls last/checkpoints last/model")
    #expect(result.error.contains("terminated after step 6 of 6"))
    #expect(result.output.hasPrefix("143\n"))
    #expect(result.output.contains("model.safetensors"))
  }

  @Test func aSecondTerminationEndsAtOnce() throws {
    let result = try Self.run("twice", "twice 'kill -TERM $PPID;kill -TERM $PPID'")
    #expect(result == Executable.Result(output: "", error: "", status: 143))
  }

  @Test func aTrainingWithoutAFolderJustEnds() throws {
    let result = try Self.run("bare", "none 'kill -TERM $PPID'")
    #expect(result == Executable.Result(output: "", error: "", status: 143))
  }

  @Test func thePromptEndsAfterwards() throws {
    _ = try Executable.file("end/typed.lua", Array(Self.script.utf8))
    let result = try Executable.shell(
      """
      cd end; printf '%s\\n' 'arg = {"typed", "kill -TERM $PPID"}' 'dofile("typed.lua")' \\
        'print("still" .. "here")' | $KILPI -i --quiet; echo $?; ls typed/checkpoints
      """)
    #expect(result.output.contains("143\nstep-00000003.safetensors\n"))
    #expect(!result.output.contains("stillhere"))
  }

  /// What the message of an interrupted training advises is true.
  @Test func interruptsNameTheCheckpoint() throws {
    let none = try Self.run("early", "early 'kill -INT $PPID'")
    #expect(none.status == 130)
    #expect(
      none.error.contains(
        "interrupted at step 3 of 6 ('early' holds no checkpoint yet: remove it and start again; "
          + "checkpoint_every saves on the way)"))
    let some = try Self.run("later", "later 'kill -INT $PPID' 2")
    #expect(
      some.error.contains(
        "interrupted at step 3 of 6 (resume = true goes on from step 2 in 'later')"))
    #expect(some.output.hasSuffix("step-00000002.safetensors\n"))
    let bare = try Self.run("nowhere", "none 'kill -INT $PPID'")
    #expect(bare.error.contains("interrupted at step 3 of 6\n"))
  }
}
