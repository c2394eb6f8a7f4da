/// One line about each function and value of Lua's own libraries, for `?name` and completion.
enum StandardLibrary {
  /// What is said about one name.
  struct Entry: Equatable {
    var name: String
    /// `string.rep(s, n [, sep]) -> string`.
    var signature: String
    var text: String
  }

  /// The entry of a full name, such as `table.sort` or `print`.
  static func entry(_ name: String) -> Entry? { all.first { $0.name == name } }

  /// All entries, in the order of the manual.
  static let all: [Entry] = (basic + libraries).split(separator: "\n").compactMap { line in
    guard let bar = line.firstIndex(of: "|") else { return nil }
    let signature = line[..<bar].trimmed
    let name = signature.prefix { $0 != "(" && $0 != " " }
    return Entry(
      name: String(name), signature: signature, text: line[line.index(after: bar)...].trimmed)
  }

  private static let basic = """
    assert(v [, message, ...]) -> v, message, ... | Raises an error when v is false or nil; otherwise gives all its arguments.
    collectgarbage([opt [, arg]]) -> result | Runs or steers the collector: "collect", "count" (kilobytes in use), "stop", "restart", "step", "isrunning", "incremental", "generational".
    dofile([path]) -> ... | Runs a Lua file and gives its results. Binary chunks are refused.
    error(message [, level]) | Raises an error with any value; level 1 (default) adds the place of the call, 2 that of its caller, 0 none.
    getmetatable(object) -> table | The metatable, or its field __metatable; nil without one.
    ipairs(t) -> iterator, t, 0 | Iterates over t[1], t[2], … up to the first nil.
    load(chunk [, name [, mode [, env]]]) -> function | Compiles a string, or pieces from a function; nil and a message when it does not compile. Binary chunks are refused.
    loadfile([path [, mode [, env]]]) -> function | Compiles a file without running it.
    next(table [, index]) -> index, value | The pair after the given index, in no fixed order; nil at the end. next(t) == nil means that t is empty.
    pairs(t) -> next, t, nil | Iterates over all keys and values; asks the metamethod __pairs.
    pcall(f [, ...]) -> ok, ... | Calls f protected: true and its results, or false and the error. An interrupt goes through.
    print(...) | Writes the arguments, through tostring, with tabs between and a newline behind.
    rawequal(a, b) -> boolean | Equality without metamethods.
    rawget(table, index) -> value | The value of a key without metamethods.
    rawlen(v) -> integer | The length of a table or string without metamethods.
    rawset(table, index, value) -> table | Sets a key without metamethods.
    require(name) -> value, data | Loads a module once and gives what it returned.
    select(n, ...) -> ... | The arguments from number n on (negative: from the end); select("#", ...) counts them.
    setmetatable(table, metatable) -> table | Sets or removes (nil) the metatable.
    tonumber(e [, base]) -> number | The number that a string stands for, in base 2 to 36; nil when it is none.
    tostring(v) -> string | The text of a value; asks __tostring.
    type(v) -> string | "nil", "number", "string", "boolean", "table", "function", "thread" or "userdata".
    warn(message, ...) | Shows a warning; "@on" and "@off" switch warnings.
    xpcall(f, handler [, ...]) -> ok, ... | Like pcall, with a function that gets the error before the stack unwinds.
    _G | The table of all global variables.
    _VERSION | The version of the language, "Lua 5.4".
    """ + "\n"

  private static let libraries = """
    coroutine.create(f) -> thread | A new coroutine with body f.
    coroutine.close(co) -> ok, error | Closes a suspended or dead coroutine and its pending variables.
    coroutine.isyieldable([co]) -> boolean | Whether the coroutine can yield.
    coroutine.resume(co [, ...]) -> ok, ... | Starts or continues a coroutine; the values reach its body or its yield.
    coroutine.running() -> thread, main | The running coroutine, and whether it is the main one.
    coroutine.status(co) -> string | "running", "suspended", "normal" or "dead".
    coroutine.wrap(f) -> function | A function that resumes a new coroutine each time it is called.
    coroutine.yield(...) -> ... | Suspends the coroutine; the values are results of resume.
    debug.traceback([message [, level]]) -> string | The calls that led here, as text.
    debug.getinfo([thread,] f [, what]) -> table | What is known of a function or stack level.
    debug.getlocal([thread,] f, n) -> name, value | A local variable of a stack level.
    io.close([file]) | Closes a file, by default the default output.
    io.flush() | Hands on what the default output holds back.
    io.input([file]) -> file | Sets (name or handle) or gives the default input.
    io.lines([path, ...]) -> iterator | Iterates over the lines of a file, and closes it at the end.
    io.open(path [, mode]) -> file | Opens a file: "r", "w", "a", "r+", "w+", "a+", with "b" behind; nil and a message on failure.
    io.output([file]) -> file | Sets (name or handle) or gives the default output.
    io.popen(command [, mode]) -> file | Runs a program and reads ("r") or writes ("w") through a pipe.
    io.read(...) -> ... | Reads from the default input: "l" a line, "L" with its end, "n" a number, "a" all, n bytes.
    io.tmpfile() -> file | A file that vanishes when the program ends.
    io.type(x) -> string | "file", "closed file", or nil for what is no file.
    io.write(...) -> file | Writes strings and numbers to the default output.
    io.stdin | Standard input.
    io.stdout | Standard output.
    io.stderr | Standard error.
    math.abs(x) -> number | The absolute value.
    math.acos(x) -> number | Arc cosine, in radians.
    math.asin(x) -> number | Arc sine, in radians.
    math.atan(y [, x]) -> number | Arc tangent of y/x in the right quadrant, in radians.
    math.ceil(x) -> integer | The smallest integer not below x.
    math.cos(x) -> number | Cosine of radians.
    math.deg(x) -> number | Radians to degrees.
    math.exp(x) -> number | e to the x.
    math.floor(x) -> integer | The largest integer not above x.
    math.fmod(x, y) -> number | The rest of x / y with the sign of x.
    math.huge | Infinity.
    math.log(x [, base]) -> number | The logarithm, natural by default.
    math.max(x, ...) -> number | The largest argument.
    math.maxinteger | The largest integer, 2^63 - 1.
    math.min(x, ...) -> number | The smallest argument.
    math.mininteger | The smallest integer, -2^63.
    math.modf(x) -> integral, fraction | The two parts of a number.
    math.pi | 3.1415926535898.
    math.rad(x) -> number | Degrees to radians.
    math.random([m [, n]]) -> number | A float in [0, 1), or an integer in [1, m] or [m, n]. For tensors and repeatable runs see random.
    math.randomseed([x [, y]]) | Seeds math.random.
    math.sin(x) -> number | Sine of radians.
    math.sqrt(x) -> number | The square root.
    math.tan(x) -> number | Tangent of radians.
    math.tointeger(x) -> integer | The integer equal to x, or nil.
    math.type(x) -> string | "integer", "float", or nil for what is no number.
    math.ult(m, n) -> boolean | Compares integers as if they were unsigned.
    os.clock() -> number | Seconds of processor time used.
    os.date([format [, time]]) -> string | A date as text, or as a table for "*t".
    os.difftime(t2, t1) -> number | Seconds from t1 to t2.
    os.execute([command]) -> ok, what, code | Runs a shell command.
    os.exit([code [, close]]) | Ends the program; true is 0, false is 1.
    os.getenv(name) -> string | An environment variable, or nil.
    os.remove(path) -> ok | Deletes a file or an empty directory.
    os.rename(old, new) -> ok | Renames a file.
    os.setlocale(locale [, category]) -> string | Sets the program's locale.
    os.time([table]) -> integer | Seconds since 1970, now or for a date.
    os.tmpname() -> string | A name for a temporary file.
    package.cpath | Where require looks for C modules.
    package.loaded | Modules that require has loaded.
    package.path | Where require looks for Lua modules.
    package.preload | Loaders for modules by name.
    package.searchers | The functions that require asks in turn.
    package.searchpath(name, path) -> path | The file that a module name leads to.
    string.byte(s [, i [, j]]) -> ... | The bytes s[i] to s[j] as numbers.
    string.char(...) -> string | A string of the given bytes.
    string.dump(f [, strip]) -> string | A function in binary form; Kilpi refuses to load such chunks.
    string.find(s, pattern [, init [, plain]]) -> first, last, ... | Where a pattern matches, and its captures; nil otherwise.
    string.format(format, ...) -> string | printf: %d %f %g %s %q %x %c %a %p …
    string.gmatch(s, pattern [, init]) -> iterator | Iterates over the matches of a pattern.
    string.gsub(s, pattern, repl [, n]) -> string, count | Replaces matches by a string, a table's values or a function's results.
    string.len(s) -> integer | The number of bytes; #s says the same.
    string.lower(s) -> string | ASCII letters in lower case.
    string.match(s, pattern [, init]) -> ... | The captures of the first match, or the whole of it.
    string.pack(format, ...) -> string | Values in binary form.
    string.packsize(format) -> integer | The size of what string.pack gives.
    string.rep(s, n [, sep]) -> string | n copies of s, with sep between.
    string.reverse(s) -> string | The bytes from the end.
    string.sub(s, i [, j]) -> string | The part from i to j; negative counts from the end.
    string.unpack(format, s [, pos]) -> ..., next | Values from binary form.
    string.upper(s) -> string | ASCII letters in upper case.
    table.concat(list [, sep [, i [, j]]]) -> string | The strings of a list joined.
    table.insert(list, [pos,] value) | Inserts at pos, or at the end.
    table.move(a, first, last, to [, b]) -> b | Copies a[first] … a[last] to b[to] ….
    table.pack(...) -> table | A list of the arguments, with their number in n.
    table.remove(list [, pos]) -> value | Removes and gives the element at pos, or the last.
    table.sort(list [, less]) | Sorts in place by < or by a function.
    table.unpack(list [, i [, j]]) -> ... | The elements as values.
    utf8.char(...) -> string | Code points as UTF-8.
    utf8.charpattern | A pattern that matches one UTF-8 character.
    utf8.codepoint(s [, i [, j]]) -> ... | The code points that start between two bytes.
    utf8.codes(s) -> iterator | Iterates over positions and code points.
    utf8.len(s [, i [, j]]) -> integer | The number of characters, or nil and the place of the first bad byte.
    utf8.offset(s, n [, i]) -> integer | The byte at which the n-th character starts.
    """
}

extension Substring {
  /// The text without spaces at both ends.
  fileprivate var trimmed: String {
    var text = self
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
