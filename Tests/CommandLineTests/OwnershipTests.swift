import Foundation
import Testing

/// Two processes and one folder: the second is refused as long as the first lives.
@Suite struct OwnershipTests {
  /// Arguments: kind, folder, the shell line that runs in the middle.
  private static let script = """
    local kind, out, line = arg[1], arg[2], arg[3]
    local model = clip.create("tiny", {seed = 3})
    local ds = data.from(tensor.rand({4, 3, 16, 16}, {seed = 1}), {1, 2, 1, 2}, {"cat", "dog"})
    local function middle()
      if line then io.write(io.popen("(" .. line .. ") 2>&1"):read("a")) line = nil end
    end
    if kind == "train" then
      local result = train.run{model = model, data = ds, method = "clean", batch = 4, steps = 3, warmup = 0,
        out = out, resume = true, checkpoint_every = 1, on_step = function(row) if row.step == 2 then middle() end end}
      print("done", #result.history)
    else
      local attack = {method = "pgd", eps = "1/255", steps = 1,
        loss = function(logits, labels) middle() return logits:sum(2) end}
      eval.robustness{model = model, data = ds, attacks = {image = attack}, out = out, resume = true}
      print("done")
    end
    """

  @Test(arguments: ["train", "robustness"]) func theSecondIsRefused(kind: String) throws {
    _ = try Executable.file("own/own.lua", Array(Self.script.utf8))
    let line = "$KILPI own.lua \(kind) \(kind)-run 2>&1 | head -1"
    let result = try Executable.shell("cd own; $KILPI own.lua \(kind) \(kind)-run '\(line)'")
    #expect(result.status == 0, "\(result)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.count == 2 && lines.last?.hasPrefix("done") == true, "\(result)")
    let pattern =
      "process [0-9]+ works in '\(kind)-run' \\(wait until it has ended, or use another out\\)"
    #expect(lines.first?.range(of: pattern, options: .regularExpression) != nil, "\(result)")
    // Afterwards it is free.
    #expect(try Executable.shell("cd own; $KILPI own.lua \(kind) \(kind)-run").status == 0)
  }

  /// SIGKILL leaves nothing that has to be removed.
  @Test func aKilledOwnerKeepsNothing() throws {
    _ = try Executable.file("own/killed.lua", Array(Self.script.utf8))
    let result = try Executable.shell(
      """
      cd own; $KILPI killed.lua train killed 'kill -KILL $PPID' > /dev/null 2>&1; echo $?
      test -s killed/lock && echo named; $KILPI killed.lua train killed
      """)
    #expect(result.output == "137\nnamed\ndone\t3\n", "\(result)")
  }
}
