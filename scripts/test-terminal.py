#!/usr/bin/env python3
"""Drives the real executable on a pseudo-terminal and looks at its screen.

    scripts/test-terminal.py [EXECUTABLE] [NAME ...]

Needs the Python modules pexpect and pyte (Debian: python3-pexpect, python3-pyte); without them it
says so and ends with success. Each test starts its own process; nothing waits for a fixed time.
"""
import fcntl
import json
import os
import pathlib
import re
import signal
import struct
import sys
import tempfile
import termios
import time

try:
    import pexpect
    import pyte
except ImportError as missing:
    print(f"skipped: terminal tests need the Python module {missing.name}")
    sys.exit(0)

ROOT = pathlib.Path(__file__).resolve().parent.parent
UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
PASTE_START, PASTE_END = "\x1b[200~", "\x1b[201~"
LIMIT = 30.0


class Failure(Exception):
    pass


class Kilpi:
    """A process on a terminal of its own, and what its screen shows."""

    def __init__(self, executable, folder, arguments=("--no-rc",), columns=80, rows=24, **environment):
        self.history = os.path.join(folder, "history.jsonl")
        env = {
            "PATH": os.environ["PATH"], "HOME": folder, "TERM": "xterm-256color",
            "KILPI_HISTORY": self.history, **environment,
        }
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.child = pexpect.spawn(
            executable, list(arguments), env=env, dimensions=(rows, columns), timeout=LIMIT,
            cwd=folder)
        self.child.delaybeforesend = None

    def send(self, text):
        self.child.send(text.encode() if isinstance(text, str) else text)

    def line(self, text):
        self.send(text + "\r")

    def feed(self, seconds=0.02):
        try:
            data = self.child.read_nonblocking(65536, timeout=seconds)
            self.raw += data
            self.stream.feed(data)
            return True
        except pexpect.TIMEOUT:
            return False
        except pexpect.EOF:
            return None

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines()).rstrip()

    def until(self, condition, what):
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            more = self.feed()
            if not more and condition():
                return
            if more is None:
                break
        if not condition():
            raise Failure(f"waited for {what}; the screen shows\n{self.text()}")

    def shows(self, *texts):
        """Waits until the texts stand on the screen as whole lines, one below the other."""
        def found():
            lines = self.lines()
            return any(
                lines[i:i + len(texts)] == list(texts) for i in range(len(lines) - len(texts) + 1))
        self.until(found, repr(texts))

    def contains(self, text):
        self.until(lambda: text in self.text(), repr(text))

    def last(self, text):
        """Waits until the last line that is not empty is `text`."""
        self.until(
            lambda: ([line for line in self.lines() if line] or [""])[-1] == text.rstrip(),
            f"last line {text!r}")

    def ends(self, status):
        deadline = time.monotonic() + LIMIT
        while self.child.isalive() and time.monotonic() < deadline:
            self.feed()
        if self.child.isalive():
            raise Failure(f"still runs; the screen shows\n{self.text()}")
        code = self.child.exitstatus
        if code != status:
            raise Failure(
                f"ended with {code} (signal {self.child.signalstatus}), not {status}\n{self.text()}")

    def ready(self):
        self.last(">>")
        return self

    def close(self):
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
            self.child.wait()
        self.child.close()


TESTS = []
EXECUTABLE = []


def test(function):
    TESTS.append(function)
    return function


@test
def banner_and_echo(start):
    k = start().ready()
    k.contains("Kilpi 0.")
    k.line("1 + 1")
    k.shows(">> 1 + 1", "2", ">>")
    k.line("x = 5;")
    k.line("x, 'a'")
    k.shows('5\t"a"'.expandtabs(8), ">>")
    k.line(":quit")
    k.ends(0)


@test
def block_is_edited_as_a_whole(start):
    k = start().ready()
    k.line("for i = 1, 2 do")
    k.line("print(i)")
    k.line("end")
    k.shows(">> for i = 1, 2 do", "  print(i)", "end", "1", "2", ">>")
    k.send(UP)
    k.shows(">> for i = 1, 2 do", "  print(i)", "end")
    k.send(UP + "\x05")          # the line above, its end
    k.send("\x7f * 10)")
    k.shows("  print(i * 10)", "end")
    k.line("")
    k.shows("10", "20", ">>")


@test
def wide_characters(start):
    k = start().ready()
    k.send('s = "日本é"')
    k.send(LEFT * 3 + "x" + RIGHT * 1)
    k.line("")
    k.line("#s, utf8.len(s)")
    k.contains("9" + " " * 7 + "4")
    k.send('"日本"\x7f\x7f語"')
    k.line("")
    k.shows('"日語"', ">>")


@test
def long_line_wraps(start):
    k = start(columns=40).ready()
    k.line('#"' + "a" * 100 + '"')
    k.contains("100\n>>")


@test
def paste_is_one_input(start):
    k = start().ready()
    k.send(PASTE_START + "local a = 1\rlocal b = 2\rfor i = 1, 2 do\r\tprint(a + b + i)\rend" + PASTE_END)
    k.shows("end")
    k.line("")
    k.contains("4\n5\n")
    k.last(">>")
    k.line("a")
    k.shows(">> a", "1", ">>")


@test
def paste_mode_is_off_while_running(start):
    k = start().ready()
    k.line("1")
    k.shows("1", ">>")
    on, off = k.raw.rfind(b"\x1b[?2004h"), k.raw.rfind(b"\x1b[?2004l")
    if not 0 <= off < on:
        raise Failure("bracketed paste is not switched off and on around the run")
    k.line("error('x')")
    k.contains("error: cell[2]:1: x")
    k.send("\x04")
    k.ends(0)
    k.feed()
    if k.raw.rfind(b"\x1b[?2004h") > k.raw.rfind(b"\x1b[?2004l"):
        raise Failure("bracketed paste is left on at the end")


@test
def interrupt_at_the_prompt(start):
    k = start().ready()
    k.send("abc")
    k.shows(">> abc")
    k.send("\x03")
    k.shows(">> abc^C", ">>")
    k.send("\x03")
    k.contains("Ctrl-D or :quit leaves Kilpi")
    k.last(">>")
    k.line("for i = 1, 3 do")
    k.send("x")
    k.send("\x03")
    k.shows(">> for i = 1, 3 do", "  x^C", ">>")
    k.line("7")
    k.shows("7", ">>")


@test
def interrupt_stops_a_loop(start):
    k = start().ready()
    k.line("n = 1")
    k.line("print('go') while true do n = n + 1 end")
    k.contains("\ngo")
    began = time.monotonic()
    k.send("\x03")
    k.contains("interrupted at cell[2]:1")
    latency = time.monotonic() - began
    k.last(">>")
    k.line("n > 1")
    k.shows("true", ">>")
    if latency > 1:
        raise Failure(f"the loop ran on for {latency:.2f} s")


@test
def interrupt_is_not_swallowed(start):
    k = start().ready()
    k.line("print('go') while true do pcall(function() while true do end end) end")
    k.contains("\ngo")
    k.send("\x03")
    k.contains("interrupted")
    k.last(">>")


@test
def interrupt_stops_tensor_work(start):
    k = start().ready()
    k.line("a = tensor.rand({1500, 1500})")
    for code in ["while true do b = a:matmul(a) end", "tensor.rand({9000, 9000}):matmul(tensor.rand({9000, 9000}));"]:
        k.line("print('go') " + code)
        k.contains("\ngo")
        k.feed(0.3)
        began = time.monotonic()
        k.send("\x03")
        k.contains("interrupted at cell")
        latency = time.monotonic() - began
        k.last(">>")
        if latency > 2:
            raise Failure(f"the product ran on for {latency:.2f} s")
        k.line("a:size(1)")
        k.shows("1500", ">>")
        k.send("\x0c")


@test
def progress_bar(start):
    k = start().ready()
    k.line("local w = tensor.from{{1, -1}, {2, 0}, {0, 1}}:reshape{3, 2} ;")
    k.line("function slow(x) local t = os.clock() while os.clock() - t < 0.02 do end "
           "return x:mean{axis = {3, 4}}:matmul(w) end")
    k.line("x = tensor.full({2, 3, 2, 2}, 0.5);")
    k.line("adv = attack.pgd(slow, x, {1, 1}, {eps = '8/255', steps = 200, attack_all = true});")
    k.contains("/201")
    k.contains("ETA")
    k.send("\x03")
    k.contains("interrupted")
    k.last(">>")
    if "ETA" in k.text():
        raise Failure("the bar stays on the screen")


@test
def pictures_are_half_blocks(start):
    k = start(COLORTERM="truecolor").ready()
    k.line("image.show(tensor.full({3, 4, 4}, 1.0))")
    k.contains("▀▀▀▀")
    if b"38;2;255;255;255" not in k.raw:
        raise Failure("the picture has no 24-bit colour")


@test
def third_interrupt_leaves(start):
    k = start().ready()
    # Joining runs in C, which may not look at the flag; it may also end before the next press.
    k.line("t = {} for i = 1, 8e6 do t[i] = i end")
    k.last(">>")
    k.line("print('go') table.concat(t, ', ')")
    k.contains("\ngo")
    explained = False
    for _ in range(100):
        k.send("\x03")
        k.feed(0.2)
        explained = explained or "still in Lua after" in k.text()
        if not k.child.isalive() or k.text().endswith(">>"):
            break
    k.until(lambda: not k.child.isalive() or k.text().endswith(">>"), "end or prompt")
    if not k.child.isalive():
        k.ends(130)
        if not explained:
            raise Failure("the second press explained nothing")


@test
def signal_from_outside(start):
    k = start().ready()
    k.send("abc")
    k.shows(">> abc")
    os.kill(k.child.pid, signal.SIGINT)
    k.shows(">> abc^C", ">>")
    os.kill(k.child.pid, signal.SIGTERM)
    k.ends(143)


@test
def a_fault_leaves_at_once(start):
    k = start().ready()
    k.line("alpha = 1")
    k.ready()
    k.line("os.execute('kill -SEGV ' .. io.open('/proc/self/stat'):read('n')) while true do end")
    k.contains("kilpi: invalid memory access (SIGSEGV) in Lua. This is a fault in Kilpi")
    k.until(lambda: not k.child.isalive(), "end")
    if k.child.signalstatus != signal.SIGSEGV:
        raise Failure(f"ended with {k.child.exitstatus} (signal {k.child.signalstatus})")
    if not k.raw.rstrip().endswith(b"\x1b[?2004l"):
        raise Failure(f"the terminal is left in the mode of pastes: {k.raw[-80:]}")
    entries = [json.loads(line)["text"] for line in open(k.history)]
    if entries[0] != "alpha = 1" or len(entries) != 2:
        raise Failure(f"the history holds {entries}")


@test
def history_survives(start):
    k = start().ready()
    k.line("alpha = 1")
    k.line(" hidden = 2")
    k.line("for i = 1, 2 do")
    k.line("x = i")
    k.line("end")
    k.line("'done'")
    k.shows('"done"', ">>")
    k.child.kill(signal.SIGKILL)
    again = start().ready()
    again.send(UP)
    again.last(">> 'done'")
    again.send(UP)
    again.shows(">> for i = 1, 2 do", "  x = i", "end")
    again.send(UP + UP + UP)
    again.last(">> alpha = 1")
    entries = [json.loads(line) for line in open(again.history)]
    if [entry["text"] for entry in entries] != ["alpha = 1", "for i = 1, 2 do\n  x = i\nend", "'done'"]:
        raise Failure(f"the history holds {entries}")
    if os.stat(again.history).st_mode & 0o777 != 0o600:
        raise Failure("the history can be read by others")


@test
def search_in_history(start):
    k = start().ready()
    for text in ["apple = 1", "banana = 2", "apple = 3"]:
        k.line(text)
    k.last(">>")
    k.send("\x12app")
    k.last("(search) `app': apple = 3")
    k.send("\x12")
    k.last("(search) `app': apple = 1")
    k.send("zzz")
    k.last("(no such input) `appzzz': apple = 1")
    k.send("\x7f\x7f\x7f")
    k.last("(search) `app': apple = 3")
    k.line("")
    k.line("apple")
    k.shows("3", ">>")
    k.send("keep\x12ban\x07")
    k.last(">> keep")


@test
def completion(start):
    k = start().ready()
    k.send("prin\t")
    k.last(">> print(")
    k.send("1)\r")
    k.shows("1", ">>")
    k.send("string.re\t\t")
    k.shows("rep      reverse", ">> string.re")
    k.send("p\t\t")
    k.contains("string.rep(s, n [, sep]) -> string")
    k.last(">> string.rep(")
    k.send("\x03")
    k.line("s = 'x'; t = {long_name = 1}")
    k.send("s:upp\t")
    k.last(">> s:upper(")
    k.send("\x03t.lo\t")
    k.last(">> t.long_name")
    k.send("\x03:hel\t")
    k.last(">> :help")
    k.send("\r")
    k.contains(":timeit CODE")


@test
def completion_runs_no_code(start):
    k = start().ready()
    k.line("t = setmetatable({}, {__index = function() print('ran') end, __pairs = print})")
    k.send("t.a\t\t")
    k.last(">> t.a")
    if "ran" in k.text().split(">> t.a")[-1]:
        raise Failure("completion ran a metamethod")


@test
def completion_of_files(start):
    k = start().ready()
    open(os.path.join(os.path.dirname(k.history), "picture.png"), "w").close()
    k.send('f = "pict\t')
    k.last('>> f = "picture.png')


@test
def list_below_a_block(start):
    k = start().ready()
    k.line("do")
    k.line("local y = 1")
    k.send("string.re\t\t")
    k.shows("  string.re", "rep      reverse", ">> do", "  local y = 1", "  string.re")


@test
def colours(start):
    k = start().ready()
    if b"\x1b[1;36m>>" not in k.raw:
        raise Failure("the prompt has no colour")
    k.send("typed")
    k.last(">> typed")
    row = next(i for i, line in enumerate(k.lines()) if line == ">> typed")
    prompt, typed = k.screen.buffer[row][0], k.screen.buffer[row][4]
    if prompt.fg == "default" or typed.fg != "default" or typed.bold:
        raise Failure(f"prompt {prompt}, typed text {typed}")
    k.send("\x03")
    k.last(">>")
    k.line("1")
    k.until(lambda: b"\x1b[36m1\x1b[0m" in k.raw, "a coloured number")
    plain = start(arguments=["--color", "never"]).ready()
    plain.line("error('x')")
    plain.contains("error: cell[1]:1: x")
    if b"\x1b[1;3" in plain.raw or b"\x1b[2m" in plain.raw:
        raise Failure("--color never still colours")
    none = start(NO_COLOR="1").ready()
    if b"\x1b[1;36m>>" in none.raw:
        raise Failure("NO_COLOR still colours")


@test
def dumb_terminal(start):
    k = start(TERM="dumb")
    k.last(">")
    k.line("for i = 1, 2 do")
    k.last("..")
    k.line("print(i) end")
    k.contains(".. print(i) end\n1\n2\n>")
    if b"\x1b" in k.raw:
        raise Failure("escape sequences on a dumb terminal")
    k.send("\x03")
    k.contains("Ctrl-D or :quit leaves Kilpi")
    k.line(":quit")
    k.ends(0)


@test
def resize(start):
    k = start(columns=60).ready()
    k.child.setwinsize(24, 30)
    k.screen.resize(24, 30)
    k.line("('x '):rep(9)")
    k.contains('"x x x x x x x x x "')
    k.line("t = {} for i = 1, 30 do t[i] = i end t")
    k.contains("30\n}")


@test
def resize_while_typing(start):
    typed = ["x = {1,2,3}", "for i = 1, 2 do\r\tprint(i)\rend", "s = '\u65e5\u672c\u8a9e' .. 'abc'"]
    for text in typed:
        for sizes in [(12, 100), (1, 80), (2, 3, 60), (5, 7, 4, 90), (200, 30, 100)]:
            k = start(columns=100).ready()
            k.send(PASTE_START + text + PASTE_END)
            k.contains(text[-3:])
            for columns in sizes:
                k.child.setwinsize(24, columns)
                k.screen.resize(24, columns)
                k.send("-" + "\x7f")
                k.feed(0.1)
            k.send("\x15" * 3 + "\x03")
            k.last(">>")
            k.line("6 * 7")
            k.shows("42", ">>")
            k.close()
    k = start(columns=60).ready()
    k.line("'stays'")
    k.shows('"stays"', ">>")
    k.send("y = 1234567890123456789")
    k.last(">> y = 1234567890123456789")
    k.child.setwinsize(24, 40)
    k.screen.resize(24, 40)
    k.feed(0.3)
    k.send("0")
    k.shows('"stays"', ">> y = 12345678901234567890")


@test
def help_and_commands(start):
    k = start(rows=50).ready()
    k.line("?string.rep")
    k.contains("n copies of s, with sep between.")
    k.line("?nosuchthing")
    k.contains("nothing is known about 'nosuchthing'")
    k.line(":tiem 1")
    k.contains("there is no command ':tiem' (did you mean ':time'?)")
    k.line("answer = 42")
    k.line(":who")
    k.contains("answer  number  42")
    k.line(":timeit 1 + 1")
    k.contains("runs: best")
    k.line("!echo from the shell; exit 3")
    k.contains("from the shell\nexit status 3")


@test
def long_command_shows_its_time(start):
    k = start().ready()
    k.line("io.popen('sleep 1.1'):close();")
    k.until(lambda: any(re.fullmatch(r"[\d.]+ s", line) for line in k.lines()), "a time")


@test
def suspend_and_return(start):
    # Only under a shell with job control can a process be stopped from its terminal.
    k = start(program="/bin/bash", arguments=["--norc", "--noprofile", "-i"], PS1="shell$ ")
    k.last("shell$")
    k.line(f"{EXECUTABLE[0]} --quiet --no-rc")
    k.ready()
    k.send("abc\x1a")
    k.contains("Stopped")
    k.last("shell$")
    k.line("stty -a | grep -o -- '-*icanon'; fg")
    k.contains("\nicanon")
    k.send("d")
    k.last(">> abcd")
    k.send("\x03")
    k.last(">>")


@test
def output_without_newline(start):
    k = start().ready()
    k.line("io.write('abc');")
    k.shows(">> io.write('abc');", "abc", ">>")
    k.line("!printf hello")
    k.shows(">> !printf hello", "hello", ">>")
    k.send("1 + 1" + LEFT * 4 + "0")     # editing leaves the line above alone
    k.line("")
    k.shows("hello", ">> 10 + 1", "11", ">>")
    k.line("os.execute('printf part') ;")
    k.shows("part", ">>")
    k.line("io.stderr:write('wrong');")
    k.shows("wrong", ">>")
    k.line("io.write('abc') error('x')")
    k.shows("abc", "error: cell[5]:1: x", ">>")
    for code in ["os.execute('printf osx')", "local p = io.popen('cat', 'w') p:write('osx') return p:close()"]:
        k.line(code)
        k.contains("\nosx\n")
        k.shows("true\t\"exit\"\t0".expandtabs(8), ">>")
    k.line("io.popen('printf zz >&2'):close() error('x')")
    k.shows("zz", "error: cell[8]:1: x", ">>")
    dumb = start(TERM="dumb")
    dumb.last(">")
    dumb.line("!printf hi")
    dumb.shows("> !printf hi", "hi", ">")
    k.line("!printf %080d 7")            # exactly one row
    k.shows("0" * 79 + "7", ">>")


@test
def progress_keeps_a_begun_line(start):
    k = start().ready()
    k.line("function slow(x) local t = os.clock() while os.clock() - t < 0.02 do end "
           "return x:mean{axis = {3, 4}}:matmul(tensor.from{{1, -1}, {2, 0}, {0, 1}}) end")
    k.line("io.write('working ') attack.pgd(slow, tensor.full({2, 3, 2, 2}, 0.5), {1, 1}, "
           "{eps = '8/255', steps = 60, attack_all = true}); print('done')")
    k.contains("\ndone\n")
    k.last(">>")
    if "working" not in k.lines():
        raise Failure(f"the bar overwrote the line\n{k.text()}")


@test
def keys_do_what_they_say(start):
    k = start().ready()
    for key in ["\x1b[23$", "\x1bx", "\x1b[15~", "\x1b[[A", "\x1bOP", "\x1b[2~", "\x1b[Z", "\x1b[24;5~", "\x1b[<0;3;4M",
                "\x1b[I", "\x1b[?62;4c", "\x1b]11;rgb:0/0/0\x07", "\x1b_Gi=1;OK\x1b\\", "\x1b[M !!"]:
        k.send("a" + key)
    k.last(">> " + "a" * 14)
    k.send("\x03")
    k.last(">>")
    k.send("one two three" + "\x1b[1;3D" + "\x1b[1;5D" + "\x1b[3;5~")   # words left, word deleted
    k.last(">> one  three")
    k.send("\x1b[1;2D" + "\x1b[1;2H" + "0" + "\x1b[1;2F" + "9" + "\x1b\x1b[D" + "_")
    k.last(">> 0one  _three9")
    k.send("\x03")
    for text in ["print(1)", "x = 2", "print(3)"]:
        k.line(text)
    k.last(">>")
    k.send("pri\x1b[5~")
    k.last(">> print(3)")
    k.send("\x1b[5~")
    k.last(">> print(1)")
    k.send("\x1b[6~")
    k.last(">> print(3)")
    k.send("\x1b[6~")
    k.last(">> pri")
    k.send("\x03for i = 1, 2 do\x1b[13;2u")
    k.shows(">> for i = 1, 2 do", "")


@test
def paste_keeps_what_is_pasted(start):
    k = start().ready()
    k.send(PASTE_START + "s = 'a\tb'\r\nn = #s\r\nn" + PASTE_END)
    k.line("")
    k.contains("\n3\n>>")
    if k.text().count("n = #s\n") != 1 or "\n\nn" in k.text():
        raise Failure(f"line ends were doubled\n{k.text()}")
    k.send(PASTE_START.encode() + b"t = 'caf\xe9'; u = 'x\xc3'" + PASTE_END.encode())
    k.last(">> t = 'caf\ufffd'; u = 'x\ufffd'")
    k.line("")
    k.line("#t + #u")
    k.shows("10", ">>")
    k.send(b"'\xe9")
    k.send("y'\r")
    k.shows('"\ufffdy"', ">>")
    k.send(PASTE_START + "lost = 1")
    k.feed(0.3)
    k.send("\x03")                       # the end mark never came
    k.last(">> lost = 1")
    k.line("")
    k.line("lost")
    k.shows("1", ">>")


@test
def a_copied_session_runs(start):
    k = start().ready()
    k.send(PASTE_START + ">> a = 20\n>> for i = 1, 2 do\n  a = a + i\nend\n>> a\n23\n>> a * 2" + PASTE_END)
    k.contains(">> a * 2")
    k.line("")
    k.contains(">> a\n23\n>> a * 2\n46\n>>")
    k.send(UP)
    k.last(">> a * 2")


@test
def sessions_of_all_kinds_run(start):
    sessions = [
        "    $ .build/release/kilpi\n    >> a = 20\n    >> a\n    20\n    >> a * 2\n    40",
        "Kilpi 0.1.0 \u00b7 Lua 5.4.4\n?NAME for help, :help for commands, Ctrl-D to leave\n"
        ">> a = 20\n>> a\n20\n>> a * 2",
        "me@host:~/kilpi$ TERM=dumb kilpi --quiet\n> a = 19\n> for i = 1, 1 do\n.. a = a + i\n.. end\n"
        "> a * 2\n40\n>",
        "Lua 5.4.4  Copyright (C) 1994-2022 Lua.org, PUC-Rio\n> a = 19\n> for i = 1, 1 do\n>> a = a + i\n"
        ">> end\n> a * 2\n40\n> ",
    ]
    for session in sessions:
        k = start().ready()
        k.send(PASTE_START + session + PASTE_END)
        k.feed(0.2)
        k.line("")
        k.shows(">> a * 2", "40", ">>")
        k.close()
    k = start().ready()
    k.send(PASTE_START + ">> a = 1\n>> nosuch()\nerror: cell[2]:1: as before\n>> a = 2\n>> b.c = 1\n>> a = 3\n>> a"
           + PASTE_END)
    k.feed(0.2)
    k.line("")
    k.contains("2 inputs were not run")
    k.last(">>")
    k.line("a")
    k.shows(">> a", "2", ">>")


@test
def pasted_commands_are_inputs(start):
    k = start().ready()
    k.send(PASTE_START + ":who\nxyz = 1\n  xyz = xyz + 1\n:who\n!echo shell\nxyz" + PASTE_END)
    k.feed(0.2)
    k.line("")
    k.shows(">> :who", "no variables yet", ">> xyz = 1", "  xyz = xyz + 1", ">> :who", "xyz  number  2",
            ">> !echo shell", "shell", ">> xyz", "2", ">>")
    k.send(PASTE_START + "('a')\n:upper()" + PASTE_END)
    k.line("")
    k.shows('"A"', ">>")
    k.line(" :who x")
    k.shows("xyz  number  2", ">>")
    k.line(" !echo hi")
    k.shows("hi", ">>")


@test
def edits_of_recalled_inputs_stay(start):
    k = start().ready()
    for text in ["a = 1", "b = 2"]:
        k.line(text)
    k.last(">>")
    k.send("draft" + UP + "0" + UP + "5")
    k.last(">> a = 15")
    k.send(DOWN)
    k.last(">> b = 20")
    k.send(DOWN)
    k.last(">> draft")
    k.send(UP + UP)
    k.last(">> a = 15")
    k.line("")
    k.line("a")
    k.shows("15", ">>")


@test
def end_of_input_ends_the_line(start):
    k = start(program="/bin/sh", arguments=["-c", f"{EXECUTABLE[0]} --quiet --no-rc; echo after"])
    k.ready()
    k.send("\x04")
    k.shows(">>", "after")


@test
def interrupt_ends_a_wait(start):
    k = start().ready()
    waits = ["io.read()", "for l in io.lines() do end", "io.popen('sleep 50'):read('a')",
             "io.popen('sleep 50'):close()", "os.execute('sleep 50')", "pcall(io.read)", "debug.debug()"]
    for wait in waits:
        k.line(f"print('go') {wait} print('swallowed')")
        k.contains("\ngo")
        k.feed(0.1)
        k.send("\x03")
        k.contains("interrupted at cell[")
        k.last(">>")
        if "\nswallowed" in k.text():
            raise Failure(f"{wait} swallowed the interrupt\n{k.text()}")
        k.send("\x0c")
        k.last(">>")
    for code, keys, shown in [("io.read()", "typed\n", '"typed"'), ("io.read()", "\x04", "nil"),
                              ("io.read('n')", "42\n", "42")]:
        k.line(f"print('go') return {code}")
        k.contains("\ngo")
        k.feed(0.1)
        k.send(keys)
        k.shows(shown, ">>")
        k.send("\x0c")
        k.last(">>")


@test
def tensors_fit_the_window(start):
    k = start(columns=50).ready()
    k.line("tensor.zeros{1, 40}")
    k.contains("float32 [1, 40]")
    k.line(":set width 30")
    k.line("print(tensor.zeros{1, 40})")
    k.until(lambda: k.text().count("float32 [1, 40]") == 2, "the second tensor")
    second = k.text().split("print(tensor")[1].splitlines()[1:]
    if max(map(len, second)) > 30:
        raise Failure(f":set width is not followed\n{k.text()}")
    first = k.text().split(":set width")[0].splitlines()[3:]
    if not 30 < max(map(len, first)) <= 50:
        raise Failure(f"the window's width is not followed\n{k.text()}")


@test
def meters_show_figures(start):
    k = start().ready()
    k.line("m = clip.create('tiny');")
    k.line(":time m:encode_image(tensor.rand{3, 3, 16, 16});")
    k.contains("forwards 3")
    k.line("big = tensor.zeros{1000, 1000};")
    k.line(":mem")
    k.contains("cell[3]:1")


@test
def displays_are_replaced(start):
    k = start().ready()
    k.line("for i = 1, 3 do display('step ' .. i, {id = 'a'}) end")
    k.shows('"step 3"', ">>")
    if "step 2" in k.text():
        raise Failure(f"the display is not replaced\n{k.text()}")
    k.line("display('one', {id = 'b'}) print('between') display('two', {id = 'b'}) display('three', {id = 'b'})")
    k.contains("is printed anew")
    k.shows("between")
    k.shows('"three"', ">>")
    if '"two"' in k.text():
        raise Failure(f"the second display is not replaced\n{k.text()}")


@test
def pixel_protocols(start):
    for choice, mark in [("kitty", b"\x1b_Ga=T,f=100"), ("iterm", b"\x1b]1337;File=inline=1"),
                         ("sixel", b"\x1bP0;1;0q")]:
        k = start(arguments=["--no-rc", "--graphics", choice]).ready()
        k.line("image.show(tensor.full({3, 8, 8}, 0.5))")
        k.until(lambda: mark in k.raw, choice)
    k = start(TERM="xterm-kitty").ready()
    k.line("image.show(tensor.full({3, 8, 8}, 0.5))")
    k.until(lambda: b"\x1b_Ga=T" in k.raw, "kitty by its name")


@test
def pictures_are_replaced(start):
    for pixels, replaced in [(480, True), (0, False)]:
        k = start(arguments=["--no-rc", "--graphics", "kitty"]).ready()
        fcntl.ioctl(k.child.child_fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 800 if pixels else 0, pixels))
        k.line("for i = 1, 3 do display(tensor.full({3, 8, 8}, i / 4), {id = 'p'}) end print('end')")
        k.shows("end", ">>")
        pictures = re.findall(rb"\x1b_Ga=T,f=100,i=(\d+),", k.raw)
        if len(pictures) != 3 or len(set(pictures)) != 1:
            raise Failure(f"pictures have the numbers {pictures}")
        rows = len(re.findall(rb"\x1b\[13A\r\x1b\[J", k.raw))      # 256 pixels in rows of 20
        if (rows == 2) != replaced or (b"printed anew" in k.raw) == replaced:
            raise Failure(f"{rows} pictures were replaced")
        k.close()


@test
def completion_of_odd_files(start):
    k = start().ready()
    folder = os.path.dirname(k.history)
    for name in ["b c", "d'e$", "n\nl", "e\x1b[31mf"]:
        open(os.path.join(folder, name), "w").close()
    open(os.path.join(os.fsencode(folder), b"x\xe9y"), "w").close()
    for typed, inserted in [("io.open('b", "b c"), ('io.open("d', "d'e$"), ('io.open("n', "n\\nl"),
                            ('io.open("e', "e\\x1B[31mf"), ('io.open("x', "x\\xE9y")]:
        k.send(typed + "\t")
        k.last(">> " + typed[:-1] + inserted)
        k.line(typed[8] + ") ~= nil")
        k.shows("true", ">>")
    for typed, inserted in [("!ls b", "!ls b\\ c"), ("!cat <b", "!cat <b\\ c"), ("!ls 'd", "!ls 'd'\\''e$'"),
                            (":run b", ":run b\\ c"), (":load b", ":load b c")]:
        k.send(typed + "\t")
        k.last(">> " + inserted)
        k.line("")
        k.last(">>")
    if "cannot" in k.text() or "No such" in k.text() or "rror" in k.text():
        raise Failure(f"a name does not work\n{k.text()}")
    k.send("f('\t\t")
    k.contains("n\\nl")
    if b"\x1b[31m" in k.raw:
        raise Failure("a name of a file reaches the terminal raw")
    k.send("\x03attack.pgd(m, x, y, {\t\t")
    k.contains("attack_all")
    k.send("\x03:set wid\t")
    k.last(">> :set width")


@test
def inputs_are_edited(start):
    k = start(EDITOR="sed -i s/20/21/").ready()
    k.line("a = 20")
    k.line("b = 5")
    k.line(":edit 1")
    k.shows(">> a = 21", ">>")
    k.line("a * 2")
    k.shows("42", ">>")
    k.line(":edit 99")
    k.contains(":edit takes the number of an input in :history, not '99'")
    k.line(":edit")
    k.shows(">> :edit 99", "error: :edit takes the number of an input in :history, not '99'", ">> :edit",
            ">> a * 2", "42", ">>")


@test
def completion_of_commands_and_names(start):
    k = start().ready()
    folder = os.path.dirname(k.history)
    os.makedirs(os.path.join(folder, "models", "mymodel"))
    with open(os.path.join(folder, "models", "mymodel", "config.json"), "w") as file:
        file.write("{}")
    open(os.path.join(folder, "cells.lua"), "w").close()
    k.send(":load ce\t")
    k.last(">> :load cells.lua")
    k.send("\x03!ls /et\t")
    k.last(">> !ls /etc/")
    k.send("\x03('x'):upp\t")
    k.last(">> ('x'):upper(")
    k.send('\x03clip.load("kil\t')
    k.last('>> clip.load("kilpi-tiny"')


@test
def debug_sees_the_session(start):
    k = start().ready()
    k.line("mine = 42")
    k.line("debug.debug()")
    k.last("lua_debug>")
    k.line("print(mine) mine = 43")
    k.contains("42\nlua_debug>")
    k.line("nosuch()")
    k.contains("attempt to call a nil value (global 'nosuch')")
    k.line("cont")
    k.last(">>")
    k.line("mine")
    k.shows("43", ">>")


@test
def a_history_that_cannot_be_written_is_said(start):
    k = start(KILPI_HISTORY="/proc/nosuch/history.jsonl").ready()
    k.line("1")
    k.contains("inputs are not remembered: '/proc/nosuch/history.jsonl' cannot be written")
    k.last(">>")
    k.line("2")
    k.shows("2", ">>")
    if k.text().count("not remembered") != 1:
        raise Failure("it is said more than once")


def main():
    arguments = sys.argv[1:]
    executable = ROOT / ".build/debug/kilpi"
    if arguments and os.path.sep in arguments[0]:
        executable = pathlib.Path(arguments.pop(0)).resolve()
    if not executable.exists():
        print(f"there is no executable {executable}: build it first")
        return 1
    EXECUTABLE.append(str(executable))
    chosen = [t for t in TESTS if not arguments or t.__name__ in arguments]
    failures = 0
    for function in chosen:
        with tempfile.TemporaryDirectory() as folder:
            started = []

            def start(program=str(executable), **options):
                started.append(Kilpi(program, folder, **options))
                return started[-1]
            began = time.monotonic()
            try:
                function(start)
                print(f"ok       {function.__name__}  {time.monotonic() - began:.1f} s", flush=True)
            except Failure as failure:
                failures += 1
                print(f"FAILED   {function.__name__}: {failure}", flush=True)
            finally:
                for process in started:
                    process.close()
    print(f"{len(chosen) - failures} of {len(chosen)} terminal tests passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
