import Foundation
import Testing

/// One call of the executable and what it leaves.
struct Row: CustomTestStringConvertible, Sendable {
  var arguments: [String]
  var input = ""
  var environment: [String: String] = [:]
  var output = ""
  var error = ""
  var status: Int32 = 0

  var testDescription: String {
    let variables = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return (variables + ["kilpi"] + arguments).joined(separator: " ")
  }
}

@Suite struct InvocationTests {
  /// A classifier whose passes differ by three millionths, and whether its report says so.
  private static let unsteady = """
    local n = 0
    local function f(x)
      n = n + 1
      local m = x:mean{axis = {2, 3, 4}}:reshape{-1, 1}
      return tensor.cat({m, 0.4 - m}, 2) * (1 + (n % 2) * 3e-6)
    end
    local _, report = attack.fgsm(f, tensor.full({2, 3, 2, 2}, 0.25), {1, 1}, {progress = false})
    local found = "steady"
    for _, flag in ipairs(report.flags) do
      found = flag:match("^randomised_output") or found
    end
    print(found)
    """

  @Test(
    arguments: [
      Row(arguments: ["-e", ""]),
      Row(arguments: ["-e", unsteady], output: "steady\n"),
      Row(arguments: ["--deterministic", "-e", unsteady], output: "randomised_output\n"),
      Row(arguments: ["-e", "print(1 + 1)"], output: "2\n"),
      Row(
        arguments: ["-e", "1 + 1"], error: "kilpi: (command line):1: unexpected symbol near '1'\n",
        status: 1),
      Row(arguments: ["-e", "x = 1", "-e", "print(x)"], output: "1\n"),
      Row(arguments: ["-e", "print(x)", "-e", "x = 1"], output: "nil\n"),
      Row(arguments: ["-e", "-- only a note"]),
      Row(arguments: ["-e", "print(arg[0] ~= nil, arg[1])"], output: "true\t-e\n"),
      Row(
        arguments: ["-l", "string", "-e", "print(string == require 'string')"], output: "true\n"),
      Row(arguments: [], input: "print('from a pipe', ...)", output: "from a pipe\n"),
      Row(arguments: ["-"], input: "print('dash', arg[0])", output: "dash\t-\n"),
      Row(arguments: ["-", "a", "-e"], input: "print(...)", output: "a\t-e\n"),
      Row(
        arguments: [], input: "#!/usr/bin/env kilpi\nerror('x')",
        error: "kilpi: stdin:2: x\nstack traceback:\n  stdin:2: in main chunk\n", status: 1),
      Row(arguments: ["-e", "os.exit(7)"], status: 7),
      Row(arguments: ["-e", "os.exit(true)"]),
      Row(arguments: ["-e", "os.exit(false)"], status: 1),
      Row(arguments: ["-e", "io.write('kept') os.exit(3)"], output: "kept", status: 3),
      Row(
        arguments: ["-e", "error('no place', 0)"],
        error: "kilpi: no place\nstack traceback:\n  (command line):1: in main chunk\n", status: 1),
      Row(
        arguments: ["-e", "error(setmetatable({}, {__tostring = function() return 'mine' end}))"],
        error: "kilpi: mine\nstack traceback:\n  (command line):1: in main chunk\n", status: 1),
      Row(
        arguments: ["-e", "x ="], error: "kilpi: (command line):1: unexpected symbol near <eof>\n",
        status: 1),
      Row(
        arguments: ["nofile.lua"],
        error: "kilpi: cannot read 'nofile.lua': there is no such file\n", status: 1),
      Row(
        arguments: ["run"], error: "kilpi: run needs a script (kilpi run script.lua)\n", status: 64),
      Row(
        arguments: ["--bogus"],
        error: "kilpi: unknown option '--bogus' (kilpi --help lists the options)\n", status: 64),
      Row(
        arguments: ["--colour", "never"],
        error: "kilpi: unknown option '--colour' (did you mean '--color'?)\n", status: 64),
      Row(
        arguments: ["-i", "--sandbx"],
        error: "kilpi: unknown option '--sandbx' (did you mean '--sandbox'?)\n", status: 64),
      Row(
        arguments: ["-x"], error: "kilpi: unknown option '-x' (kilpi --help lists the options)\n",
        status: 64),
      Row(arguments: ["-e"], error: "kilpi: missing value for '-e <code>'\n", status: 64),
      Row(
        arguments: ["--color", "pink"],
        error:
          "kilpi: the value 'pink' is invalid for '--color <color>'. Please provide one of 'auto', 'always' or 'never'\n",
        status: 64),
      Row(
        arguments: ["--graphics", "foo"],
        error:
          "kilpi: the value 'foo' is invalid for '--graphics <graphics>'. Please provide one of the following: auto, kitty, iterm, sixel, blocks, none\n",
        status: 64),
      Row(
        arguments: ["--version", "extra"],
        error: "kilpi: --version takes nothing, not 'extra'\n", status: 64),
      Row(
        arguments: ["docter"],
        error: "kilpi: there is no script 'docter' (did you mean 'kilpi doctor'?)\n", status: 64),
      Row(
        arguments: ["--threads", "0"], error: "kilpi: threads is 0, outside 1 ... 1024\n",
        status: 64),
      Row(
        arguments: ["--memory", "lots"],
        error: "kilpi: --memory is 'lots', which is no size from 1M on (write 512M or 4G)\n",
        status: 64),
      Row(
        arguments: ["--allow", "/tmp"],
        error: "kilpi: --allow means something only with --sandbox\n", status: 64),
      Row(
        arguments: ["-e", ""], environment: ["KILPI_THREADS": "x"],
        error: "kilpi: KILPI_THREADS is 'x', which is no number\n", status: 64),
      Row(
        arguments: ["-e", ""], environment: ["KILPI_MEMORY": "1"],
        error: "kilpi: KILPI_MEMORY is '1', which is no size from 1M on (write 512M or 4G)\n",
        status: 64),
      Row(
        arguments: ["-e", ""], environment: ["KILPI_GRAPHICS": "cat"],
        error: "kilpi: KILPI_GRAPHICS is 'cat' (one of auto, kitty, iterm, sixel, blocks, none)\n",
        status: 64),
      Row(
        arguments: ["help", "rnu"],
        error: "kilpi: there is no subcommand 'rnu' (did you mean 'run'?)\n", status: 64),
      Row(
        arguments: ["help", "run", "it"],
        error: "kilpi: help takes one subcommand, not also 'it'\n", status: 64),
      Row(
        arguments: ["doctor", "--jsn"],
        error: "kilpi: doctor: unknown option '--jsn'. Did you mean '--json'?\n", status: 64),
      Row(
        arguments: ["-e", "print(1.5, 2^53, string.format('%.2f', 0.5))"],
        environment: ["LC_ALL": "de_DE.UTF-8"],
        output: "1.5\t9.007199254741e+15\t0.50\n"),
      Row(
        arguments: ["-e", "print(INIT)"], environment: ["LUA_INIT": "INIT = 'ran'"], output: "ran\n"
      ),
      Row(
        arguments: ["-e", "print(INIT)"],
        environment: ["LUA_INIT_5_4": "INIT = 54", "LUA_INIT": "INIT = 5"], output: "54\n"),
      Row(
        arguments: ["-E", "-e", "print(INIT)"], environment: ["LUA_INIT": "INIT = 'ran'"],
        output: "nil\n"),
      Row(
        arguments: ["-e", "print(package.path:match('mine'))"],
        environment: ["LUA_PATH_5_4": "mine/?.lua;;"], output: "mine\n"),
      Row(arguments: ["-e", "warn('a', 'b')"]),
      Row(arguments: ["-W", "-e", "warn('a', 'b')"], error: "Lua warning: ab\n"),
      Row(
        arguments: ["--color", "always", "-e", "error('x', 0)"],
        error:
          "\u{1B}[1;31mkilpi:\u{1B}[0m x\n\u{1B}[2mstack traceback:\n  (command line):1: in main chunk\u{1B}[0m\n",
        status: 1),
      Row(
        arguments: ["-e", "error('x', 0)"], environment: ["FORCE_COLOR": "1"],
        error:
          "\u{1B}[1;31mkilpi:\u{1B}[0m x\n\u{1B}[2mstack traceback:\n  (command line):1: in main chunk\u{1B}[0m\n",
        status: 1),
      Row(
        arguments: ["--traceback", "full", "-e", "error('x', 0)"],
        error:
          "kilpi: x\nstack traceback:\n  [C]: in function 'error'\n  (command line):1: in main chunk\n",
        status: 1),
      Row(
        arguments: ["-e", "load(string.dump(function() end))()"],
        error:
          "kilpi: (command line):1: attempt to call a nil value\nstack traceback:\n  (command line):1: in main chunk\n",
        status: 1),
      Row(
        arguments: ["--sandbox", "-e", "print(io.popen, os.execute, debug, string.dump)"],
        output: "nil\tnil\tnil\tnil\n"),
      Row(
        arguments: ["--sandbox", "--quiet", "--no-rc", "-i"],
        input:
          "!echo ran\n:save /tmp/kilpi-sandbox.lua\n:run /etc/passwd\n:load /etc/passwd\n:cd /etc\n",
        output: "> > > > > > \n",
        error: "error: the sandbox runs no processes\n"
          + "error: the sandbox does not allow '/tmp/kilpi-sandbox.lua' (start with --allow DIR)\n"
          + "error: the sandbox does not allow '/etc/passwd' (start with --allow DIR)\n"
          + "error: the sandbox does not allow '/etc/passwd' (start with --allow DIR)\n"
          + "error: the sandbox does not allow '/etc' (start with --allow DIR)\n"),
      // The shipped model is no file of the user's.
      Row(
        arguments: ["--sandbox", "-e", "print(clip.load('kilpi-tiny'):num_parameters())"],
        output: "4366593\n"),
      Row(
        arguments: ["-e", "print(#arg, ...)", "-i"], input: "", output: "3\n> \n", error: banner),
    ])
  func row(_ row: Row) throws {
    let result = try Executable.run(row.arguments, input: row.input, environment: row.environment)
    #expect(result == Executable.Result(output: row.output, error: row.error, status: row.status))
  }

  private static let banner =
    "Kilpi 0.1.0 · Lua 5.4.4\n?NAME for help, :help for commands, Ctrl-D to leave\n"

  // MARK: Scripts

  @Test(
    arguments: [
      ("plain.lua", "print('hi', ...)", "hi\ta\t-e\t--help\n"),
      ("shebang.lua", "#!/usr/bin/env kilpi\nprint(debug.getinfo(1, 'l').currentline)", "2\n"),
      ("bom.lua", "\u{FEFF}print('bom')", "bom\n"),
      ("bom-shebang.lua", "\u{FEFF}#!x\nprint('both')", "both\n"),
      ("crlf.lua", "print('a')\r\nprint([[b\r\nc]])\r\n", "a\nb\nc\n"),
      ("arg.lua", "print(arg[0], arg[1], #arg, arg[-1] ~= nil)", "arg.lua\ta\t3\ttrue\n"),
      ("name with space.lua", "print(1)", "1\n"),
      ("empty.lua", "", ""),
      ("local.lua", "local x = 1 do local x = 2 end print(x, _G.x)", "1\tnil\n"),
    ])
  func scripts(name: String, source: String, expected: String) throws {
    _ = try Executable.file(name, Array(source.utf8))
    for prefix in [[], ["run"], ["--quiet"], ["--quiet", "run"]] {
      let result = try Executable.run(prefix + [name, "a", "-e", "--help"])
      #expect(result == Executable.Result(output: expected, error: "", status: 0), "\(prefix)")
    }
  }

  @Test func scriptsFindTheirNeighbours() throws {
    _ = try Executable.file("folder/neighbour.lua", Array("return 'found'".utf8))
    _ = try Executable.file("folder/main.lua", Array("print((require 'neighbour'))".utf8))
    #expect(try Executable.run(["folder/main.lua"]).output == "found\n")
  }

  @Test func subcommandsNeedAPathToBeScripts() throws {
    _ = try Executable.file("doctor", Array("print('a script')".utf8))
    #expect(try Executable.run(["./doctor"]).output == "a script\n")
    #expect(try Executable.run(["run", "doctor"]).output == "a script\n")
    #expect(try Executable.run(["--", "doctor"]).output == "a script\n")
  }

  @Test func errorsInScriptsPointAtThem() throws {
    _ = try Executable.file(
      "deep.lua",
      Array("local function f()\n  error('deep')\nend\nlocal function g() f() end\ng()".utf8))
    let result = try Executable.run(["deep.lua"])
    #expect(
      result.error == """
        kilpi: deep.lua:2: deep
        stack traceback:
          deep.lua:2: in upvalue 'f'
          deep.lua:4: in local 'g'
          deep.lua:5: in main chunk

        """)
    #expect(result.status == 1)
  }

  /// The program in another clone: its own files, not those of the place where it was built.
  @Test func aMovedCloneHasItsStandardFolder() throws {
    let result = try Executable.shell(
      """
      mkdir -p moved/.build/release moved/stdlib/data; cp -L $KILPI moved/.build/release/kilpi
      echo 'return 1' > moved/stdlib/here.lua
      unset KILPI_STDLIB; moved/.build/release/kilpi -e 'print((require "here"))'
      moved/.build/release/kilpi doctor | grep -c "standard library *$PWD/moved/stdlib$"
      KILPI_STDLIB=/nowhere moved/.build/release/kilpi doctor | grep -o "not found: .*"
      """)
    #expect(
      result.output == "1\n1\nnot found: KILPI_STDLIB names '/nowhere', which is no folder\n")
  }

  @Test func theStandardFolderIsOnThePath() throws {
    _ = try Executable.file("lib/mine.lua", Array("return 'mine'".utf8))
    let result = try Executable.run(
      ["-e", "print((require 'mine'))"], environment: ["KILPI_STDLIB": Executable.folder + "/lib"])
    #expect(result.output == "mine\n")
  }
}
