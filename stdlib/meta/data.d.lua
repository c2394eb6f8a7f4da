---@meta

--- Images with labels or captions. `#ds` is the number of samples.
---@class dataset
---@field class_names string[] # The classes' names; empty in caption sets.
---@field templates string[] # Prompt templates, with {c} for the class.
---@field name string # The set's name.
---@field split string # The split; empty when there is none.
---@field notes string[] # What results made with this set must say.
---@operator len: integer
local dataset = {}

--- Sample `i`, decoded: `image` `[3, H, W]`, `label` (from 1) or `captions`, and `id`.
---
---```lua
---local ds = data.from(tensor.ones{1, 3, 4, 4}, {1}, {"cat"})
---print(ds:get(1).image:mean():item(), ds:get(1).id)  --> 1.0	memory#0
---```
---@param i integer
---@return table
function dataset:get(i) end

--- All labels in order, from 1; int64.
---
---```lua
---local ds = data.from(tensor.ones{2, 3, 4, 4}, {2, 1}, {"cat", "dog"})
---print(ds:labels()[1]:item())  --> 2
---```
---@return tensor
function dataset:labels() end

--- The stable ids of all samples, in order.
---
---```lua
---print(data.from(tensor.ones{2, 3, 4, 4}, {1, 1}):ids()[2])  --> memory#1
---```
---@return string[]
function dataset:ids() end

---@class dataset.batchesOptions.augment
---@field crop? integer # largest shift in pixels; default 0
---@field flip? boolean # mirror half of the images; default false
---@field color? number # largest relative change of brightness; default 0

---@class dataset.batchesOptions
---@field shuffle? boolean # random order; default false
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field epoch? integer # another order each epoch; default 1
---@field drop_last? boolean # leave out a last batch that is smaller; default false
---@field augment? dataset.batchesOptions.augment # random changes to each image

--- An iterator over batches: images `[N, 3, H, W]`, labels `[N]` (in caption sets the list of captions of each sample), and ids. Order and augmentation depend on seed and epoch alone.
---
---```lua
---local ds = data.from(tensor.ones{5, 3, 4, 4}, {1, 2, 1, 2, 1})
---for images, labels in ds:batches(2) do io.write(#images, ":", labels[1]:item(), " ") end
---print()  --> 2:1 2:1 1:1 
---```
---@param size integer
---@param options? dataset.batchesOptions
---@return function
function dataset:batches(size, options) end

---@class dataset.takeOptions
---@field seed? integer # root of the random choice

--- The first `n` samples; with `seed`, `n` random ones in their order.
---
---```lua
---print(#data.from(tensor.ones{5, 3, 4, 4}, {1, 2, 1, 2, 1}):take(2))  --> 2
---```
---@param n integer
---@param options? dataset.takeOptions
---@return dataset
function dataset:take(n, options) end

---@class dataset.per_classOptions
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given

--- `n` random samples of each class, in their order; more shots contain fewer ones.
---
---```lua
---print(#data.from(tensor.ones{5, 3, 4, 4}, {1, 2, 1, 2, 1}):per_class(1))  --> 2
---```
---@param n integer
---@param options? dataset.per_classOptions
---@return dataset
function dataset:per_class(n, options) end

--- The samples at the indices, or those that an index file lists (there, from 0).
---
---```lua
---print(data.from(tensor.ones{5, 3, 4, 4}, {1, 2, 1, 2, 1}):subset{4}:get(1).label)  --> 2
---```
---@param indices integer[]|tensor|string
---@return dataset
function dataset:subset(indices) end

--- The set with each image passed through `f(image, label, id)` when it is read.
---
---```lua
---local ds = data.from(tensor.ones{1, 3, 4, 4}, {1}):map(function(x) return x * 0.5 end)
---print(ds:get(1).image:mean():item())  --> 0.5
---```
---@param f function
---@return dataset
function dataset:map(f) end

--- The samples of this set, then those of the other, which must have the same classes (or captions, too). Where two samples have one id, ids get the number of their set in front.
---
---```lua
---local ds = data.from(tensor.ones{2, 3, 4, 4}, {1, 2}, {"cat", "dog"})
---local both = ds:concat(ds)
---print(#both, both:ids()[3])  --> 4	2/memory#0
---```
---@param other dataset
---@return dataset
function dataset:concat(other) end

---@class dataset.splitOptions
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field by_class? boolean # the same mix of classes in all parts; default false

--- Random parts of the set by share, without overlap, each in the set's order: `ds:split{0.8, 0.2, seed = 1}`. Shares add up to 1 at most.
---
---```lua
---local ds = data.from(tensor.ones{10, 3, 4, 4}, {1, 2, 1, 2, 1, 2, 1, 2, 1, 2})
---local train, test = ds:split({0.8, 0.2}, {seed = 1, by_class = true})
---print(#train, #test, test:labels():sum():item())  --> 8	2	3
---```
---@param shares number[]
---@param options? dataset.splitOptions
---@return dataset
---@return …
function dataset:split(shares, options) end

--- Frees the value now.
function dataset:release() end

--- Data sets of labelled or captioned images. Samples are decoded when they are asked for; labels count from 1.
---@class datalib
data = {}

---@class data.openOptions
---@field split? string # one that the set has; without splits, leave it out; default "test"
---@field format? string # a format's name; auto recognises it by its files; default "auto"
---@field preset? "openai"|"mmcoa_small"|"mmcoa_imagenet" # recipe that brings images to `size`: resize and crop, never normalise
---@field size? integer # the side that the preset makes

--- Opens a data set: a folder, or the name of a folder in KILPI_DATA, or "fashion-mnist". Formats: webdataset (SPLIT/0.tar … with KEY.jpg and KEY.cls or KEY.txt); idx (train-images-idx3-ubyte and its like, plain or gzip (MNIST's form)); cifar (data_batch_1.bin … or train.bin and test.bin); captions (images/ and SPLIT.json, captions.json, captions.csv, captions.tsv or metadata.jsonl); imagefolder (SPLIT/CLASS/*.png, jpg, jpeg, webp, ppm or pgm). Images of mixed sizes need a preset to be batched. Captions are COCO's, Karpathy's, a list, an object or a table with a header such as `image,caption`. Links are followed, in the sandbox as far as it allows. What is passed over is said, and stands in `notes`.
---
---```lua
---local folder = os.tmpname() .. "-set"
---os.execute("mkdir -p " .. folder .. "/cat " .. folder .. "/dog")
---for _, name in ipairs{"cat/1.png", "cat/2.png", "dog/1.png"} do
---  image.save(folder .. "/" .. name, tensor.rand{3, 8, 8})
---end
---print(#data.open(folder), data.open(folder).class_names[2])  --> 3	dog
---```
---@param path string
---@param options? data.openOptions
---@return dataset
function data.open(path, options) end

---@class data.fashion_mnistOptions
---@field split? "train"|"test" # 60,000 or 10,000 samples; default "test"

--- Fashion-MNIST, 28 × 28 pictures of clothes in 10 classes, from the files of Debian's package dataset-fashion-mnist.
---
---```lua
---local ds = data.fashion_mnist{split = "test"}
---print(#ds, ds.class_names[1])  --> 10000	T-shirt/top
---```
---@param options? data.fashion_mnistOptions
---@return dataset
function data.fashion_mnist(options) end

--- A data set over a copy of images `[N, 3, H, W]` (or `[N, 1, H, W]`) with labels from 1, or with captions: a string, or a list of strings, for each image.
---
---```lua
---local ds = data.from(tensor.zeros{2, 3, 4, 4}, {1, 2}, {"cat", "dog"})
---print(#ds, ds.class_names[2], ds:get(2).label)  --> 2	dog	2
---```
---@param images tensor
---@param labels tensor|integer[]|string[]
---@param class_names? string[]
---@return dataset
function data.from(images, labels, class_names) end
