import Foundation
import Testing

/// The cap and Ctrl-C where Swift's arrays, Lua's library and finalizers would not look at them.
@Suite struct CapTests {
  /// Runs code under `--memory 300M`; gives its output and the resident peak in MB.
  private static func capped(_ name: String, _ code: String) throws -> (output: String, peak: Int) {
    let script = try Executable.file(
      "cap/\(name).lua",
      Array(
        """
        local function try(f, ...)
          local ok, problem = pcall(f, ...)
          print(ok, ok or tostring(problem):match("not enough memory"))
        end
        \(code)
        print(#tensor.ones{1000000}, #("x"):rep(1000000))
        io.stderr:write((io.open("/proc/self/status"):read("a"):match("VmHWM:%s*(%d+)")))
        """.utf8))
    let result = try Executable.run(["--memory", "300M", "run", script])
    #expect(result.status == 0, "\(result)")
    return (result.output, (Int(result.error) ?? .max) / 1024)
  }

  static let refused: [(name: String, code: String)] = [
    ("permutation", "try(function() return random.generator(1):permutation(1 << 30) end)"),
    ("arange", "try(tensor.arange, 1, 1 << 30)"),
    ("linspace", "try(tensor.linspace, 0, 1, 1 << 30)"),
    ("tokenize", "local t = {} for i = 1, 600000 do t[i] = 'a' end try(clip.tokenize, t)"),
    ("gsub", "try(string.gsub, ('a'):rep(20000), '.-', ('x'):rep(200000))"),
    ("decode", "try(json.decode, '[' .. ('1,'):rep(20 << 20) .. '1]')"),
    ("decode of lists", "try(json.decode, '[' .. ('[],'):rep(8 << 20) .. '[]]')"),
    ("to_table", "local t = tensor.ones{20 << 20} try(function() return t:to_table() end)"),
    ("split", "local t = tensor.ones{1 << 20} try(function() return t:split(1) end)"),
    ("edits", "try(text.edits, ('x'):rep(20000))"),
    ("rep", "try(string.rep, 'x', 1 << 30)"),
    ("concat", "try(table.concat, setmetatable({}, {__index = type}), '', 1, 1 << 40)"),
  ]

  @Test(arguments: refused.indices) func theCapHolds(index: Int) throws {
    let row = Self.refused[index]
    let (output, peak) = try Self.capped(row.name, row.code)
    #expect(output == "false\tnot enough memory\n1000000\t1000000\n", "\(row.name)")
    #expect(peak < 300 + 64 + 80, "\(row.name)")
  }

  /// What fits is still made.
  @Test func whatFitsIsMade() throws {
    let (output, _) = try Self.capped(
      "fits",
      """
      try(tensor.arange, 1, 1 << 20)
      try(json.decode, "[" .. ("1,"):rep(1 << 20) .. "1]")
      try(string.gsub, ("a"):rep(20000), ".-", ("x"):rep(1000))
      """)
    #expect(output == "true\ttrue\ntrue\ttrue\ntrue\ttrue\n1000000\t1000000\n")
  }

  /// Lua looks at nothing while finalizers run.
  @Test func onePressEndsAnEndlessFinalizer() throws {
    let result = try Executable.shell(
      """
      $KILPI -e 'setmetatable({}, {__gc = function() io.stdout:write("in gc\\n") io.stdout:flush() \
      while true do end end})' & pid=$!
      sleep 2; kill -INT $pid; wait $pid; echo $?
      """)
    #expect(result.output == "in gc\n130\n")
  }
}
