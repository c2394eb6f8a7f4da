---@meta

--- Substitutes for words: synonyms, and edits of single characters.
---@class textlib
text = {}

---@class text.synonymsOptions
---@field source? "wordnet" # where synonyms come from; default "wordnet"
---@field limit? integer # at most this many

--- Synonyms of a word in the same grammatical form, most usual senses first, from WordNet (Debian's package wordnet-base).
---
---```lua
---local ok, words = pcall(text.synonyms, "picture", {limit = 3})
---print(not ok or #words == 3)  --> true
---```
---@param word string
---@param options? text.synonymsOptions
---@return string[]
function text.synonyms(word, options) end

---@class text.editsOptions
---@field kind? "swap"|"delete"|"insert"|"keyboard"|"homoglyph" # one kind of edit; all when not given

--- The words that differ from `word` by one edit: neighbouring letters swapped, a letter deleted, inserted, replaced by a neighbour on the keyboard, or by a letter that looks alike.
---
---```lua
---print(table.concat(text.edits("cat", {kind = "swap"}), " "))  --> act cta
---```
---@param word string
---@param options? text.editsOptions
---@return string[]
function text.edits(word, options) end

--- A masked language model that suggests words for a place in a sentence.
---
---```lua
---local ok, problem = pcall(text.load_mlm, "models/bert")
---print(ok)  --> false
---```
---@param path string
---@return mlm
function text.load_mlm(path) end
