-- Retrieval R@1, 5 and 10 over a whole gallery, clean and under attack.
--   kilpi run scripts/experiments/retrieval.lua MODEL DATA OUT [IMAGES]
-- DATA is a folder that data.open reads (split "test", captions). L-infinity 2/255, PGD-10 in
-- feature space, one synonym a caption. A run goes on where OUT holds a record of it; the tables
-- are written there, too.
local path, folder, out = arg[1], arg[2], arg[3]
if not out then
  io.stderr:write("usage: kilpi run scripts/experiments/retrieval.lua MODEL DATA OUT [IMAGES]\n")
  os.exit(64)
end
local set = data.open(folder, { split = "test" })
if arg[4] then set = set:take(math.tointeger(tonumber(arg[4])), { seed = 1 }) end
local begun <close> = io.open(out .. "/record.jsonl")
local pgd <const> = { method = "pgd", eps = "2/255", steps = 10 }
local synonym <const> = { method = "synonym" }
local report <const> = eval.retrieval {
  model = clip.load(path), data = set, out = out, resume = begun ~= nil, seed = 1,
  attack = {
    image = pgd, text = synonym,
    multimodal = {
      { method = "independent", image = pgd, text = synonym },
      { method = "co-attack", image = pgd, text = synonym },
      { method = "sga", image = pgd, text = synonym },
      { method = "worst", image = pgd, text = synonym },
    },
  },
}
print(report:table())
