---@meta

--- Reading, writing, resizing and showing images. An image is a float32 tensor `[3, H, W]`, RGB, with values in 0 … 1, at its own resolution; nothing here normalises pixels.
---@class imagelib
image = {}

---@class image.loadOptions
---@field depth? 8|"full" # bits a channel: 8, or "full"

--- The image in a PNG, JPEG, WebP, PPM or PGM file, `[3, H, W]`, with the same pixels as Pillow's `convert("RGB")`: gray and CMYK become RGB, alpha is dropped, of an animation the first frame is read. `depth = "full"` keeps all 16 bits. What a decoder finds odd but not wrong in a JPEG is a warning, shown with `kilpi -W` or after `warn("@on")`.
---
---```lua
---local path = os.tmpname() .. ".png"
---image.save(path, tensor.full({3, 2, 4}, 0.2))
---print(table.concat(image.load(path):shape(), " "))  --> 3 2 4
---os.remove(path)
---```
---@param path string
---@param options? image.loadOptions
---@return tensor
function image.load(path, options) end

---@class image.saveOptions
---@field bits? 8|16 # bits a channel in the file: 8 unless given, or 16

--- Writes an image by the extension of the path: .png, .jpg or .ppm; values are rounded to the nearest level. The file appears whole or not at all.
---
---```lua
---local path = os.tmpname() .. ".png"
---image.save(path, tensor.full({3, 2, 2}, 0.5), {bits = 16})
---print(image.load(path, {depth = "full"})[1][1][1]:item() == 32768 / 65535)  --> false
---os.remove(path)
---```
---@param path string
---@param image tensor
---@param options? image.saveOptions
function image.save(path, image, options) end

---@class image.save_adversarialOptions
---@field bits? 8|16 # bits a channel in the file: 8 unless given, or 16
---@field classifier? classifier|function # judges the image read back
---@field label? integer # the true class, from 1

--- Writes an adversarial image as PNG so that the L∞ budget holds in the file: each channel takes the nearest level inside it. Gives the image read back from the file, and a report with `path`, `bits`, the distances `given`, `saved` and `eight_bit`, `changed` and `warnings`; with a classifier also `prediction` and `success`, judged on the file.
---
---```lua
---local path = os.tmpname() .. ".png"
---local clean = tensor.full({3, 2, 2}, 128 / 255)
---local saved, report = image.save_adversarial(path, clean + 0.01, clean, "4/255")
---print(string.format("%.4f", report.saved.linf), report.changed)  --> 0.0118	12
---os.remove(path)
---```
---@param path string
---@param adversarial tensor
---@param clean tensor
---@param eps number|string
---@param options? image.save_adversarialOptions
---@return tensor
---@return table
function image.save_adversarial(path, adversarial, clean, eps, options) end

---@class image.resizeOptions
---@field filter? "bicubic"|"bilinear"|"nearest" # how pixels mix; default "bicubic"
---@field antialias? boolean # widen the filter when shrinking; false: PyTorch's interpolate, cubic a = -0.75; default true

--- The image (or batch) at another size: `{height, width}`, or one number for the short side. 8-bit images come out bit for bit as Pillow resizes them.
---
---```lua
---local x = tensor.rand({3, 8, 16}, {seed = 1})
---print(table.concat(image.resize(x, 4):shape(), " "))  --> 3 4 8
---```
---@param image tensor
---@param size integer|integer[]
---@param options? image.resizeOptions
---@return tensor
function image.resize(image, size, options) end

---@class image.center_cropOptions
---@field rule? "torchvision"|"hf" # whose rounding places an odd margin; default "torchvision"

--- The middle `size × size` pixels of an image or batch; a view, gradients pass.
---
---```lua
---print(table.concat(image.center_crop(tensor.zeros{3, 8, 6}, 4):shape(), " "))  --> 3 4 4
---```
---@param image tensor
---@param size integer
---@param options? image.center_cropOptions
---@return tensor
function image.center_crop(image, size, options) end

---@class image.diffOptions
---@field gain? number # how much the difference is amplified; default 10

--- The difference `0.5 + gain (a - b)`, cut to 0 … 1, so that small changes can be seen.
---
---```lua
---local x = tensor.full({3, 1, 1}, 0.5)
---print(string.format("%.2f", image.diff(x + 0.02, x)[1][1][1]:item()))  --> 0.70
---```
---@param a tensor
---@param b tensor
---@param options? image.diffOptions
---@return tensor
function image.diff(a, b, options) end

---@class image.gridOptions
---@field columns? integer # images in a row; about square when not given
---@field scale? integer # enlarges by a whole factor; small ones when not given
---@field captions? string|string[] # a text below each image
---@field title? string # a line above all

--- One picture `[3, H, W]` of many images side by side, on white; captions stand below.
---
---```lua
---local x = tensor.zeros{4, 3, 32, 32}
---print(image.grid(x, {columns = 2}):ndim())  --> 3
---```
---@param images tensor|tensor[]
---@param options? image.gridOptions
---@return tensor
function image.grid(images, options) end

--- Shows an image, or a batch as a grid, in the terminal or notebook.
---
---```lua
---image.show(tensor.zeros{3, 28, 28})  --> <image 3x28x28>
---```
---@param image tensor
function image.show(image) end
