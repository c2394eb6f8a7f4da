#!/usr/bin/env python3
"""Drives the real executable on a pseudo-terminal and looks at its screen.

    scripts/test-terminal.py [EXECUTABLE] [NAME ...]

Needs the Python modules pexpect and pyte (Debian: python3-pexpect, python3-pyte); without them it
says so and ends with success. Each test starts its own process; nothing waits for a fixed time.
"""
import json
import os
import pathlib
import re
import signal
import sys
import tempfile
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
LIMIT = 20.0


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
        self.child.close(force=True)


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
    # Sorting runs in C, which does not look at the flag.
    k.line("t = {} for i = 1, 3e7 do t[i] = i end")
    k.last(">>")
    k.line("print('go') table.concat(t, ', ')")
    k.contains("\ngo")
    k.send("\x03")
    k.contains("^C")
    k.send("\x03")
    k.until(lambda: "still in Lua after" in k.text() or k.text().endswith(">>"), "an explanation")
    k.send("\x03")
    k.until(lambda: not k.child.isalive() or k.text().endswith(">>"), "end or prompt")


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
def history_survives(start):
    k = start().ready()
    k.line("alpha = 1")
    k.line(" hidden = 2")
    k.line("for i = 1, 2 do")
    k.line("x = i")
    k.line("end")
    k.last(">>")
    k.child.kill(signal.SIGKILL)
    again = start().ready()
    again.send(UP)
    again.shows(">> for i = 1, 2 do", "  x = i", "end")
    again.send(UP + UP + UP)
    again.last(">> alpha = 1")
    entries = [json.loads(line) for line in open(again.history)]
    if [entry["text"] for entry in entries] != ["alpha = 1", "for i = 1, 2 do\n  x = i\nend"]:
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
    if b"\x1b[1;36m>> " not in k.raw:
        raise Failure("the prompt has no colour")
    k.line("1")
    k.until(lambda: b"\x1b[36m1\x1b[0m" in k.raw, "a coloured number")
    plain = start(arguments=["--color", "never"]).ready()
    plain.line("error('x')")
    plain.contains("error: cell[1]:1: x")
    if b"\x1b[1;3" in plain.raw or b"\x1b[2m" in plain.raw:
        raise Failure("--color never still colours")
    none = start(NO_COLOR="1").ready()
    if b"\x1b[1;36m" in none.raw:
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
    k.line("local t = os.clock() while os.clock() - t < 2.5 do end")
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
