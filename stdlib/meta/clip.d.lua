---@meta

--- A CLIP with its weights. It records no gradient for them unless a trainer or script asks.
---@class clip_model
local clip_model = {}

--- The configuration, as in a Hugging Face config.json; that of a residual network, which Hugging Face's classes cannot hold, as in an open_clip_config.json.
---
---```lua
---local model = clip.create("tiny")
---print(model:config().projection_dim)  --> 8
---```
---@return table
function clip_model:config() end

--- The weights by name, under the names of OpenAI's and open_clip's checkpoints. They are the model's own: what a script changes in place changes the model.
---
---```lua
---local model = clip.create("tiny")
---print(model:parameters()["visual.proj"]:size(2))  --> 8
---```
---@return table
function clip_model:parameters() end

--- Number of weights, all elements counted.
---
---```lua
---local model = clip.create("tiny")
---print(model:num_parameters())  --> 403473
---```
---@return integer
function clip_model:num_parameters() end

--- "float32", or "bfloat16" for a model loaded or created with it.
---
---```lua
---local model = clip.create("tiny")
---print(model:precision())  --> float32
---```
---@return string
function clip_model:precision() end

--- exp(logit_scale), by which similarities are multiplied; 1/0.07 in a fresh model.
---
---```lua
---local model = clip.create("tiny")
---print(model:logit_scale() > 14.2)  --> true
---```
---@return number
function clip_model:logit_scale() end

---@class clip_model.tokenizeOptions
---@field truncate? boolean # cut long texts, keeping the end token; else they are an error; default false

--- Token ids of the model's own tokenizer, int64 [N, context], as encode_text takes them. Ids count from 0, as in the vocabulary's file.
---
---```lua
---local model = clip.create("tiny")
---print(model:tokenize("a cat"):size(2))  --> 77
---```
---@param text string|string[]
---@param options? clip_model.tokenizeOptions
---@return tensor
function clip_model:tokenize(text, options) end

---@class clip_model.saveOptions
---@field layout? "hf"|"open_clip" # when not given, the first that holds the model; hf: model.safetensors, config.json and preprocessor_config.json; open_clip: open_clip_model.safetensors and open_clip_config.json
---@field half? boolean # store float16, half the size; default false

--- Writes a folder of weights and configuration that transformers loads (layout hf), or open_clip: a residual network fits open_clip alone, a SigLIP hf alone.
---
---```lua
---local model = clip.create("tiny")
---model:save("/tmp/kilpi-example-model")
---print(clip.load("/tmp/kilpi-example-model"):num_parameters() == model:num_parameters())  --> true
---```
---@param path string
---@param options? clip_model.saveOptions
function clip_model:save(path, options) end

---@class clip_model.encode_imageOptions
---@field normalize? boolean # divide each feature by its Euclidean norm; default true

--- Features of images [N, 3, H, W] (or [3, H, W]) in [0, 1], [N, D]. Images of another size than the model's are resampled inside the graph (bicubic, a = -0.75, no antialias), then normalised.
---
---```lua
---local model = clip.create("tiny")
---print(model:encode_image(tensor.rand{2, 3, 20, 20}):size(2))  --> 8
---```
---@param images tensor
---@param options? clip_model.encode_imageOptions
---@return tensor
function clip_model:encode_image(images, options) end

---@class clip_model.encode_textOptions
---@field normalize? boolean # divide each feature by its Euclidean norm; default true
---@field truncate? boolean # cut long texts, keeping the end token; else they are an error; default false

--- Features of texts, or of token ids from clip.tokenize, [N, D]. Equal texts are encoded once.
---
---```lua
---local model = clip.create("tiny")
---print(model:encode_text({"a cat", "a dog"}):size(1))  --> 2
---```
---@param texts string|string[]|tensor
---@param options? clip_model.encode_textOptions
---@return tensor
function clip_model:encode_text(texts, options) end

---@class clip_model.logitsOptions
---@field truncate? boolean # cut long texts, keeping the end token; else they are an error; default false

--- logit_scale times the cosine of every image with every text (or given text features), [N, C]; SigLIP adds its bias.
---
---```lua
---local model = clip.create("tiny")
---print(model:logits(tensor.rand{2, 3, 16, 16}, {"a", "b", "c"}):size(2))  --> 3
---```
---@param images tensor
---@param texts string[]|tensor
---@param options? clip_model.logitsOptions
---@return tensor
function clip_model:logits(images, texts, options) end

---@class clip_model.classifierOptions
---@field templates? string|string[] # prompts with {c} where the class name goes; default {"This is a photo of a {c}"}
---@field truncate? boolean # cut long texts, keeping the end token; else they are an error; default false

--- A zero-shot classifier: the class whose prompt is nearest to the image wins. Class names are used as given; with several templates a class's feature is the mean over them. Text features are cached, and encoded again once the model has changed.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier({"cat", "dog"}, {templates = {"a photo of a {c}"}})
---print(cls.prompts[2])  --> a photo of a dog
---```
---@param class_names string[]
---@param options? clip_model.classifierOptions
---@return classifier
function clip_model:classifier(class_names, options) end

--- Frees the value now.
function clip_model:release() end

--- A zero-shot classifier made of a model and class prompts; attacks take it as it is.
---@class classifier
---@field class_names string[] # The class names, as given.
---@field prompts string[] # The prompts, class by class.
---@field model clip_model # The model.
---@operator call(tensor): tensor
local classifier = {}

--- Logits [N, C] of images [N, 3, H, W] in [0, 1]; differentiable with respect to the images.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---print(cls:logits(tensor.rand{3, 3, 16, 16}):size(2))  --> 2
---```
---@param images tensor
---@return tensor
function classifier:logits(images) end

--- The best class of each image, from 1, and its probability; ties go to the lower class.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---local labels, scores = cls:predict(tensor.rand{3, 3, 16, 16})
---print(#labels, scores:max():item() <= 1)  --> 3	true
---```
---@param images tensor
---@return tensor labels
---@return tensor scores
function classifier:predict(images) end

---@class classifier.accuracyOptions
---@field batch? integer # images at once; default 128

--- Share of a data set's images whose best class is their label, in 0 … 1. The set must have as many classes as the classifier, and those that both name at the same places.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
---print(cls:accuracy(ds) <= 1)  --> true
---```
---@param dataset dataset
---@param options? classifier.accuracyOptions
---@return number
function classifier:accuracy(dataset, options) end

---@class classifier.with_promptsOptions
---@field truncate? boolean # cut long texts, keeping the end token; else they are an error; default false

--- The same classes with other prompts, in the order of `prompts`: adversarial ones, say.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---print(cls:with_prompts({"a cat", "a dog"}).prompts[1])  --> a cat
---```
---@param prompts string[]
---@param options? classifier.with_promptsOptions
---@return classifier
function classifier:with_prompts(prompts, options) end

---@class classifier.with_counterattackOptions
---@field eps? number|string # how far a pixel is moved at most in pixel units of [0, 1]; default "4/255"
---@field step? number|string # length of a step in pixel units of [0, 1]; default "1/255"
---@field steps? integer # steps away from the feature; default 2
---@field threshold? number # images whose feature noise moves by this share keep the noise alone; default 0.2
---@field sharpness? number # how strongly later steps count; default 2
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given

--- The classifier behind a defence that acts when it classifies: the image is moved away from its own feature first (TTC, arXiv:2503.03613). Attacks see through it; random draws follow from the seed and the image.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---local safe = cls:with_counterattack()
---print(safe:logits(tensor.rand{3, 3, 16, 16}):size(1))  --> 3
---```
---@param options? classifier.with_counterattackOptions
---@return defended_classifier
function classifier:with_counterattack(options) end

---@class classifier.with_augmentationsOptions
---@field crop? number # side of a crop as a share; 1: no crops; default 0.9
---@field flips? boolean # mirror images, too; default true

--- The classifier behind a defence that acts when it classifies: the mean over mirror images and crops. Attacks see through it; random draws follow from the seed and the image.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---local safe = cls:with_augmentations()
---print(safe:logits(tensor.rand{3, 3, 16, 16}):size(1))  --> 3
---```
---@param options? classifier.with_augmentationsOptions
---@return defended_classifier
function classifier:with_augmentations(options) end

---@class classifier.with_noiseOptions
---@field sigma? number|string # standard deviation of the noise in pixel units of [0, 1]; default "8/255"
---@field draws? integer # draws of noise; default 8
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given

--- The classifier behind a defence that acts when it classifies: the mean over draws of Gaussian noise. Attacks see through it; random draws follow from the seed and the image.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---local safe = cls:with_noise()
---print(safe:logits(tensor.rand{3, 3, 16, 16}):size(1))  --> 3
---```
---@param options? classifier.with_noiseOptions
---@return defended_classifier
function classifier:with_noise(options) end

---@class classifier.smoothedOptions
---@field sigma number|string # standard deviation of the noise in [0, 1] units
---@field n? integer # draws that estimate the probability; default 1000
---@field n0? integer # draws that choose the class; default 100
---@field alpha? number # how often a certificate may be wrong; default 0.001
---@field batch? integer # noisy images at once; default 128
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given

--- Randomised smoothing (arXiv:1902.02918): the class that wins under Gaussian noise on pixels, with the L2 radius within which that is certain. Forward passes only.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---local labels, radii = cls:smoothed{sigma = 0.1, n = 50, n0 = 10}:certify(tensor.rand{2, 3, 16, 16})
---print(#labels, #radii)  --> 2	2
---```
---@param options table
---@return smoothed_classifier
function classifier:smoothed(options) end

--- Frees the value now.
function classifier:release() end

--- A classifier behind a defence at test time; attacks take it as it is and see through it.
---@class defended_classifier
---@field name string # The defence.
---@field class_names string[] # The class names, as given.
---@field parameters table # The defence's name, parameters and seed.
---@operator call(tensor): tensor
local defended_classifier = {}

--- Logits [N, C] of images [N, 3, H, W] in [0, 1], through the defence.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---print(cls:with_noise{draws = 2}:logits(tensor.rand{3, 3, 16, 16}):size(2))  --> 2
---```
---@param images tensor
---@return tensor
function defended_classifier:logits(images) end

--- The best class of each image, from 1, and its probability.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---local labels = cls:with_noise{draws = 2}:predict(tensor.rand{3, 3, 16, 16})
---print(#labels)  --> 3
---```
---@param images tensor
---@return tensor labels
---@return tensor scores
function defended_classifier:predict(images) end

--- Frees the value now.
function defended_classifier:release() end

--- A classifier under Gaussian noise, whose verdicts come with a certified L2 radius.
---@class smoothed_classifier
local smoothed_classifier = {}

--- The class of each image, from 1, and the radius in [0, 1] units within which no change in L2 moves it; where it abstains both are 0, which counts as an error.
---
---```lua
---local model = clip.create("tiny")
---local cls = model:classifier{"cat", "dog"}
---local _, radii = cls:smoothed{sigma = 0.1, n = 50, n0 = 10}:certify(tensor.rand{2, 3, 16, 16})
---print(radii:min():item() >= 0)  --> true
---```
---@param images tensor
---@return tensor labels
---@return tensor radii
function smoothed_classifier:certify(images) end

--- Frees the value now.
function smoothed_classifier:release() end

--- CLIP models: an image encoder and a text encoder into one space. Weights are loaded by path or made at random; images go in as they are, in [0, 1], and the model resizes and normalises them.
---@class cliplib
clip = {}

---@class clip.loadOptions
---@field strict? boolean # refuse missing and unexpected keys, and keys that open_clip's configurations do not have; false takes missing weights from the base, else draws them, and says so; default true
---@field activation? "quick_gelu"|"gelu"|"gelu_pytorch_tanh"|"relu" # of the MLPs, where neither a configuration nor the format tells it
---@field base? clip_model|string # the model, or its path or name, that gives what a file of one tower lacks
---@field state_dict? string # where in the file the weights lie, such as "model_ema"; needed when it holds several models
---@field precision? "float32"|"bfloat16" # of the operands in the transformer blocks' products, also in their gradients; weights, sums and every verdict on an attacked image stay float32, and so do a classifier's logits without a gradient, predict and accuracy; without the processor's bfloat16 instructions it says so and is float32; default "float32"

--- Loads a model: a folder or a file of weights, or the name of a folder in KILPI_MODELS. Hugging Face, open_clip and OpenAI layouts are recognised by their content, in safetensors or PyTorch files, wherever they lie in a training script's checkpoint; so are image towers alone (TeCoA, FARE), which need `base`. A folder of `train.run` gives its trained model. What is assumed or passed over is said once. float16 and bfloat16 weights are widened to float32.
---
---```lua
---local model = clip.load("kilpi-tiny")
---print(model:num_parameters())  --> 4366593
---```
---@param path_or_name string
---@param options? clip.loadOptions
---@return clip_model
function clip.load(path_or_name, options) end

---@class clip.createOptions
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field precision? "float32"|"bfloat16" # of the operands in the transformer blocks' products, also in their gradients; weights, sums and every verdict on an attacked image stay float32, and so do a classifier's logits without a gradient, predict and accuracy; without the processor's bfloat16 instructions it says so and is float32; default "float32"

--- A model with random weights. The configuration is a table as in an open_clip or Hugging Face JSON file, or a name such as "ViT-B-32" (exact GELU; "ViT-B-32-quickgelu" has OpenAI's) or "tiny" (16 pixels, one block a tower: for trying things out).
---
---```lua
---local config = {embed_dim = 8, quick_gelu = true,
---  vision_cfg = {image_size = 16, patch_size = 8, width = 16, layers = 1, head_width = 8},
---  text_cfg = {width = 8, heads = 1, layers = 1}}
---print(clip.create(config):num_parameters())  --> 403473
---```
---@param config table|string
---@param options? clip.createOptions
---@return clip_model
function clip.create(config, options) end

--- What can be had: models found in KILPI_MODELS and the user's and shipped folders, with their path, and architectures that clip.create builds by name, without one.
---
---```lua
---for _, entry in ipairs(clip.available()) do
---  if entry.name == "ViT-B-32" then print(entry.name, entry.path) end
---end  --> ViT-B-32	nil
---```
---@return table[]
function clip.available() end

---@class clip.tokenizeOptions
---@field context? integer # length of each row; default 77
---@field truncate? boolean # cut long texts, keeping the end token; default false
---@field clean? "reference"|"hf" # how text is made uniform: as open_clip or as transformers does; default "reference"
---@field special? boolean # `<start_of_text>` and `<end_of_text>` (with hf: `<|startoftext|>`, `<|endoftext|>`) mean the tokens, wherever the chosen tokenizer takes them so; default false

--- Token ids of CLIP's byte-pair tokenizer, int64 [N, context]: start 49406, the text, end 49407, zeros. Ids are those of the vocabulary file, from 0. A text that is too long is an error unless `truncate` is given. `clean = "reference"` cleans text as OpenAI's and open_clip's code does, without its repair of wrongly decoded text; "hf" as transformers does, which keeps curly quotes and HTML references. Names of special tokens are ordinary characters unless `special` is given.
---
---```lua
---print(clip.decode(clip.tokenize("A cat")))  --> a cat
---print(clip.decode(clip.tokenize("1 &lt; 2", {clean = "hf"})))  --> 1 & lt ; 2
---```
---@param text string|string[]
---@param options? clip.tokenizeOptions
---@return tensor
function clip.tokenize(text, options) end

--- Text of token ids; start, end and padding are left out. A tensor [N, L] with more than one row gives a list.
---
---```lua
---print(clip.decode{49406, 320, 2368, 49407})  --> a cat
---```
---@param ids tensor|integer[]
---@return string|string[]
function clip.decode(ids) end

---@class clip.preprocessOptions
---@field preset? "openai"|"clip"|"mmcoa_small"|"mmcoa_imagenet"|"tecoa"|"siglip" # openai: bicubic, short side S, crop S; mmcoa_imagenet: bilinear, short side 256, crop 224; mmcoa_small: unchanged; siglip: bicubic to S x S, the aspect ratio lost; default "openai"
---@field size? integer # side S of the result; default 224
---@field crop? "torchvision"|"hf" # rounding of the crop's place; default "torchvision"

--- Prepares a photograph as the reference pipelines do on Pillow, pixel for pixel: resize on 8-bit pixels and centre crop, never normalised. The image is a tensor [3, H, W] in [0, 1] or a file's path (converted to RGB first, alpha dropped); the result [3, S, S].
---
---```lua
---print(clip.preprocess(tensor.ones{3, 40, 30}, {size = 16}):size(2))  --> 16
---```
---@param image tensor|string
---@param options? clip.preprocessOptions
---@return tensor
function clip.preprocess(image, options) end

--- Weights between two models of one architecture, (1 - share) * model + share * robust, as TeCoA and MMCoA mix them (arXiv:2212.07016). Choose the share on a validation split; weights that both have keep their bits.
---
---```lua
---local a, b = clip.create("tiny", {seed = 1}), clip.create("tiny", {seed = 2})
---local half = clip.interpolate(a, b, 0.5)
---print(half:parameters()["visual.proj"]:shape()[1] == a:parameters()["visual.proj"]:shape()[1])  --> true
---```
---@param model clip_model
---@param robust clip_model
---@param share number
---@return clip_model
function clip.interpolate(model, robust, share) end
