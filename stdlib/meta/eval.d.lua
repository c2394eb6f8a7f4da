---@meta

--- Accuracies under attack, with everything that fixes them.
---@class robustness_report
local robustness_report = {}

--- The accuracy of a row in 0 … 1 and what may be changed in it ("linf 8/255", "prompts"; nil when clean): "clean", "image/pgd", "image/pgd@2/255", "mm_t2i/pgd + char", "worst". A name that stands for rows of different budgets is refused. Without a name a list of all rows {row =, accuracy =, strict =, n =, low =, high =, norm =, eps =, threat =, on_survivors_of =}, the last the rows whose survivors alone were attacked.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds}
---print(r:accuracy("clean") <= 1, #r:accuracy())  --> true	1
---```
---@param scenario? string
---@return number
---@return string|nil
function robustness_report:accuracy(scenario) end

--- One line that says what was measured: version, protocol, hashes of weights, sample ids and prompts, resolution, every attack with budget, steps and restarts, and what counts as right.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds}
---print(r:protocol():match("n=4"))  --> n=4
---```
---@return string
function robustness_report:protocol() end

--- The share of samples that are right both clean and in a row, in 0 … 1, and what may be changed: what comparisons rest on. Under new prompts accuracy may count images that were wrong when clean.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds}
---print(r:strict("clean") == r:accuracy("clean"))  --> true
---```
---@param scenario string
---@return number
---@return string|nil
function robustness_report:strict(scenario) end

---@class robustness_report.imagesOptions
---@field rows? integer # samples shown; all that were kept when not given

--- A picture of clean and adversarial images and their amplified difference.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds, attacks = {image = {{method = "fgsm"}}}}
---local path = os.tmpname() .. ".png"
---r:images(path)
---print(image.load(path):size(1))  --> 3
---```
---@param path string
---@param options? robustness_report.imagesOptions
function robustness_report:images(path, options) end

--- The table: "text" when not given, "markdown", "latex" (booktabs) or "csv".
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds}
---print(#r:table() > 0, #r:table("csv") > 0)  --> true	true
---```
---@param format? string
---@return string
function robustness_report:table(format) end

--- The table as Markdown.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds}
---print(r:markdown() == r:table("markdown"))  --> true
---```
---@return string
function robustness_report:markdown() end

--- Writes report.json, table.txt, table.md, table.csv and samples.jsonl, which eval.load reads. The first line of samples.jsonl says its conventions: classes count from 0 there (from 1 in Lua), and margin is negative where the label, or not yet the target, is on top.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds}
---local folder = os.tmpname() .. "-saved"
---r:save(folder)
---print(io.open(folder .. "/report.json"):read(1))  --> {
---```
---@param folder string
function robustness_report:save(folder) end

---@class robustness_report.plotOptions
---@field kind? "bars"|"curve" # the form; curve where there are several budgets

--- The accuracies with intervals: bars, or accuracy against budget where an attack has a list of budgets (kind = "bars" draws bars there, too). PNG, SVG or PDF.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds}
---local path = os.tmpname() .. ".svg"
---r:plot(path)
---print(io.open(path):read(5))  --> <?xml
---```
---@param path string
---@param options? robustness_report.plotOptions
function robustness_report:plot(path, options) end

--- Everything that the saved JSON file holds.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds}
---print(type(r:to_table().notes))  --> table
---```
---@return table
function robustness_report:to_table() end

--- Frees the value now.
function robustness_report:release() end

--- Several reports side by side, with paired differences to the first.
---@class comparison
local comparison = {}

--- The accuracy of a model in a row, and what may be changed in it; see r:accuracy.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local a = eval.robustness{model = model, data = ds}
---local r = eval.compare{{name = "a", report = a}, {name = "b", report = a}}
---print(r:accuracy("a", "clean") <= 1)  --> true
---```
---@param model string
---@param scenario string
---@return number
---@return string|nil
function comparison:accuracy(model, scenario) end

--- The difference of a model's strict accuracy to the first one's: {difference =, low =, high =, p =, p_corrected =, is_difference =, n =, lost =, gained =}, shares in 0 … 1; nil where they share no row.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local a = eval.robustness{model = model, data = ds}
---local r = eval.compare{{name = "a", report = a}, {name = "b", report = a}}
---print(r:difference("b", "clean").p)  --> 1.0
---```
---@param model string
---@param scenario string
---@return table|nil
function comparison:difference(model, scenario) end

--- The table: "text" when not given, "markdown", "latex" (booktabs) or "csv".
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local a = eval.robustness{model = model, data = ds}
---local r = eval.compare{{name = "a", report = a}, {name = "b", report = a}}
---print(#r:table() > 0, #r:table("csv") > 0)  --> true	true
---```
---@param format? string
---@return string
function comparison:table(format) end

--- The table as Markdown.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local a = eval.robustness{model = model, data = ds}
---local r = eval.compare{{name = "a", report = a}, {name = "b", report = a}}
---print(r:markdown() == r:table("markdown"))  --> true
---```
---@return string
function comparison:markdown() end

--- Writes comparison.json, comparison.txt, comparison.md and comparison.csv.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local a = eval.robustness{model = model, data = ds}
---local r = eval.compare{{name = "a", report = a}, {name = "b", report = a}}
---local folder = os.tmpname() .. "-saved"
---r:save(folder)
---print(io.open(folder .. "/comparison.json"):read(1))  --> {
---```
---@param folder string
function comparison:save(folder) end

---@class comparison.plotOptions
---@field kind? "bars"|"curve" # the form; curve where there are several budgets

--- Grouped bars, or accuracy against budget where an attack has a list of budgets. PNG, SVG or PDF.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local a = eval.robustness{model = model, data = ds}
---local r = eval.compare{{name = "a", report = a}, {name = "b", report = a}}
---local path = os.tmpname() .. ".svg"
---r:plot(path)
---print(io.open(path):read(5))  --> <?xml
---```
---@param path string
---@param options? comparison.plotOptions
function comparison:plot(path, options) end

--- Everything that the saved JSON file holds.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local a = eval.robustness{model = model, data = ds}
---local r = eval.compare{{name = "a", report = a}, {name = "b", report = a}}
---print(type(r:to_table().notes))  --> table
---```
---@return table
function comparison:to_table() end

--- Frees the value now.
function comparison:release() end

--- Recall in both directions, clean and under attack, with everything that fixes it.
---@class retrieval_report
local retrieval_report = {}

--- R@k in 0 … 1 of a row such as "clean", "image/pgd" or "mm_sga", and what may be changed in it ("linf 8/255", "captions"; nil when clean); direction "tr": images find captions, "ir": captions find images.
---
---```lua
---local ds = data.from(tensor.rand{2, 3, 16, 16}, {"a cat", "a dog"})
---local r = eval.retrieval{model = clip.create("tiny"), data = ds}
---print(r:recall("clean", "ir", 10))  --> 1.0
---```
---@param scenario string
---@param direction string
---@param k integer
---@return number
---@return string|nil
function retrieval_report:recall(scenario, direction, k) end

--- The share of items found at k when clean that are not found any more; nil if none was.
---
---```lua
---local ds = data.from(tensor.rand{2, 3, 16, 16}, {"a cat", "a dog"})
---local r = eval.retrieval{model = clip.create("tiny"), data = ds}
---print(r:lost("clean", "tr", 10))  --> 0.0
---```
---@param scenario string
---@param direction string
---@param k integer
---@return number
function retrieval_report:lost(scenario, direction, k) end

--- The table: "text" when not given, "markdown", "latex" (booktabs) or "csv".
---
---```lua
---local ds = data.from(tensor.rand{2, 3, 16, 16}, {"a cat", "a dog"})
---local r = eval.retrieval{model = clip.create("tiny"), data = ds}
---print(#r:table() > 0, #r:table("csv") > 0)  --> true	true
---```
---@param format? string
---@return string
function retrieval_report:table(format) end

--- The table as Markdown.
---
---```lua
---local ds = data.from(tensor.rand{2, 3, 16, 16}, {"a cat", "a dog"})
---local r = eval.retrieval{model = clip.create("tiny"), data = ds}
---print(r:markdown() == r:table("markdown"))  --> true
---```
---@return string
function retrieval_report:markdown() end

--- Writes report.json, table.txt, table.md, table.csv and items.jsonl, whose first line says that ranks count from 0.
---
---```lua
---local ds = data.from(tensor.rand{2, 3, 16, 16}, {"a cat", "a dog"})
---local r = eval.retrieval{model = clip.create("tiny"), data = ds}
---local folder = os.tmpname() .. "-saved"
---r:save(folder)
---print(io.open(folder .. "/report.json"):read(1))  --> {
---```
---@param folder string
function retrieval_report:save(folder) end

---@class retrieval_report.plotOptions
---@field k? integer # the cut-off; default 1
---@field kind? "bars"|"curve" # the form; curve where there are several budgets

--- Recall at k with intervals: bars, or recall against budget where an attack has a list of budgets. PNG, SVG or PDF.
---
---```lua
---local ds = data.from(tensor.rand{2, 3, 16, 16}, {"a cat", "a dog"})
---local r = eval.retrieval{model = clip.create("tiny"), data = ds}
---local path = os.tmpname() .. ".svg"
---r:plot(path)
---print(io.open(path):read(5))  --> <?xml
---```
---@param path string
---@param options? retrieval_report.plotOptions
function retrieval_report:plot(path, options) end

--- Everything that the saved JSON file holds.
---
---```lua
---local ds = data.from(tensor.rand{2, 3, 16, 16}, {"a cat", "a dog"})
---local r = eval.retrieval{model = clip.create("tiny"), data = ds}
---print(type(r:to_table().notes))  --> table
---```
---@return table
function retrieval_report:to_table() end

--- Frees the value now.
function retrieval_report:release() end

--- Robust accuracy measured as it should be: per sample, with every attack judged afresh, Wilson intervals, both attack-success rates, and a record of everything that fixes the numbers.
---@class evallib
eval = {}

---@class eval.robustnessOptions.attacks
---@field clean? boolean # show the clean accuracy; default true
---@field image? table # an image attack {method = "pgd", eps = …, …}, or a list of such; options beside a list hold for all its members, whose own come first; eps = {"1/255", "2/255"} gives one row each, pgd@1/255 and pgd@2/255
---@field text? table # a text attack {method = "synonym", …}, or a list of such, as image
---@field multimodal? table # {} for independent and adaptive, or {method = …, image = {…}, text = {…}} with the methods and options of attack.multimodal, or a list of such, as image

---@class eval.robustnessOptions
---@field model clip_model|classifier|function|table # what to evaluate: a model, a classifier, a function from images to logits, or {logits =, text =, name =}
---@field protocol? "mmcoa"|"tecoa"|"tga"|"pmg-aft"|"fare"|"ttc"|"gold" # what an article evaluates with, in place of attacks.image, perturb_at and samples: mmcoa: PGD-100 at 1/255 (arXiv:2404.19287); adaptive rows are added; tecoa: PGD-100, CW-PGD with kappa 50 and AA/ce+dlr at 1/255 (arXiv:2212.07016); tga: PGD-100, CW-PGD and AA/ce+dlr at 1/255 (arXiv:2410.21802); pmg-aft: PGD-20 and AA/standard at 1/255 (arXiv:2401.04350); fare: AA/ce+t at 1, 2 and 4/255 on 1,000 samples (arXiv:2402.12336); ttc: PGD-10 at 1/255 and 4/255, through the defence and behind it (arXiv:2503.03613); gold: PGD-100 and AA/standard at 1/255 and 4/255, adaptive attacks on images and texts. attacks.text brings the text attack of mmcoa and gold
---@field data dataset # labelled images
---@field attacks? eval.robustnessOptions.attacks # what to measure; an empty table {} means an attack's defaults
---@field templates? string|string[] # class prompts with {c}; those of the data set when not given
---@field truncate? boolean # cut long texts, keeping the end token; else they are an error; default false
---@field samples? integer|string[] # number of samples drawn, or a list of sample ids; all when not given
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field out? string # folder for report.json, tables and one line a sample
---@field perturb_at? "native"|"input" # where the perturbation lives: at the images' own size, or at the model's side; default "native"
---@field batch? integer # images at once; default 64
---@field pictures? integer # samples kept for r:images; default 6
---@field each? boolean # every image attack on all samples; else cheapest first, each on what those before left; default false
---@field probes? boolean # look for masked gradients on up to 64 samples, once; default true
---@field attack_all? boolean # attack samples that are wrong when clean, too; default false
---@field resume? boolean # go on with the record in out, which must be of the same evaluation; functions, such as a loss of one's own, cannot be compared; default false
---@field save_images? "png"|"float" # write attacked images to out, read them back and judge the files: png (linf) or float

--- Clean, image, text and multimodal accuracy of a model (or classifier) on a data set. Samples that are wrong when clean count as broken and are not attacked; solved ones leave the batch. Several image attacks run cheapest first, each on what those before left, so that the last row is the accuracy under the set; each = true gives every attack's own. In text scenarios all class prompts are replaced by adversarial ones. `worst` counts a sample only if it is correct clean and under every attack within one budget; where budgets differ there is a `worst` for each (`worst/linf 2/255`), and what an attack broke is handed on only to rows whose budget holds it. `strict` is right clean and attacked. All rates are shares in 0 … 1, in percent only in printed tables. `model` may be a Lua function (images) -> logits [N, C] with the classes of data, which gradients go through; for text attacks and multimodal rows (independent, adaptive) give {logits = function(images, prompts), text = clip model, name =}: prompts are all class prompts, clean or adversarial, searched on text and judged by logits. With out, a record grows as samples are finished: after a crash or Ctrl-C the same call with resume = true goes on and gives the same result; other data, labels, class names or answers of a function are refused. Print r:table(), draw r:plot(path) and r:images(path).
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds, attacks = {image = {eps = "8/255", steps = 2}}}
---print(r:accuracy("image/pgd") <= r:accuracy("clean"))  --> true
---```
---@param options table
---@return robustness_report
function eval.robustness(options) end

---@class eval.costOptions.attacks
---@field clean? boolean # show the clean accuracy; default true
---@field image? table # an image attack {method = "pgd", eps = …, …}, or a list of such; options beside a list hold for all its members, whose own come first; eps = {"1/255", "2/255"} gives one row each, pgd@1/255 and pgd@2/255
---@field text? table # a text attack {method = "synonym", …}, or a list of such, as image
---@field multimodal? table # {} for independent and adaptive, or {method = …, image = {…}, text = {…}} with the methods and options of attack.multimodal, or a list of such, as image

---@class eval.costOptions
---@field model clip_model|classifier|function|table # what to evaluate: a model, a classifier, a function from images to logits, or {logits =, text =, name =}
---@field protocol? "mmcoa"|"tecoa"|"tga"|"pmg-aft"|"fare"|"ttc"|"gold" # what an article evaluates with, in place of attacks.image, perturb_at and samples: mmcoa: PGD-100 at 1/255 (arXiv:2404.19287); adaptive rows are added; tecoa: PGD-100, CW-PGD with kappa 50 and AA/ce+dlr at 1/255 (arXiv:2212.07016); tga: PGD-100, CW-PGD and AA/ce+dlr at 1/255 (arXiv:2410.21802); pmg-aft: PGD-20 and AA/standard at 1/255 (arXiv:2401.04350); fare: AA/ce+t at 1, 2 and 4/255 on 1,000 samples (arXiv:2402.12336); ttc: PGD-10 at 1/255 and 4/255, through the defence and behind it (arXiv:2503.03613); gold: PGD-100 and AA/standard at 1/255 and 4/255, adaptive attacks on images and texts. attacks.text brings the text attack of mmcoa and gold
---@field data dataset # labelled images
---@field attacks? eval.costOptions.attacks # what to measure; an empty table {} means an attack's defaults
---@field templates? string|string[] # class prompts with {c}; those of the data set when not given
---@field truncate? boolean # cut long texts, keeping the end token; else they are an error; default false
---@field samples? integer|string[] # number of samples drawn, or a list of sample ids; all when not given
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field out? string # folder for report.json, tables and one line a sample
---@field perturb_at? "native"|"input" # where the perturbation lives: at the images' own size, or at the model's side; default "native"
---@field batch? integer # images at once; default 64
---@field pictures? integer # samples kept for r:images; default 6
---@field each? boolean # every image attack on all samples; else cheapest first, each on what those before left; default false
---@field probes? boolean # look for masked gradients on up to 64 samples, once; default true
---@field attack_all? boolean # attack samples that are wrong when clean, too; default false
---@field resume? boolean # go on with the record in out, which must be of the same evaluation; functions, such as a loss of one's own, cannot be compared; default false
---@field save_images? "png"|"float" # write attacked images to out, read them back and judge the files: png (linf) or float

--- What eval.robustness with the same options would cost: {samples =, forwards =, backwards =, rows = {{row =, forwards =, backwards =}, …}}. Passes are counted per image and at most: solved samples save some. Nothing is attacked; the first looks for masked gradients are counted, passes of text attacks, which are not known beforehand, are not.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local c = eval.cost{model = model, data = ds, attacks = {image = {steps = 20}}}
---print(c.forwards + c.backwards)  --> 236
---```
---@param options table
---@return table
function eval.cost(options) end

---@class eval.compareOptions.attacks
---@field clean? boolean # show the clean accuracy; default true
---@field image? table # an image attack {method = "pgd", eps = …, …}, or a list of such; options beside a list hold for all its members, whose own come first; eps = {"1/255", "2/255"} gives one row each, pgd@1/255 and pgd@2/255
---@field text? table # a text attack {method = "synonym", …}, or a list of such, as image
---@field multimodal? table # {} for independent and adaptive, or {method = …, image = {…}, text = {…}} with the methods and options of attack.multimodal, or a list of such, as image

---@class eval.compareOptions
---@field data? dataset # labelled images; not needed with reports
---@field attacks? eval.compareOptions.attacks # what to measure; an empty table {} means an attack's defaults
---@field templates? string|string[] # class prompts with {c}; those of the data set when not given
---@field truncate? boolean # cut long texts, keeping the end token; else they are an error; default false
---@field samples? integer|string[] # number of samples drawn, or a list of sample ids; all when not given
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field out? string # folder for report.json, tables and one line a sample
---@field perturb_at? "native"|"input" # where the perturbation lives: at the images' own size, or at the model's side; default "native"
---@field batch? integer # images at once; default 64
---@field pictures? integer # samples kept for r:images; default 6
---@field each? boolean # every image attack on all samples; else cheapest first, each on what those before left; default false
---@field probes? boolean # look for masked gradients on up to 64 samples, once; default true
---@field attack_all? boolean # attack samples that are wrong when clean, too; default false
---@field resume? boolean # go on with the record in out, which must be of the same evaluation; functions, such as a loss of one's own, cannot be compared; default false
---@field correction? "none"|"holm" # of p for the number of tests in the table: none, or Holm's; default "none"

--- Several models on the same samples under the same attacks: one table with the paired differences to the first, of strict accuracy (right clean and attacked): new prompts may put wrong images right, which is no robustness. A * marks p < 0.05 (McNemar's exact test, which decides) with a bootstrap interval that excludes 0; correction = "holm" corrects p for the number of tests. The list part holds {name = …, model = …} entries, or {name = …, report = …} with reports that eval.robustness has made on the same samples, or that eval.load has read: other samples, labels, images, class names or threat models are refused, attacks of another strength (steps, restarts, loss, seed) noted. With out, every model has a folder of its own in it (1-NAME, 2-NAME, …), where its record grows and its report is written: after a crash or Ctrl-C the same call with resume = true goes on.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local r = eval.robustness{model = model, data = ds}
---local c = eval.compare{{name = "before", report = r}, {name = "after", report = r}}
---print(c:table():find("after") ~= nil)  --> true
---```
---@param options table
---@return comparison
function eval.compare(options) end

---@class eval.retrievalOptions.attack
---@field image? table # an attack on all images {method = "pgd", objective = "kl"|"cosine"|"captions", …}, or a list of such; options beside a list hold for all its members, whose own come first
---@field text? table # an attack on all captions {method = "synonym", objective = "kl"|"img", …}, or a list of such
---@field multimodal? table # {method = "independent"|"co-attack"|"sga"|"worst", image = {…}, text = {…}}, or a list of such

---@class eval.retrievalOptions
---@field model clip_model # what to evaluate
---@field data dataset # images with captions
---@field attack? eval.retrievalOptions.attack # what to measure; clean recall alone when not given
---@field truncate? boolean # cut long texts, keeping the end token; else they are an error; default false
---@field name? string # the model's name in the table
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field out? string # folder for the record, report.json, tables and one line an image
---@field resume? boolean # go on with the record in out, which must be of the same evaluation; functions, such as a loss of one's own, cannot be compared; default false
---@field batch? integer # images at once; default 64

--- Recall at 1, 5 and 10 in both directions over a set of images with captions (a test split), clean and with every image, every caption or both attacked; ties are broken against the own item. Both success rates are given: drop, points of recall lost, and lost, the share of items found before that are not found any more. Attacks see an image with its own captions alone. worst counts each query at its worst over the galleries of its `methods` and the clean one. Co-Attack and sga have eps = 2/255 unless told otherwise, worst the eps of its image attack for all members. With out, a record grows as batches of images and text attacks are finished: after a crash or Ctrl-C the same call with resume = true goes on and gives the same result. eps = {"1/255", "2/255"} gives one row each, pgd@1/255 and pgd@2/255. Print r:table(), read r:recall(scenario, direction, k).
---
---```lua
---local model, x = clip.create("tiny"), tensor.rand{3, 3, 16, 16}
---local ds = data.from(x, {{"a cat", "one cat"}, {"a dog"}, {"the sky"}})
---local r = eval.retrieval{model = model, data = ds, attack = {image = {eps = "8/255", steps = 2}}}
---print(r:recall("clean", "tr", 5) >= r:recall("clean", "tr", 1))  --> true
---```
---@param options table
---@return retrieval_report
function eval.retrieval(options) end

--- A report that r:save or eval.robustness{out =} has written, or a comparison of eval.compare{out =}, with all its samples and without pictures. Nothing is computed again.
---
---```lua
---local model = clip.create("tiny")
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---local folder = os.tmpname() .. "-saved"
---local r = eval.robustness{model = model, data = ds, out = folder}
---print(eval.load(folder):accuracy("clean") == r:accuracy("clean"))  --> true
---```
---@param folder string
---@return robustness_report|comparison
function eval.load(folder) end
