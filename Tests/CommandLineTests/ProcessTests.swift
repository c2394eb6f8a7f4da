import Foundation
import Testing

@Suite struct ProcessTests {
  @Test func versionIsOneLine() throws {
    for option in ["--version", "-v"] {
      let result = try Executable.run([option])
      #expect(result.output.hasPrefix("Kilpi "))
      #expect(result.output.contains("(Lua 5.4."))
      #expect(result.output.contains("OpenBLAS"))
      #expect(result.output.contains("Swift 6."))
      #expect(result.output.filter { $0 == "\n" }.count == 1)
      #expect(result.status == 0)
    }
  }

  @Test(arguments: [
    ["--help"], ["-h"], ["help"], ["help", "run"], ["help", "doctor"], ["run", "--help"],
    ["doctor", "--help"],
  ])
  func helpGoesToStandardOutput(arguments: [String]) throws {
    let result = try Executable.run(arguments)
    #expect(result.output.contains("USAGE:"))
    #expect(result.error == "")
    #expect(result.status == 0)
  }

  @Test func doctorReports() throws {
    let text = try Executable.run(["doctor"])
    for word in [
      "linear algebra", "memory", "terminal", "optional parts", "standard library", "gnuplot",
    ] {
      #expect(text.output.contains(word))
    }
    let json = try Executable.run(["doctor", "--json"])
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    #expect(object?["optional parts"] != nil)
    #expect(json.status == 0)
  }

  @Test("where addresses are limited, tensors take what there is and are refused beyond")
  func limitedAddresses() throws {
    let code = """
      local held = {}
      for _ = 1, 50 do held[#held + 1] = tensor.ones({1 << 20}) end
      print(pcall(function() for _ = 1, 100 do held[#held + 1] = tensor.zeros({4 << 20}) end end))
      print(#held > 51, held[50]:sum():item())
      held = nil
      print(tensor.ones({4 << 20}):sum():item())
      """
    let script = try Executable.file("limited.lua", Array(code.utf8))
    let result = try Executable.shell("ulimit -v 1200000; $KILPI run \(script)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.first?.contains("tensor.zeros: not enough memory for 16.0 MB") == true)
    #expect(lines.dropFirst() == ["true\t1048576.0", "4194304.0"])
    #expect(result.error == "" && result.status == 0)
  }

  @Test(
    "where addresses are limited, small tensors are refused, too, and leave the program its own")
  func limitedAddressesSmall() throws {
    let code = """
      print(pcall(function()
        local held = {}
        for i = 1, 1000000 do held[i] = tensor.ones{3000} end
      end))
      print(#clip.tokenize("a dog"))
      """
    let script = try Executable.file("small.lua", Array(code.utf8))
    let result = try Executable.shell("ulimit -v 1200000; $KILPI run \(script)")
    #expect(result.output.contains("tensor.ones: not enough memory for 11.7 KB"))
    #expect(result.output.hasSuffix("\n1\n"))
    #expect(result.error == "" && result.status == 0)
  }

  @Test("at the cap, with much data of Lua's beside tensors, the session can still release them")
  func fullSession() throws {
    let lines = """
      s, t = {}, {}
      for i = 1, 400 do s[i] = string.rep("x", 100000) .. i end
      for i = 1, 1000 do t[i] = tensor.ones{1000000} end
      #t > 10
      t = nil
      tensor.ones{20000000}:sum():item()
      """
    let result = try Executable.run(["--memory", "300M", "-i"], input: lines)
    #expect(result.error.contains("tensor.ones: not enough memory for 3.8 MB"))
    #expect(result.output.contains("true\n") && result.output.contains("20000000.0\n"))
  }

  @Test("the cap holds for what is resident, small tensors and strings before large ones")
  func capOfResident() throws {
    let code = """
      local function fill(make) local held = {}; pcall(function()
        for i = 1, 100000 do held[i] = make(i) end
      end) end
      fill(function() return tensor.ones{15000} end)
      collectgarbage()
      fill(function(i) return string.rep("x", 90000) .. i end)
      collectgarbage()
      fill(function() return tensor.ones{1000000} end)
      print(tonumber(io.open("/proc/self/status"):read("a"):match("VmHWM:%s*(%d+)")) // 1024)
      """
    let script = try Executable.file("resident.lua", Array(code.utf8))
    let result = try Executable.run(["--memory", "400M", "run", script])
    // The program itself takes 25 MB in the optimised build; freed blocks may stay for 64 MB.
    let peak = try #require(Int(result.output.trimmingCharacters(in: .newlines)))
    #expect(peak > 300 && peak < 400 + 64 + 80)
  }

  @Test func picturesAreHalfBlocksOrALine() throws {
    let code = "image.show(tensor.zeros{3, 2, 2})"
    #expect(try Executable.run(["-e", code]).output == "<image 3x2x2>\n")
    #expect(try Executable.run(["--graphics", "none", "-e", code]).output == "<image 3x2x2>\n")
    let blocks = try Executable.run(
      ["-e", code], environment: ["KILPI_GRAPHICS": "blocks", "COLORTERM": "truecolor"])
    #expect(blocks.output.hasPrefix("\u{1B}[38;2;0;0;0;48;2;0;0;0m▀▀"))
  }

  @Test func displayShowsTablesAsTheEchoDoes() throws {
    #expect(try Executable.run(["-e", "display{1, b = {2}}"]).output == "{1, b = {2}}\n")
  }

  @Test func aClosedReaderIsNoError() throws {
    let result = try Executable.shell(
      "$KILPI -e 'while true do io.write(\"y\\n\") end' | head -n 1; echo ${PIPESTATUS[0]}")
    #expect(result.output == "y\n141\n")
    #expect(result.error == "")
  }

  @Test func aClosedReaderAtTheEndIsNoError() throws {
    let result = try Executable.shell(
      """
      mkfifo gone.fifo; exec 5<> gone.fifo; exec 6> gone.fifo; exec 5<&-
      $KILPI -e 'print(1)' >&6; echo $? >&2
      """)
    #expect(result.error == "141\n")
  }

  @Test func aFullDiskIsAnError() throws {
    let result = try Executable.shell("$KILPI -e 'print(1)' > /dev/full")
    #expect(result.error == "kilpi: cannot write the output: No space left on device\n")
    #expect(result.status == 1)
  }

  @Test func anInterruptEndsAScriptWithItsTraceback() throws {
    let source = """
      local t <close> = setmetatable({}, {__close = function() print('closed') end})
      print('ready') io.stdout:flush()
      while true do end
      """
    _ = try Executable.file("loop.lua", Array(source.utf8))
    let result = try Executable.shell(
      """
      exec 3< <(exec $KILPI loop.lua 2> err.txt); pid=$!
      read -u 3 line; kill -INT $pid; cat <&3; wait $pid; status=$?; cat err.txt >&2; exit $status
      """)
    #expect(result.output == "closed\n")
    #expect(
      result.error
        == "kilpi: loop.lua:3: interrupted\nstack traceback:\n  loop.lua:3: in main chunk\n")
    #expect(result.status == 130)
  }

  @Test(
    arguments: [
      "io.read()", "io.read(10)", "io.stdin:read(\"a\")", "pcall(io.read)",
      "for line in io.lines() do end", "for line in io.stdin:lines() do end",
      "io.popen(\"exec sleep 60\"):read()",
      "for line in io.popen(\"exec sleep 60\"):lines() do end",
      "io.popen(\"exec sleep 60\"):close()", "io.popen(\"trap : INT; read x\"):close()",
      "debug.debug()", "coroutine.wrap(io.read)()",
    ])
  func anInterruptedWaitEndsTheScript(wait: String) throws {
    let name = "wait-\(wait.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF_FFFF })"
    let result = try Executable.shell(
      """
      mkfifo \(name); exec 4<> \(name)
      exec 3< <(exec $KILPI -e 'print(1) io.stdout:flush() \(wait) print("swallowed")' <&4 2> \(name).txt); pid=$!
      read -u 3 line; until grep -q "^State:.S" /proc/$pid/status; do :; done; kill -INT $pid
      cat <&3; wait $pid; status=$?; cat \(name).txt; exit $status
      """)
    // A coroutine that only waits has no line of its own.
    let place = wait.hasPrefix("coroutine") ? "kilpi: " : "(command line):1: "
    #expect(result.output.contains(place + "interrupted\n"))
    #expect(!result.output.contains("swallowed"))
    #expect(result.status == 130)
  }

  /// Long operations in a loop, reads that never lack data, and places where Lua looks at no interrupt.
  @Test(
    arguments: [
      "local s = (\"x\"):rep(1e8) while true do s:upper() end",
      "local s = (\"x\"):rep(1e8) while true do local t = s .. \"y\" end",
      "io.open(\"/dev/zero\"):read(\"l\")", "for l in io.lines(\"/dev/zero\") do end",
      "pcall(function() io.popen(\"yes\"):read(\"a\") end)",
      "warn(\"@on\") while true do warn(\"x\") end",
      "setmetatable({}, {__gc = function() while true do end end}) collectgarbage()",
      "setmetatable({}, {__gc = function() while true do end end}) os.exit(0, true)",
      "debug.sethook(function() while true do end end, \"c\") print(2)",
    ])
  func oneInterruptEndsWhateverRuns(work: String) throws {
    let name = "work-\(work.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF_FFFF })"
    let result = try Executable.shell(
      """
      exec 3< <(exec $KILPI --memory 1G -e 'print(1) io.stdout:flush() \(work) print("swallowed")' 2> \(name).txt); pid=$!
      read -u 3 line; sleep 0.3; kill -INT $pid; cat <&3; wait $pid
      """)
    #expect(!result.output.contains("swallowed"))
    #expect(result.status == 130)
  }

  /// A press during a read costs the file nothing.
  @Test func aReadThatWasInterruptedGoesOnElsewhere() throws {
    let source = """
      local f = io.open("/dev/zero")
      local ends <close> = setmetatable({}, {__close = function() print(#f:read(3), #io.read()) end})
      print(1) io.stdout:flush()
      f:read("l")
      """
    _ = try Executable.file("zero.lua", Array(source.utf8))
    let result = try Executable.shell(
      """
      exec 3< <(exec $KILPI zero.lua <<< abcd 2> /dev/null); pid=$!
      read -u 3 line; sleep 0.3; kill -INT $pid; cat <&3; wait $pid
      """)
    #expect(result.output == "3\t4\n")
    #expect(result.status == 130)
  }

  /// A child that Ctrl-C ends takes the script with it, as a shell's script.
  @Test func aChildThatIsInterruptedEndsTheScript() throws {
    let result = try Executable.run([
      "-e", "print(1) os.execute('kill -INT $$') print('swallowed')",
    ])
    #expect(result.output == "1\n" && result.status == 130)
    let other = try Executable.run(["-e", "print(os.execute('kill -TERM $$'))"])
    #expect(other.output == "nil\tsignal\t15\n" && other.status == 0)
  }

  /// An interrupt that a finalizer ate comes back before anything else is said.
  @Test func afterAFinalizerTheInterruptIsRaised() throws {
    let result = try Executable.shell(
      """
      $KILPI -e 'setmetatable({}, {__gc = function() io.popen("kill -INT $PPID"):close() end}) collectgarbage() print("swallowed")'
      """)
    #expect(!result.output.contains("swallowed"))
  }

  @Test func childrenGiveWhatLuaPromises() throws {
    let source = """
      print(io.popen('exit 3'):close())
      print(io.popen('cat', 'w'):write('to cat\\n'):close())
      print(select('#', io.popen('echo a; echo b'):read('l', 'l', 'l')))
      print(pcall(io.popen, 'x', 'rw'))
      for line in io.popen('printf "x\\\\ny"'):lines() do io.write(line, ';') end
      print(io.type(io.popen('true')), tostring(io.popen('true')):match('^file %(0x'))
      """
    _ = try Executable.file("children.lua", Array(source.utf8))
    let result = try Executable.run(["children.lua"])
    #expect(
      result.output == """
        nil\texit\t3
        to cat
        true\texit\t0
        3
        false\tbad argument #2 to 'io.popen' (invalid mode)
        x;y;file\tfile (0x

        """)
  }

  @Test(
    arguments: [
      ("os.exit(0)", 1), ("os.exit(true)", 1), ("os.exit(true, true)", 1), ("os.exit(5)", 5),
    ])
  func exitingAfterLostOutputFails(exit: String, status: Int32) throws {
    let result = try Executable.shell("$KILPI -e 'io.write(1) \(exit)' > /dev/full")
    let text = "kilpi: cannot write the output: No space left on device\n"
    #expect(result.error == (status == 1 ? text : "") && result.status == status)
  }

  @Test func exitingCanCloseTheState() throws {
    let source =
      "local a <close> = setmetatable({}, {__close = function() print('closed') end})"
      + " b = setmetatable({}, {__gc = function() print('collected') end}) os.exit(7, true)"
    let result = try Executable.run(["-e", source])
    #expect(result == Executable.Result(output: "closed\ncollected\n", error: "", status: 7))
  }

  @Test func scriptsAreToldWhatWasMeant() throws {
    _ = try Executable.file(
      "meant.lua", Array("local attack = attack\nattack.pdg(1)\n".utf8))
    let file = try Executable.run(["meant.lua"])
    #expect(
      file.error.hasPrefix(
        "kilpi: meant.lua:2: attempt to call a nil value (field 'pdg') (did you mean 'pgd'?)\n"))
    let code = try Executable.run(["-e", "tensor.zeos{2}"])
    #expect(code.error.contains("(field 'zeos') (did you mean 'zeros'?)"))
    let global = try Executable.run(["-e", "tensr.zeros{2}"])
    #expect(global.error.contains("(global 'tensr') (did you mean 'tensor'?)"))
  }

  @Test func displaysWithoutATerminalAreShownAnew() throws {
    let result = try Executable.run(["-e", "for i = 1, 3 do display('step ' .. i, {id = 'a'}) end"])
    #expect(result.output == "\"step 1\"\n\"step 2\"\n\"step 3\"\n")
    #expect(
      result.error
        == "display: 'a' is printed anew: only the last lines of a terminal can be replaced\n")
  }

  @Test func terminationIs143() throws {
    let result = try Executable.shell(
      """
      exec 3< <(exec $KILPI -e 'print(1) io.stdout:flush() while true do end'); pid=$!
      read -u 3 line; kill -TERM $pid; wait $pid; exit $?
      """)
    #expect(result.status == 143)
  }

  @Test func aScriptAtAPipedPromptReadsTheNextLine() throws {
    let input = "io.read(), io.read('n')\nfirst\n42 is left\n1 + 1\n"
    let result = try Executable.run(["-i", "--quiet"], input: input)
    #expect(result.output.hasPrefix("> \"first\"\t42\n> "))
    #expect(result.error == "error: cell[2]:1: syntax error near 'left'\n")
    #expect(result.output.hasSuffix("> 2\n> \n"))
  }

  @Test func aPipedPromptEchoesAndGoesOnAfterErrors() throws {
    let input = "1 + 1\nx = 5\nfor i = 1, 2 do\nprint(i * x)\nend\nnosuch()\n:who\n?print\n"
    let result = try Executable.run(["-i", "--quiet"], input: input)
    #expect(
      result.output == """
        > 2
        > > .. .. 5
        10
        > > x  number  5
        > print(...)

        Writes the arguments, through tostring, with tabs between and a newline behind.
        >\u{20}

        """)
    #expect(result.error == "error: cell[4]:1: attempt to call a nil value (global 'nosuch')\n")
    #expect(result.status == 0)
  }

  /// One press ends a value's own `__tostring`, be it asked for `Out` or for the echo; no value is
  /// shown then.
  @Test(arguments: [1, 2]) func anInterruptEndsTheEcho(call: Int) throws {
    let source = """
      local calls = 0
      return setmetatable({}, {__tostring = function()
        calls = calls + 1
        if calls < \(call) then return "early" end
        if calls == \(call) then io.popen("kill -INT $PPID"):close() while true do end end
        return "late"
      end})
      """
    _ = try Executable.file("value\(call).lua", Array(source.utf8))
    let result = try Executable.run(
      ["-i", "--quiet"], input: "dofile('value\(call).lua')\n40 + 2\n")
    #expect(result.output == "> > 42\n> \n")
    #expect(result.error.contains("interrupted\n"))
    #expect(result.status == 0)
  }

  @Test func thePromptComesAfterAFailedScript() throws {
    _ = try Executable.file("fails.lua", Array("x = 1 error('stop', 0)".utf8))
    let result = try Executable.run(["-i", "--quiet", "fails.lua"], input: "x\n")
    #expect(result.output == "> 1\n> \n")
    #expect(result.error.hasPrefix("kilpi: stop\n"))
  }

  @Test func standardInputIsReadByScripts() throws {
    _ = try Executable.file("reads.lua", Array("print(io.read('n') * 2)".utf8))
    #expect(try Executable.run(["reads.lua"], input: "21\n").output == "42\n")
  }

  @Test func outputKeepsItsOrder() throws {
    let result = try Executable.shell("$KILPI -e 'io.write(1) io.stderr:write(2) print(3)' 2>&1")
    #expect(result.output == "123\n")
  }
}
