---@meta

--- Training of CLIP models: plain contrastive training, and fine-tuning against adversarial images, texts and both (MMCoA, arXiv:2404.19287). The model given stays as it was; the result holds the trained copy. With `out`, a run writes run.json, metrics.jsonl, metrics.csv, log.txt, checkpoints and model/, and can be resumed to the very same weights.
---@class trainlib
train = {}

---@class train.contrastiveOptions.optimizer
---@field name? "adamw" # AdamW: decoupled weight decay; default "adamw"
---@field lr? number # peak learning rate; default 1e-05
---@field weight_decay? number # per unit of learning rate; not on norms, biases, scale; default 0.0001
---@field betas? number[] # decay rates of the moments; default {0.9, 0.98}
---@field eps? number # added to the root of the second moment; default 1e-06

---@class train.contrastiveOptions
---@field model clip_model # the model to start from
---@field data dataset # images with labels or captions
---@field epochs? integer # passes over the data; default 1
---@field steps? integer # updates; wins over epochs
---@field batch? integer # pairs a step; default 128
---@field optimizer? train.contrastiveOptions.optimizer # the optimiser
---@field schedule? "constant"|"cosine" # learning rate after the warm-up; default "cosine"
---@field warmup? number # steps of linear rise, or a share of all steps below 1; default 0.05
---@field train? string|table # "both", "visual", "text", "bias_norm" or {last_blocks = n}; default "both"
---@field targets? "identity"|"label"|"label_mean"|"label_lse" # which pairs of a batch match (methods.md 2.2); label_mean, for the MMCoA family label
---@field templates? string|string[] # class prompts with {c}; those of the data set when not given
---@field clip_norm? number # largest Euclidean norm of the gradient; 0: not clipped; default 1
---@field clamp_scale? boolean # keep the logit scale within 1 … 100; default true
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field out? string # folder of the run
---@field checkpoint_every? integer # steps between checkpoints; 0: at the end; default 0
---@field resume? boolean # continue the run in out; default false
---@field on_step? function # called with the row of each step

--- Trains on images with captions or class prompts: the symmetric contrastive loss over each batch (arXiv:2103.00020), where pairs of one class (or equal captions) all count as matching. The result has model, history (one row a step) and steps.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local result = train.contrastive{model = model, data = ds, steps = 2, batch = 2}
---print(#result.history, result.model ~= model)  --> 2	true
---```
---@param options table
---@return table result
function train.contrastive(options) end

---@class train.runOptions.image_attack
---@field method? "fgsm"|"rfgsm"|"bim"|"pgd"|"mifgsm"|"nifgsm" # the attack; default "pgd"
---@field eps? number|string # budget in pixel units of [0, 1], or a fraction such as "8/255"; 1/255 for linf, no default for l2
---@field norm? "linf"|"l2"|"l1" # norm of the budget; default "linf"
---@field loss? string|function # "ce", "margin", "dlr", or a function (logits, labels) -> [N] that is increased; default "ce"
---@field restarts? integer # random starts; the best counts; default 1
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field keep? "best"|"last" # which iterate is returned; the attack's own habit when not given
---@field eot? integer # passes a gradient is averaged over; default 1
---@field lattice? integer # 8: the result lies on 8-bit levels, as a PNG can hold it
---@field random_step? number|string # length of the random step; eps / 2 when not given
---@field steps? integer # gradient steps; default 10
---@field step? number|string # length of a step in pixel units of [0, 1]; max(1/255, 2.5 * eps / steps) for linf, 2.5 * eps / steps for l2
---@field random_start? boolean # start at a random point of the ball; default true
---@field momentum? number # decay of an accumulated direction; 0.9 in FARE; default 0
---@field decay? number # factor of the accumulated gradient; default 1

---@class train.runOptions.text_attack
---@field method? "bert"|"synonym"|"embedding"|"char"|"beam"|"genetic"|"exhaustive" # bert (a masked language model, `mlm`), synonym (WordNet), embedding (nearest tokens), char (edits), or a search over both word sources: beam, genetic, exhaustive; without it bert if there is an mlm, else both word sources, greedily
---@field mlm? mlm # bert: what text.load_mlm gave
---@field stop_words? string|string[] # words left alone, Kilpi's own list when not given; coattack compares them with case
---@field mode? "aligned"|"coattack" # aligned: a word's own rows; coattack: as Co-Attack's and MMCoA's released code, one row off; default "aligned"
---@field threshold? number|"none" # least raw logit of a candidate of one piece, 0.3 when not given
---@field max_length? integer # longest sequence; 77, in coattack mode 30
---@field context? "unmasked"|"masked" # aligned: whether a word is masked before its candidates are read; default "unmasked"
---@field words? integer # words that may change; default 1
---@field edits? integer # character edits of the method char; default 1
---@field k? integer # candidates a word; default 10
---@field scope? "prompt"|"class"|"caption" # what may change; the class words where they are known
---@field forbid_class_names? boolean # never put in the name of a class; default true
---@field forbid_antonyms? boolean # never put in an antonym (WordNet); default true
---@field no_new_words? boolean # char: an edit may not make another dictionary word; default true
---@field sites? integer # char: sites kept after the first pass; default 20
---@field draws? integer # char: random sites and symbols drawn instead of all (the cheap form LEAF trains with)
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given

---@class train.runOptions.weights
---@field image? number # of the term with adversarial images; default 0.5
---@field text? number # of the term with adversarial texts; default 0.5
---@field clean? number # of a clean term; not in the published method; default 0
---@field advadv? number # of a term with both adversarial; not in the published method; default 0

---@class train.runOptions.optimizer
---@field name? "adamw" # AdamW: decoupled weight decay; default "adamw"
---@field lr? number # peak learning rate; default 1e-05
---@field weight_decay? number # per unit of learning rate; not on norms, biases, scale; default 0.0001
---@field betas? number[] # decay rates of the moments; default {0.9, 0.98}
---@field eps? number # added to the root of the second moment; default 1e-06

---@class train.runOptions
---@field method? "mmcoa"|"image-only"|"text-only"|"clean" # how to train; default "mmcoa"
---@field image_attack? train.runOptions.image_attack # the inner image attack; pgd unless it says otherwise
---@field text_attack? train.runOptions.text_attack # the inner text attack
---@field weights? train.runOptions.weights # weights of the loss's terms
---@field model clip_model # the model to start from
---@field data dataset # images with labels or captions
---@field epochs? integer # passes over the data; default 1
---@field steps? integer # updates; wins over epochs
---@field batch? integer # pairs a step; default 128
---@field optimizer? train.runOptions.optimizer # the optimiser
---@field schedule? "constant"|"cosine" # learning rate after the warm-up; default "cosine"
---@field warmup? number # steps of linear rise, or a share of all steps below 1; default 0.05
---@field train? string|table # "both", "visual", "text", "bias_norm" or {last_blocks = n}; default "both"
---@field targets? "identity"|"label"|"label_mean"|"label_lse" # which pairs of a batch match (methods.md 2.2); label_mean, for the MMCoA family label
---@field templates? string|string[] # class prompts with {c}; those of the data set when not given
---@field clip_norm? number # largest Euclidean norm of the gradient; 0: not clipped; default 1
---@field clamp_scale? boolean # keep the logit scale within 1 … 100; default true
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field out? string # folder of the run
---@field checkpoint_every? integer # steps between checkpoints; 0: at the end; default 0
---@field resume? boolean # continue the run in out; default false
---@field on_step? function # called with the row of each step

--- Fine-tunes a model. mmcoa: adversarial images against clean texts and clean images against adversarial texts, both encoders; image-only and text-only: one of the terms; clean: neither attack. Images are attacked by PGD on the class prompts, each distinct text of a batch once; the attacks run on frozen weights. Test the result with eval.robustness.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local result = train.run{method = "mmcoa", model = model, data = ds, steps = 1, batch = 2,
---  image_attack = {eps = "2/255", steps = 2}, text_attack = {method = "char", sites = 2}}
---print(result.history[1].loss_image > 0, result.history[1].loss_text > 0)  --> true	true
---```
---@param options table
---@return table result
function train.run(options) end
