-- Running other programs, and what a result says about where it was measured.
local shell = {}

function shell.quoted(text) return "'" .. tostring(text):gsub("'", "'\\''") .. "'" end

-- The output of a command, without the last line break; nil when it fails.
function shell.output(command)
  local pipe <close> = assert(io.popen(command))
  local text = pipe:read("a")
  local ok = pipe:close()
  return ok and (text:gsub("%s+$", "")) or nil
end

-- Runs a command with its output on ours; true when it succeeds.
function shell.run(command) return (os.execute(command)) == true end

-- The status of a command whose output goes to the end of a file.
function shell.status(command, log)
  local line = ("%s >> %s 2>&1; echo $?"):format(command, shell.quoted(log))
  return tonumber(shell.output(line))
end

-- A long command: whoever shares a machine puts a prefix in front of it. The limit ends a hang.
function shell.long(command, seconds)
  local prefix = os.getenv("KILPI_ASSURE_PREFIX") or ""
  return ("%s timeout -s KILL %d bash -c %s"):format(prefix, seconds, shell.quoted(command))
end

function shell.read(path)
  local file = io.open(path)
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

function shell.write(path, text)
  local file = assert(io.open(path .. ".tmp", "w"))
  assert(file:write(text))
  assert(file:close())
  assert(os.rename(path .. ".tmp", path))
end

-- A number that stands for the sources and the tests.
function shell.sources()
  local sum = shell.output("find Sources Tests -type f | LC_ALL=C sort | xargs cat | cksum")
  return sum:match("%d+")
end

-- Machine, libraries and versions of a run.
function shell.conditions()
  local kilpi = shell.quoted(shell.kilpi())
  local doctor = shell.output(kilpi .. " doctor 2>/dev/null") or ""
  local function line(name) return doctor:match("\n%s+" .. name .. "%s+([^\n]+)") or "unknown" end
  local commit = shell.output("git rev-parse --short=10 HEAD 2>/dev/null") or "unknown"
  if shell.output("git status --porcelain 2>/dev/null") ~= "" then commit = commit .. "-dirty" end
  local cpu = (shell.read("/proc/cpuinfo") or ""):match("model name%s*:%s*([^\n]+)") or "unknown"
  return {
    commit = commit, machine = cpu .. ", " .. (shell.output("nproc") or "?") .. " cores",
    blas_core = line("core"), threads = line("threads"),
    versions = { kilpi = line("kilpi"), swift = line("swift"), lua = line("lua"),
      blas = line("build") },
    date = os.date("!%Y-%m-%d"),
  }
end

-- The executable that runs this script.
function shell.kilpi()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return arg[first]
end

return shell
