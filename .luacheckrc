-- Globals of Kilpi's scripts; nothing else is global (`scripts/lint` runs luacheck with this).
std = "lua54"
max_line_length = 100
read_globals = {
  "tensor", "random", "image", "clip", "text", "attack", "data", "train", "eval", "plot", "json",
  "display",
}
exclude_files = { ".build", "stdlib/meta" }
