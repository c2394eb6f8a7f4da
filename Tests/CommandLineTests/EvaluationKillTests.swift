import Foundation
import Testing

/// An evaluation killed by SIGKILL and resumed gives the bytes of an unbroken one (R21 in small).
@Suite struct EvaluationKillTests {
  /// A set of attacks on a small random CLIP; arguments: folder, `resume` or `new`.
  static let script = """
    local model = clip.create("tiny", {seed = 3})
    local labels = {}
    for i = 1, 24 do labels[i] = (i - 1) % 3 + 1 end
    local ds = data.from(tensor.rand({24, 3, 16, 16}, {seed = 5}), labels, {"cat", "dog", "tree"})
    local r = eval.robustness{model = model, data = ds, batch = 5, seed = 1,
      attacks = {
        image = {{method = "pgd", eps = "8/255", steps = 4}, {method = "fgsm", eps = "8/255"}},
        text = {method = "char", words = 1},
        multimodal = {image = {method = "fgsm", eps = "8/255"}}},
      out = arg[1], resume = arg[2] == "resume", save_images = "float"}
    r:images(arg[1] .. "/grid.png")
    """

  @Test func resumedAfterKillsIsTheSame() throws {
    _ = try Executable.file("kill/evaluate.lua", Array(Self.script.utf8))
    let whole = try Executable.shell("$KILPI --deterministic kill/evaluate.lua kill/whole new")
    #expect(whole.error == "" && whole.status == 0)
    let lines = try String(
      contentsOfFile: Executable.folder + "/kill/whole/record.jsonl", encoding: .utf8
    ).split(separator: "\n").count
    #expect(lines > 150)
    // Kills as soon as the record has so many lines; then the end is reached without a kill.
    let result = try Executable.shell(
      """
      how=new
      for lines in 1 17 60 100; do
        $KILPI --deterministic kill/evaluate.lua kill/cut $how 2> err.txt & pid=$!
        until [ -f kill/cut/record.jsonl ] && [ $(wc -l < kill/cut/record.jsonl) -ge $lines ]; do
          kill -0 $pid 2> /dev/null || break
        done
        kill -KILL $pid 2> /dev/null; wait $pid 2> /dev/null; echo $?; how=resume
        printf '{"row":"torn' >> kill/cut/record.jsonl
      done
      $KILPI --deterministic kill/evaluate.lua kill/cut resume; echo $?
      cd kill; cmp whole/samples.jsonl cut/samples.jsonl && cmp whole/grid.png cut/grid.png \\
        && diff -r whole/images cut/images && diff <(cut -d, -f1-23 whole/table.csv) \\
        <(cut -d, -f1-23 cut/table.csv) && echo same
      wc -l < cut/record.jsonl
      """)
    #expect(result.output == "137\n137\n137\n137\n0\nsame\n\(lines)\n")
    #expect(result.error == "")
  }
}
