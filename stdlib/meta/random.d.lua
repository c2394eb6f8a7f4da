---@meta

--- A sequence of random numbers; each call draws further ones.
---@class random_generator
local random_generator = {}

---@class random_generator.randOptions
---@field dtype? "float32"|"float64" # element type of the result; default "float32"

--- Uniform numbers in [0, 1).
---
---```lua
---print(random.generator(1):rand{2}:numel())  --> 2
---```
---@param shape integer[]
---@param options? random_generator.randOptions
---@return tensor
function random_generator:rand(shape, options) end

---@class random_generator.randnOptions
---@field dtype? "float32"|"float64" # element type of the result; default "float32"

--- Standard normal numbers.
---
---```lua
---print(random.generator(1):randn{2, 2}:numel())  --> 4
---```
---@param shape integer[]
---@param options? random_generator.randnOptions
---@return tensor
function random_generator:randn(shape, options) end

--- The numbers 1 … n in random order, int64.
---
---```lua
---print(random.generator(1):permutation(4):sum():item())  --> 10
---```
---@param n integer
---@return tensor
function random_generator:permutation(n) end

--- Integers from `low` to `high`, both included: one number, or an int64 tensor.
---
---```lua
---print(random.generator(1):integers(7, 7, {3}):sum():item())  --> 21
---```
---@param low integer
---@param high integer
---@param shape? integer[]
---@return tensor|integer
function random_generator:integers(low, high, shape) end

--- Frees the value now.
function random_generator:release() end

--- Random numbers that are the same for the same seed, on every machine and whatever the number of threads.
---@class randomlib
random = {}

--- Sets the root of all randomness that names no `seed` of its own, and starts the sequence of interactive draws anew. The root is 0 at start.
---
---```lua
---random.seed(3)
---local a = tensor.rand{1}:item()
---random.seed(3)
---print(tensor.rand{1}:item() == a)  --> true
---```
---@param n integer
function random.seed(n) end

--- A generator with a sequence of its own, which starts from the seed `n`.
---
---```lua
---local g = random.generator(1)
---print(#g:permutation(5):to_table())  --> 5
---```
---@param n integer
---@return random_generator
function random.generator(n) end
