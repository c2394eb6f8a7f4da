-- Kilpi's modules, as scripts find them (the names are fixed).
std = "lua54"
max_line_length = 100
read_globals = {
  "attack", "clip", "data", "display", "errors", "eval", "image", "json", "plot", "random", "tensor", "text",
  "train",
}
-- Editor annotations: functions without bodies, written by scripts/docs.
exclude_files = { "stdlib/meta" }
