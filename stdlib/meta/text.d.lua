---@meta

--- A masked language model with its tokenizer. Its weights never change.
---@class mlm
local mlm = {}

---@class mlm.candidatesOptions
---@field k? integer # candidates a word and kind; default 10
---@field mode? "aligned"|"coattack" # aligned: a word's own rows; coattack: as Co-Attack's and MMCoA's released code, one row off; default "aligned"
---@field threshold? number|"none" # least raw logit of a candidate of one piece; 0.3 when not given
---@field max_length? integer # longest sequence; 77, in coattack mode 30, when not given
---@field context? "unmasked"|"masked" # aligned: whether a word is masked before its candidates are read; default "unmasked"
---@field stop_words? string|string[] # coattack: words without candidates, compared with case; Kilpi's own list

--- Words that might stand in each word's place: for every word of the sentence a list of {word=, score=, pieces=}, best first; and the words. The score is the raw logit of a candidate of one piece, the mean log-probability of its pieces for one of several. For a list of sentences both results hold one entry a sentence, computed in batches. Answers are kept for the next call. aligned drops the word itself, special tokens, pieces and repetitions, and gives candidates for stop words too; coattack follows the released code (words split at single spaces, no candidates for stop_words).
---
---```lua
---local path = os.getenv("KILPI_MLM")  -- a folder with a BERT
---local lists = path and text.load_mlm(path):candidates("a photo of a dog", {k = 5})
---print(not lists or #lists == 5)  --> true
---```
---@param sentence string|string[]
---@param options? mlm.candidatesOptions
---@return table
---@return table
function mlm:candidates(sentence, options) end

--- Number of weights, all elements counted.
---
---```lua
---local path = os.getenv("KILPI_MLM")
---print(not path or text.load_mlm(path):num_parameters() > 0)  --> true
---```
---@return integer
function mlm:num_parameters() end

--- Frees the value now.
function mlm:release() end

--- Substitutes for words: synonyms, and edits of single characters.
---@class textlib
text = {}

---@class text.synonymsOptions
---@field source? "wordnet" # where synonyms come from; default "wordnet"
---@field senses? "all"|"frequent" # frequent: only senses that make up a tenth of the word's uses, of its most usual part of speech, as text attacks take them; default "all"
---@field limit? integer # at most this many

--- Synonyms of a word in the same grammatical form (plural, form of a verb, comparative, genitive), most usual senses first by the counts of WordNet's tagged texts, from WordNet (Debian's package wordnet-base). Case is WordNet's; a synonym without such a form of one word is left out.
---
---```lua
---local words = text.synonyms("picture", {limit = 3})
---print(table.concat(words, " "))  --> image icon ikon
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

---@class text.load_mlmOptions
---@field state_dict? string # where in the file the weights lie, such as "teacher"; needed when it holds several models

--- A BERT that suggests words for places in a sentence: a folder with config.json, vocab.txt (or tokenizer.json) and model.safetensors or pytorch_model.bin as published for bert-base-uncased, or the path of the weights, which may lie anywhere in the file (`state_dict`, `model`). Norm names may be weight and bias or gamma and beta, the decoder may be tied. Words that look like special tokens in a text are ordinary characters.
---
---```lua
---local ok, problem = pcall(text.load_mlm, "models/bert")
---print(ok)  --> false
---```
---@param path string
---@param options? text.load_mlmOptions
---@return mlm
function text.load_mlm(path, options) end
