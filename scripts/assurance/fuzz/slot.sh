#!/bin/bash
# Runs a range of calls in child processes, one after another, and watches them.
#   slot.sh KILPI LIB SLOT SEED FROM TO LIMIT sandbox|open [THREADS [GRACE]]
# In SLOT lie work/ (where the calls run), log/ and err; each process that does not end by itself adds
# a line to SLOT/log/ends: status, call, why (ended, long, hang, memory), its last words.
# A call that lasts over LIMIT quarters of a second gets one Ctrl-C; what ends within GRACE more is long,
# else hangs.
kilpi=$1 lib=$2 slot=$3 seed=$4 from=$5 to=$6 limit=$7 how=$8 threads=${9:-1} grace=${10:-16}
cd "$slot/work" || exit 2
ulimit -v 4000000
ulimit -c 0
options=(--no-rc -E --memory 300M --threads "$threads")
[ "$how" = sandbox ] && options+=(--sandbox --allow "$slot/work" --allow "$slot/log" --allow "$lib")

watch() { # PID: one Ctrl-C after the limit, then the end
  local last='' now same=0
  while kill -0 "$1" 2>/dev/null; do
    sleep 0.25
    now=$(cat "$slot/log/progress" 2>/dev/null)
    if [ "$now" = "$last" ]; then same=$((same + 1)); else same=0; fi
    last=$now
    if [ "$same" -eq "$limit" ]; then echo long > "$slot/why"; kill -INT "$1" 2>/dev/null; fi
    if [ "$same" -eq $((limit + grace)) ]; then echo hang > "$slot/why"; kill -KILL "$1" 2>/dev/null; fi
    resident=$(awk '{print $2}' "/proc/$1/statm" 2>/dev/null)
    if [ "${resident:-0}" -gt 200000 ]; then echo memory > "$slot/why"; kill -KILL "$1" 2>/dev/null; fi
  done
}

while [ "$from" -lt "$to" ]; do
  echo ended > "$slot/why"
  echo "$from" > "$slot/log/progress"
  "$kilpi" "${options[@]}" "$lib/worker.lua" range "$slot/log" "$seed" "$from" "$to" "$how" \
    > /dev/null 2> "$slot/err" < /dev/null &
  child=$!
  watch "$child" &
  dog=$!
  wait "$child" 2>/dev/null
  status=$?
  kill "$dog" 2>/dev/null
  wait "$dog" 2>/dev/null
  [ "$status" -eq 0 ] && break
  # The program gave itself up: nothing looked at the press.
  grep -q 'was not heeded' "$slot/err" && echo hang > "$slot/why"
  at=$(cat "$slot/log/progress")
  at=$((10#${at:-$from}))
  printf '%s\t%s\t%s\t%s\n' "$status" "$at" "$(cat "$slot/why")" \
    "$(tail -c 600 "$slot/err" | tr '\n\t' '  ')" >> "$slot/log/ends"
  from=$((at + 1))
done
