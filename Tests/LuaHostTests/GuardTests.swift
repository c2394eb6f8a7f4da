import LuaHost
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Standard functions that Kilpi guards: text only, output, environments, sandbox.
@Suite struct GuardTests {
  static let cases = [
    ScriptCase(
      "load refuses a binary chunk", "return load(string.dump(function() end))",
      "nil attempt to load a binary chunk (mode is 't')"),
    ScriptCase(
      "load refuses it in mode b too", "return load(string.dump(function() end), 'x', 'b')",
      "nil attempt to load a binary chunk (mode is '-')"),
    ScriptCase(
      "load refuses pieces of one",
      "local s, i = string.dump(function() end), 0"
        + " return load(function() i = i + 1 return i <= #s and s:sub(i, i) or nil end)",
      "nil attempt to load a binary chunk (mode is 't')"),
    ScriptCase("load takes text in mode b not", "return (load('return 1', 'x', 'b'))", "nil"),
    ScriptCase(
      "load with pieces",
      "local list, i = {'return ', '4', ' + 1'}, 0"
        + " return load(function() i = i + 1 return list[i] end)()", "5"),
    ScriptCase(
      "load with an environment", "return load('return x', 'c', 't', {x = 3})()", "3"),
    ScriptCase(
      "load with a mode sees the globals", "x = 5 return load('return x', 'c', 't')()", "5"),
    ScriptCase(
      "loadfile with a mode sees the globals",
      "local p = os.tmpname() local f = io.open(p, 'w') f:write('return type(print)') f:close()"
        + " local g = loadfile(p, 't') os.remove(p) return g()", "function"),
    ScriptCase(
      "a guarded function names itself and the line",
      "return select(2, pcall(function() return string.find() end))",
      "t:1: bad argument #1 to 'find' (string expected, got no value)"),
    ScriptCase(
      "a guarded method names itself",
      "return select(2, pcall(function() return ('x'):gmatch({}) end))",
      "t:1: bad argument #1 to 'gmatch' (string expected, got table)"),
    ScriptCase(
      "a polling function names itself",
      "return select(2, pcall(function() return table.move({}) end))",
      "t:1: bad argument #2 to 'move' (number expected, got no value)"),
    ScriptCase(
      "load with a nil environment",
      "local f = load('return x', 'c', 't', nil) return (pcall(f))", "false"),
    ScriptCase(
      "load from pieces with an environment",
      "local i = 0 return load(function() i = i + 1 return i == 1 and 'return x' or nil end, 'c',"
        + " 't', {x = 4})()", "4"),
    ScriptCase(
      "load sees the caller's variables",
      "local function f() local _ENV <const> = {load = load, x = 7}"
        + " return (function() local y = x return load('return x')() end)() end return f()", "7"),
    ScriptCase(
      "load names the chunk", "return select(2, load('x ='))",
      "[string \"x =\"]:1: unexpected symbol near <eof>"),
    ScriptCase(
      "reader that gives no string", "return select(2, load(function() return {} end))",
      "t:1: reader function must return a string"),
    ScriptCase(
      "reader that raises", "return select(2, load(function() error('r', 0) end))", "r"),
    ScriptCase("loadfile without a file", "return (loadfile('/nonexistent'))", "nil"),
    ScriptCase("move", "return table.concat(table.move({1, 2, 3}, 1, 3, 2), ' ')", "1 1 2 3"),
    ScriptCase(
      "move of too much", "return pcall(table.move, {}, -1, math.maxinteger, 2)",
      "false t:1: bad argument #3 to 'move' (too many elements to move)"),
    ScriptCase(
      "move past the end", "return pcall(table.move, {}, 1, math.maxinteger, 2)",
      "false t:1: bad argument #4 to 'move' (destination wrap around)"),
    ScriptCase(
      "hostile pattern error has a place",
      "return select(2, pcall(function() return ('x'):rep(1e5):find('.-.-.-[') end))",
      "t:1: malformed pattern (missing ']')"),
    ScriptCase(
      "short pattern error has a place",
      "return select(2, pcall(function() return ('x'):find('[') end))",
      "t:1: malformed pattern (missing ']')"),
    ScriptCase(
      "an order that is none has a place",
      "return select(2, pcall(function() table.sort({3, 1, 2, 5, 4}, function() return true end) end))",
      "t:1: invalid order function for sorting"),
    ScriptCase(
      "sort of a string", "return pcall(function() table.sort('a') end)",
      "false t:1: bad argument #1 to 'sort' (table expected, got string)"),
    ScriptCase(
      "upvalues of C functions stay",
      "return pcall(debug.setupvalue, io.open, 1, {})",
      "false bad argument #1 to 'debug.setupvalue' (Lua function expected)"),
    ScriptCase(
      "upvalues of Lua functions change",
      "local a = 1 local f = function() return a end debug.setupvalue(f, 1, 2) return f()", "2"),
    ScriptCase("registry is absent", "return debug.getregistry", "nil"),
    ScriptCase("print", "print(1, 'a', nil, 2.5)", ""),
    ScriptCase(
      "tostring of a bad __name", "return (pcall(print, setmetatable({}, {__tostring = 1})))",
      "false"),
    ScriptCase(
      "own hook counts lines",
      "local n = 0 debug.sethook(function() n = n + 1 end, 'l')\nlocal a = 1\nlocal b = 2\n"
        + "debug.sethook() return n >= 3, debug.gethook()", "true nil"),
    ScriptCase(
      "own hook counts instructions",
      "local n = 0 debug.sethook(function(e) n = n + 1 end, '', 100)"
        + " for i = 1, 10000 do end debug.sethook() return n >= 100 and n < 1000", "true"),
    ScriptCase(
      "own hook with a long count",
      "local n = 0 debug.sethook(function(e) n = n + 1 end, '', 30000)"
        + " for i = 1, 300000 do end debug.sethook() return n >= 9 and n <= 11", "true"),
    ScriptCase(
      "hook is given back",
      "local f = function() end debug.sethook(f, 'cr', 5) local g, m, c = debug.gethook()"
        + " debug.sethook() return f == g, m, c", "true cr 5"),
    ScriptCase(
      "own hook of another coroutine",
      "local n = 0 local co = coroutine.create(function() local a = 1 local b = 2 end)"
        + " debug.sethook(co, function() n = n + 1 end, 'l') coroutine.resume(co) return n > 0",
      "true"),
  ]

  @Test(arguments: cases) func outcome(_ row: ScriptCase) throws {
    let bench = try Bench()
    let text = try bench.run(row.source).joined(separator: " ")
    #expect(text == row.expected)
    bench.finish()
  }

  static let outputs = [
    ScriptCase("print", "print(1, 'a', nil, 2.5) print()", "1\ta\tnil\t2.5\n\n"),
    ScriptCase("io.write", "io.write(1, ' ', 2.5, '\\0')", "1 2.5\0"),
    ScriptCase("io.write chains", "io.write('a'):write('b')", "ab"),
    ScriptCase("io.stdout", "io.stdout:write('a', 3)", "a3"),
    ScriptCase("io.write after io.output", "io.output(io.stdout) io.write('x')", "x"),
    ScriptCase(
      "tostring in print", "print(setmetatable({}, {__tostring = function() return 'T' end}))",
      "T\n"),
    ScriptCase(
      "block form", "print(setmetatable({}, {__print = function() return 'B\\nC' end}))",
      "B\nC\n"),
    ScriptCase(
      "no block form for two",
      "local t = setmetatable({}, {__print = error,"
        + " __tostring = function() return 't' end}) print(t, t)", "t\tt\n"),
    ScriptCase(
      "chatty tostring",
      "print(setmetatable({}, {__tostring = function() print('in')"
        + " return 'T' end}))", "in\nT\n"),
  ]

  @Test(arguments: outputs) func output(_ row: ScriptCase) throws {
    let bench = try Bench()
    try bench.run(row.source)
    #expect(bench.output == row.expected)
    #expect(bench.errors == "")
    bench.finish()
  }

  @Test func errorStreamAndWarnings() throws {
    let bench = try Bench()
    try bench.run(
      """
      io.stderr:write("e") warn("unseen") warn("@on") warn("s", "een")
      for i = 1, 3 do setmetatable({}, {__gc = function() error("oops", 0) end}) end
      collectgarbage() collectgarbage()
      """)
    #expect(bench.errors == "eLua warning: seen\nLua warning: error in __gc (oops)\n")
    #expect(bench.output == "")
    bench.finish()
  }

  @Test func binaryChunksAreRefusedFromFilesAndCells() throws {
    let bench = try Bench()
    let folder = try TemporaryFolder()
    try bench.state.setGlobal("folder", folder.path)
    try bench.state.prependSearchPath(folder.path)
    try bench.run(
      """
      local f = assert(io.open(folder .. "/bin.lua", "wb"))
      f:write(string.dump(function() return 1 end)) f:close()
      f = assert(io.open(folder .. "/text.lua", "wb"))
      f:write("#!/usr/bin/env kilpi\\r\\nlocal name, path = ...\\r\\nreturn {name = name, x = y}")
      f:close()
      y = 5
      """)
    let refused = try bench.run(
      """
      local path = folder .. "/bin.lua"
      local a, b = loadfile(path)
      local c, d = pcall(dofile, path)
      local e, f = pcall(require, "bin")
      return a, b:match("binary chunk"), c, d:match("binary chunk"), e, f:match("binary chunk")
      """)
    #expect(
      refused == ["nil", "binary chunk", "false", "binary chunk", "false", "binary chunk"])
    let read = try bench.run(
      "return require('text').name, require('text').x, dofile(folder .. '/text.lua').x")
    #expect(read == ["text", "5", "5"])
    let dump = try #require(
      try bench.state.run("return string.dump(function() end)", chunkName: "=t").first)
    if case .string(let bytes) = dump {
      let error = #expect(throws: LuaError.self) {
        try bench.state.run(bytes: bytes.bytes, chunkName: "=t")
      }
      #expect(error?.message == "attempt to load a binary chunk (mode is 't')")
    }
    bench.finish()
  }

  @Test func compileOnly() throws {
    let bench = try Bench()
    let state = bench.state
    #expect(state.compileError("print('not run')") == nil)
    #expect(state.compileError("1 +")?.kind == .syntax(incomplete: false))
    #expect(state.compileError("return 1 +\n")?.kind == .syntax(incomplete: true))
    #expect(state.compileError("s = 'abc\n")?.kind == .syntax(incomplete: false))
    #expect(state.compileError("#!x\nreturn 1") == nil)
    #expect(state.compileError("\u{FEFF}return 1") == nil)
    #expect(bench.output == "")
    bench.finish()
  }

  @Test func scriptArguments() throws {
    let bench = try Bench()
    try bench.state.setArguments(
      script: "a.lua", arguments: ["x", "y"], program: ["kilpi", "run"])
    let text = try bench.run("return arg[0], arg[1], arg[2], arg[-1], arg[-2], #arg")
    #expect(text == ["a.lua", "x", "y", "run", "kilpi", "2"])
    bench.finish()
  }

  static let sandboxed = [
    ScriptCase("processes", "return os.execute, io.popen", "nil nil"),
    ScriptCase(
      "file system", "return os.remove, os.rename, os.tmpname, os.setlocale, os.exit",
      "nil nil nil nil nil"),
    ScriptCase(
      "C modules", "return package.loadlib, package.cpath, #package.searchers", "nil nil 3"),
    ScriptCase("debug", "return debug, package.loaded.debug", "nil nil"),
    ScriptCase("debug by require", "return (pcall(require, 'debug'))", "false"),
    ScriptCase("dump", "return string.dump, ('').dump", "nil nil"),
    ScriptCase(
      "reading outside", "return pcall(io.open, '/etc/passwd')",
      "false the sandbox does not allow '/etc/passwd' (start with --allow DIR)"),
    ScriptCase("reading by lines", "return (pcall(io.lines, '/etc/passwd'))", "false"),
    ScriptCase("reading as input", "return (pcall(io.input, '/etc/passwd'))", "false"),
    ScriptCase("writing as output", "return (pcall(io.output, '/tmp/kilpi-ran'))", "false"),
    ScriptCase("running a file", "return (pcall(dofile, '/etc/passwd'))", "false"),
    ScriptCase("loading a file", "return (pcall(loadfile, '/etc/passwd'))", "false"),
    ScriptCase(
      "climbing out", "return (pcall(io.open, folder .. '/../../etc/passwd'))", "false"),
    ScriptCase("a link out", "return (pcall(io.open, folder .. '/link/passwd'))", "false"),
    ScriptCase("a link to nowhere", "return (pcall(io.open, folder .. '/nowhere', 'w'))", "false"),
    ScriptCase(
      "inside the folder",
      "local f = io.open(folder .. '/a.txt', 'w') f:write('in') f:close()"
        + " return io.open(folder .. '/a.txt'):read('a')", "in"),
    ScriptCase(
      "a sibling with the same beginning", "return (pcall(io.open, folder .. 'x/a', 'w'))", "false"),
    ScriptCase("print still works", "print(1)", ""),
    ScriptCase(
      "numbers as names",
      "return pcall(io.output, 5), pcall(io.input, 5), pcall(io.lines, 1e15), pcall(io.open, 5, 'w')",
      "false false false false the sandbox does not allow '5' (start with --allow DIR)"),
    ScriptCase("search for files", "return package.searchpath", "nil"),
    ScriptCase(
      "a module's search tells nothing of files elsewhere",
      "package.path = '/etc/passwd;/etc/?' local _, a = pcall(require, 'passwd')"
        + " package.path = '/etc/none;/etc/no?' local _, b = pcall(require, 'passwd')"
        + " return a == b, (a:find('/etc', 1, true))", "true nil"),
    ScriptCase(
      "a module in the folder",
      "local f = io.open(folder .. '/mod.lua', 'w') f:write('return ...') f:close()"
        + " package.path = '/etc/?.lua;' .. folder .. '/?.lua' return require('mod') == 'mod'",
      "true"),
    ScriptCase(
      "environment", "return os.getenv('HOME'), os.getenv('PATH'), (pcall(os.getenv))",
      "nil nil false"),
    ScriptCase(
      "paths that functions build", "return pcall(fake.read, folder .. '/a')",
      "false t:1: fake.read: cannot read '/etc/passwd': the sandbox does not allow it"),
  ]

  @Test(arguments: sandboxed) func sandbox(_ row: ScriptCase) throws {
    let folder = try TemporaryFolder()
    symlink("/etc", folder.path + "/link")
    symlink("/nonexistent/file", folder.path + "/nowhere")
    var configuration = LuaState.Configuration()
    configuration.isSandboxed = true
    configuration.allowedFolders = [folder.path]
    let bench = try Bench(configuration)
    try bench.state.setGlobal("folder", folder.path)
    let text = try bench.run(row.source).joined(separator: " ")
    #expect(text == row.expected)
    bench.finish()
  }
}

/// A folder that disappears with the value.
final class TemporaryFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/kilpi-luahost-XXXXXX".utf8CString)
    path = try template.withUnsafeMutableBufferPointer { buffer in
      let start = try #require(buffer.baseAddress)
      return String(cString: try #require(mkdtemp(start)))
    }
  }

  deinit {
    guard let folder = opendir(path) else { return }
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { unlink(path + "/" + name) }
    }
    closedir(folder)
    rmdir(path)
  }
}
