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
    ("encode", "try(json.encode, ('x'):rep(120 << 20))"),
    (
      "one text in many places",
      "local s, t = ('x'):rep(1 << 20), {} for i = 1, 400 do t[i] = s end try(clip.tokenize, t)"
    ),
    ("sort", "local t = tensor.zeros{9 << 20} try(t.sort, t)"),
    (
      "data sets of data sets",
      """
      local d = data.from(tensor.zeros{1000, 3, 1, 1}, tensor.ones({1000}, {dtype = 'int64'}))
      try(function() for i = 1, 20 do d = d:concat(d) end end)
      """
    ),
    ("rep", "try(string.rep, 'x', 1 << 30)"),
    ("concat", "try(table.concat, setmetatable({}, {__index = type}), '', 1, 1 << 40)"),
    ("shards", shards),
  ]

  /// A shard whose two images take 400 MB, with holes in place of their pixels.
  private static let shards = #"""
    local folder = arg[0]:match("^(.*)/") .. "/shards"
    os.execute("mkdir -p '" .. folder .. "/test'")
    local function header(name, size)
      local zero = "\0"
      local text = name .. zero:rep(100 - #name) .. "0000644\0" .. ("0000000\0"):rep(2)
        .. ("%011o\0"):format(size) .. "00000000000\0" .. (" "):rep(8) .. "0" .. zero:rep(100)
        .. "ustar\0" .. "00"
      text = text .. zero:rep(512 - #text)
      local sum = 0
      for i = 1, 512 do sum = sum + text:byte(i) end
      return text:sub(1, 148) .. ("%06o\0 "):format(sum) .. text:sub(157)
    end
    local file = io.open(folder .. "/test/0.tar", "wb")
    for _, name in ipairs{"a", "b"} do
      file:write(header(name .. ".png", 200 << 20))
      file:seek("cur", 200 << 20)
      file:write(header(name .. ".cls", 1), "0", ("\0"):rep(511))
    end
    file:write(("\0"):rep(1024))
    file:close()
    local list = io.open(folder .. "/classnames.txt", "w")
    list:write("only")
    list:close()
    try(data.open, folder)
    os.execute("rm -r '" .. folder .. "'")
    """#

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
