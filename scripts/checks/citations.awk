# Looks at citations and links; run by scripts/checks/citations, which says what the forms are.
#   awk -v list=FILE -f citations.awk pass=1 DOCUMENTS pass=2 FILES
# `list` names every file of the repository, one a line. Reads documents first, for their headings and
# the rows of their lists. Prints every offender, status 1 if there is one. mawk must understand it: no
# \b, no {n}.

BEGIN {
  while ((getline path < list) > 0) {
    exists[path] = 1
    while (sub("/[^/]*$", "", path)) exists[path] = 1
  }
  # Files that programs write into folders of results.
  written["table.md"] = written["comparison.md"] = 1
  # Element types of files, not invariants.
  type["I32"] = type["I64"] = 1
}

function complain(text) {
  printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
  problems++
}

# The path of `name` as seen from the folder of FILENAME.
function beside(name,    folder, parts, n, i, kept, path) {
  folder = FILENAME
  if (!sub("/[^/]*$", "", folder)) folder = ""
  n = split(folder == "" ? name : folder "/" name, parts, "/")
  kept = 0
  for (i = 1; i <= n; i++) {
    if (parts[i] == "." || parts[i] == "") continue
    if (parts[i] == ".." && kept > 0) kept--
    else parts[++kept] = parts[i]
  }
  path = parts[1]
  for (i = 2; i <= kept; i++) path = path "/" parts[i]
  return path
}

function slug(text) {
  text = tolower(text)
  gsub(/[^a-z0-9 _-]/, "", text)
  gsub(/ /, "-", text)
  return text
}

# Headings, and rows of lists -----------------------------------------------------------------------

FNR == 1 { isCode = endsInName = 0; isDocument = FILENAME ~ /\.md$/ }
isDocument && /^```/ { isCode = !isCode; next }

pass == 1 && /^#+ / && !isCode {
  text = $0
  sub(/^#+ +/, "", text)
  heading[FILENAME, text] = anchor[FILENAME, slug(text)] = 1
  if (match(text, /^[0-9]+(\.[0-9]+)*/)) {
    number = substr(text, 1, RLENGTH)
    section[FILENAME, number] = 1
    if (FILENAME ~ /^docs\/methods/) methods[number] = 1
  }
}
pass == 1 && FILENAME ~ /^docs\/methods\// && match($0, /^\| [BIO][0-9]+ /) { known[$2] = 1 }
pass == 1 && FILENAME ~ /figures\.lua$/ && match($0, /id = "R[0-9]+b?"/) {
  known[substr($0, RSTART + 6, RLENGTH - 7)] = 1
}
pass == 1 { next }

# Links, documents, sections, numbers -----------------------------------------------------------------

{ line = $0 }

isDocument && isCode { next }
isDocument {
  while (match(line, /\]\([^)]*\)/)) {
    target = substr(line, RSTART + 2, RLENGTH - 3)
    before = substr(line, 1, RSTART - 1)
    sub(/\[[^[]*$/, "", before)
    line = before " " substr(line, RSTART + RLENGTH)
    checkLink(target)
  }
}
# Made from the help texts, which are looked at where they stand.
FILENAME ~ /^docs\/reference\// { next }

{
  if (endsInName && line ~ /^[ \t]*[\/#*-]*[ \t]*section [0-9]/)
    complain("a citation is broken over two lines")
  endsInName = line ~ /\.md`?,?[ \t]*$/
  checkNames(line)
  if (line ~ /[Tt]he proposal/ || line ~ /[Tt]he spec([^A-Za-z]|$)/)
    complain("cites a text that is not in the repository")
  if (isOldNumber(line)) complain("cites a section without its document")
  if (FILENAME ~ /^docs\/methods/) checkSections(line)
  checkNumbers(line)
}

function checkLink(target,    path, place) {
  if (target ~ /^[a-z]+:/) return
  place = ""
  if (index(target, "#")) {
    place = substr(target, index(target, "#") + 1)
    target = substr(target, 1, index(target, "#") - 1)
  }
  path = target == "" ? FILENAME : beside(target)
  if (!(path in exists)) complain("a link leads nowhere: " target)
  else if (place != "" && !((path, place) in anchor)) complain("no heading for the link #" place)
}

function checkNames(rest,    name, before, after) {
  while (match(rest, /[A-Za-z0-9_.\/-]*[A-Za-z0-9_-]\.md/)) {
    name = substr(rest, RSTART, RLENGTH)
    before = substr(rest, RSTART - 1, RSTART > 1)
    rest = after = substr(rest, RSTART + RLENGTH)
    # Parts of a longer name: \(folder)/table.md, name.mdx
    if (after ~ /^[A-Za-z0-9_]/ || before == ")" || name ~ /^\// || name in written) continue
    sub(/^`/, "", after)
    if (!(name in exists) && isDocument && beside(name) in exists) name = beside(name)
    if (!(name in exists)) complain("there is no document " name)
    else checkPlace(name, after)
  }
}

function checkPlace(name, after) {
  if (after ~ /^, section /) {
    sub(/^, section /, "", after)
    if (!match(after, /^[0-9]+(\.[0-9]+)*/)) complain("write NAME.md, section N")
    else if (!((name, substr(after, 1, RLENGTH)) in section))
      complain(name " has no section " substr(after, 1, RLENGTH))
  } else if (after ~ /^, "[^"]*"/) {
    match(after, /"[^"]*"/)
    if (!((name, substr(after, RSTART + 1, RLENGTH - 2)) in heading))
      complain(name " has no heading " substr(after, RSTART, RLENGTH))
  } else if (after ~ /^,? +[0-9]/ || after ~ /^,? +[abcd]\.[0-9]/ || after ~ /^,? +(point|chapter|part) /) {
    complain("write NAME.md, section N, or NAME.md, \"Heading\"")
  }
}

# `a.5` and its like, in comments and in titles of tests.
function isOldNumber(text,    start) {
  start = match(text, /\/\/|--|#|@Test\("/)
  return start && substr(text, start) ~ /[^A-Za-z0-9_.][abcd]\.[0-9][0-9]?([^0-9A-Za-z.]|$)/
}

function checkSections(rest) {
  while (match(rest, /sections? [0-9]+(\.[0-9]+)*/)) {
    text = substr(rest, RSTART, RLENGTH)
    rest = substr(rest, RSTART + RLENGTH)
    sub(/^sections? /, "", text)
    if (!(text in methods)) complain("there is no section " text)
  }
}

# B44, I23, O9, R17: rows of docs/methods/defects.md, docs/methods/invariants.md, figures.lua.
function checkNumbers(rest,    id, before, after) {
  if (FILENAME !~ /^(Sources|Tests|scripts|docs)\//) return
  while (match(rest, /[BIOR][0-9]+/)) {
    id = substr(rest, RSTART, RLENGTH)
    before = substr(rest, RSTART - 1, RSTART > 1)
    rest = after = substr(rest, RSTART + RLENGTH)
    if (before ~ /[A-Za-z0-9_]/ || after ~ /^[A-Za-z0-9_]/ || length(id) > 3 || id in type) continue
    if (id ~ /^B[0-9]$/) continue
    if (!(id in known)) complain("there is no row " id)
  }
}

END { if (problems) exit 1 }
