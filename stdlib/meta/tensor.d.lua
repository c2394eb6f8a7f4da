---@meta

--- An n-dimensional array of float32, float64 or int64 numbers. Operators work elementwise with broadcasting, also with plain numbers. `t[i]` is a view along the first axis, `t[{ {first, last}, j }]` a slice; assigning to either writes through. int64 wraps around at 2^63, as in PyTorch and as Lua's integers do: in `+`, `-`, `*`, `^`, sum, prod, cumsum, square and in abs of the smallest integer. Comparisons of int64 with floats are exact.
---@class tensor
---@field grad tensor? # The gradient that `backward` has collected for this leaf; nil before.
---@field requires_grad boolean # Whether gradients flow to (or through) this tensor.
---@operator add(tensor|number): tensor
---@operator sub(tensor|number): tensor
---@operator mul(tensor|number): tensor
---@operator div(tensor|number): tensor
---@operator pow(tensor|number): tensor
---@operator idiv(tensor|number): tensor
---@operator mod(tensor|number): tensor
---@operator unm: tensor
---@operator len: integer
---@operator concat(any): any
local tensor = {}

--- The sizes of the axes as a table.
---
---```lua
---print(table.concat(tensor.zeros{2, 3}:shape(), " "))  --> 2 3
---```
---@return integer[]
function tensor:shape() end

--- The size of one axis; without an axis the same as `shape`.
---
---```lua
---print(tensor.zeros{2, 3}:size(-1))  --> 3
---```
---@param axis? integer
---@return integer|integer[]
function tensor:size(axis) end

--- The number of axes.
---
---```lua
---print(tensor.zeros{2, 3}:ndim())  --> 2
---```
---@return integer
function tensor:ndim() end

--- The number of elements.
---
---```lua
---print(tensor.zeros{2, 3}:numel())  --> 6
---```
---@return integer
function tensor:numel() end

--- The element type: float32, float64 or int64.
---
---```lua
---print(tensor.zeros{2}:dtype())  --> float32
---```
---@return string
function tensor:dtype() end

--- The number in a tensor of one element.
---
---```lua
---print(tensor.from{{2.5}}:item())  --> 2.5
---```
---@return number
function tensor:item() end

--- The elements as nested tables; a number without axes.
---
---```lua
---print(tensor.from{{1, 2}, {3, 4}}:to_table()[2][1])  --> 3.0
---```
---@return table
function tensor:to_table() end

--- The same values as another element type; fractions are cut towards zero for int64.
---
---```lua
---print(tensor.from{1.7}:to("int64"):item())  --> 1
---```
---@param dtype string
---@return tensor
function tensor:to(dtype) end

--- A copy with storage of its own; gradients pass through.
---
---```lua
---local a = tensor.zeros{2}
---local b = a:clone()
---b[1] = 5
---print(a[1]:item(), b[1]:item())  --> 0.0	5.0
---```
---@return tensor
function tensor:clone() end

--- This tensor, or a copy when its elements lie with gaps.
---
---```lua
---print(tensor.zeros{2, 3}:transpose(1, 2):contiguous():is_view())  --> false
---```
---@return tensor
function tensor:contiguous() end

--- Whether the tensor shows a part of another's storage.
---
---```lua
---print(tensor.zeros{2, 3}[1]:is_view())  --> true
---```
---@return boolean
function tensor:is_view() end

--- Shows an image tensor, or a batch as a grid; the same as `image.show`.
---
---```lua
---tensor.zeros{3, 28, 28}:show()  --> <image 3x28x28>
---```
function tensor:show() end

--- The same elements in another shape; one size may be -1. A view where possible.
---
---```lua
---print(table.concat(tensor.zeros{2, 6}:reshape{3, -1}:shape(), " "))  --> 3 4
---```
---@param shape integer[]
---@return tensor
function tensor:reshape(shape) end

--- A view with the axes in another order.
---
---```lua
---print(table.concat(tensor.zeros{2, 3, 4}:permute{3, 1, 2}:shape(), " "))  --> 4 2 3
---```
---@param axes integer[]
---@return tensor
function tensor:permute(axes) end

--- A view with two axes exchanged, the last two unless given.
---
---```lua
---print(table.concat(tensor.zeros{2, 3}:transpose(1, 2):shape(), " "))  --> 3 2
---```
---@param a? integer
---@param b? integer
---@return tensor
function tensor:transpose(a, b) end

--- A view without the axis if its size is 1; without all such axes when none is named.
---
---```lua
---print(tensor.zeros{1, 3, 1}:squeeze():ndim())  --> 1
---```
---@param axis? integer
---@return tensor
function tensor:squeeze(axis) end

--- A view with a new axis of size 1, which gets the number `axis`.
---
---```lua
---print(table.concat(tensor.zeros{2, 3}:unsqueeze(2):shape(), " "))  --> 2 1 3
---```
---@param axis integer
---@return tensor
function tensor:unsqueeze(axis) end

--- A view stretched to the shape: axes of size 1 and new ones in front repeat; -1 keeps a size.
---
---```lua
---print(tensor.ones{1, 3}:expand{4, -1}:sum():item())  --> 12.0
---```
---@param shape integer[]
---@return tensor
function tensor:expand(shape) end

--- The axes from `first` to `last` (all unless given) merged into one.
---
---```lua
---print(table.concat(tensor.zeros{2, 3, 4}:flatten(2):shape(), " "))  --> 2 12
---```
---@param first? integer
---@param last? integer
---@return tensor
function tensor:flatten(first, last) end

--- A view that runs backwards along the axes.
---
---```lua
---print(tensor.from{1, 2, 3}:flip{1}[1]:item())  --> 3.0
---```
---@param axes integer[]
---@return tensor
function tensor:flip(axes) end

--- A view of `length` entries along an axis, beginning with entry `first`.
---
---```lua
---print(tensor.arange(1, 5):narrow(1, 2, 3):sum():item())  --> 9.0
---```
---@param axis integer
---@param first integer
---@param length integer
---@return tensor
function tensor:narrow(axis, first, length) end

--- The entries along an axis that the indices name, which may repeat.
---
---```lua
---print(tensor.from{5, 6, 7}:index_select(1, {3, 1, 3})[1]:item())  --> 7.0
---```
---@param axis integer
---@param indices tensor|integer[]
---@return tensor
function tensor:index_select(axis, indices) end

--- Per position, the entry along an axis that `indices` names there; `indices` has the tensor's sizes but for that axis.
---
---```lua
---local t = tensor.from{{1, 2}, {3, 4}}
---print(t:gather(2, {{2}, {1}}):sum():item())  --> 5.0
---```
---@param axis integer
---@param indices tensor
---@return tensor
function tensor:gather(axis, indices) end

---@class tensor.padOptions
---@field value? number # the value of the new entries; default 0

--- A copy with entries of one value added before and after along an axis.
---
---```lua
---print(table.concat(tensor.ones{2}:pad(1, 1, 2):to_table(), " "))  --> 0.0 1.0 1.0 0.0 0.0
---```
---@param axis integer
---@param before integer
---@param after integer
---@param options? tensor.padOptions
---@return tensor
function tensor:pad(axis, before, after, options) end

--- Views of `size` entries each along an axis (the first unless given); the last may be shorter.
---
---```lua
---print(#tensor.zeros{5, 2}:split(2))  --> 3
---```
---@param size integer
---@param axis? integer
---@return tensor[]
function tensor:split(size, axis) end

--- Exponentials, `eˣ`.
---
---```lua
---print(tensor.from{0}:exp():item())  --> 1.0
---```
---@return tensor
function tensor:exp() end

--- Natural logarithms.
---
---```lua
---print(tensor.from{1}:log():item())  --> 0.0
---```
---@return tensor
function tensor:log() end

--- Sines, in radians.
---
---```lua
---print(tensor.from{0}:sin():item())  --> 0.0
---```
---@return tensor
function tensor:sin() end

--- Cosines, in radians.
---
---```lua
---print(tensor.from{0}:cos():item())  --> 1.0
---```
---@return tensor
function tensor:cos() end

--- Hyperbolic tangents.
---
---```lua
---print(tensor.from{0}:tanh():item())  --> 0.0
---```
---@return tensor
function tensor:tanh() end

--- `1 / (1 + e⁻ˣ)`.
---
---```lua
---print(tensor.from{0}:sigmoid():item())  --> 0.5
---```
---@return tensor
function tensor:sigmoid() end

--- `log(1 + eˣ)`, a smooth `max(x, 0)`, computed without overflow. The gradient is `sigmoid`.
---
---```lua
---print(tensor.from{100}:softplus():item())  --> 100.0
---```
---@return tensor
function tensor:softplus() end

--- `max(x, 0)`. The gradient at 0 is 0.
---
---```lua
---print(tensor.from{-1, 2}:relu():sum():item())  --> 2.0
---```
---@return tensor
function tensor:relu() end

---@class tensor.geluOptions
---@field approximate? "none"|"tanh" # tanh: `½x(1 + tanh(√(2/π)(x + 0.044715x³)))`; default "none"

--- `x · Φ(x)` with the exact normal distribution function (arXiv:1606.08415), or its tanh approximation, which SigLIP uses.
---
---```lua
---print(tensor.from{0}:gelu():item())  --> 0.0
---```
---@param options? tensor.geluOptions
---@return tensor
function tensor:gelu(options) end

--- `x · sigmoid(1.702 x)`, the activation of OpenAI's CLIP.
---
---```lua
---print(tensor.from{0}:quick_gelu():item())  --> 0.0
---```
---@return tensor
function tensor:quick_gelu() end

--- Absolute values.
---
---```lua
---print(tensor.from{-2}:abs():item())  --> 2.0
---```
---@return tensor
function tensor:abs() end

--- -1, 0 or 1 for each element. The gradient is 0.
---
---```lua
---print(tensor.from{-3}:sign():item())  --> -1.0
---```
---@return tensor
function tensor:sign() end

--- The largest integers not above the elements. The gradient is 0.
---
---```lua
---print(tensor.from{1.7}:floor():item())  --> 1.0
---```
---@return tensor
function tensor:floor() end

--- The nearest integers, ties to even. The gradient is 0.
---
---```lua
---print(tensor.from{2.5}:round():item())  --> 2.0
---```
---@return tensor
function tensor:round() end

--- Square roots.
---
---```lua
---print(tensor.from{9}:sqrt():item())  --> 3.0
---```
---@return tensor
function tensor:sqrt() end

--- Reciprocal square roots, `1 / √x`.
---
---```lua
---print(tensor.from{4}:rsqrt():item())  --> 0.5
---```
---@return tensor
function tensor:rsqrt() end

--- Squares.
---
---```lua
---print(tensor.from{-3}:square():item())  --> 9.0
---```
---@return tensor
function tensor:square() end

--- Elements below `low` become `low`, above `high` become `high`; nil is no bound. Of int64, a bound that is no integer makes the result float32.
---
---```lua
---print(tensor.from{-1, 0.5, 3}:clamp(0, 1):sum():item())  --> 1.5
---```
---@param low? number
---@param high? number
---@return tensor
function tensor:clamp(low, high) end

--- The smaller of two elements, with broadcasting; nan where one is nan, float32 for an int64 tensor beside a number that is no integer.
---
---```lua
---print(tensor.from{1, 5}:minimum(3):sum():item())  --> 4.0
---```
---@param other tensor|number
---@return tensor
function tensor:minimum(other) end

--- The larger of two elements, with broadcasting; nan where one is nan, float32 for an int64 tensor beside a number that is no integer.
---
---```lua
---print(tensor.from{1, 5}:maximum(3):sum():item())  --> 8.0
---```
---@param other tensor|number
---@return tensor
function tensor:maximum(other) end

--- Elements of this tensor where `condition` is not 0, else of `other`.
---
---```lua
---local x = tensor.from{-1, 2}
---print(x:where(x:gt(0), 0):sum():item())  --> 2.0
---```
---@param condition tensor
---@param other tensor|number
---@return tensor
function tensor:where(condition, other) end

--- 1 where the elements are equal, else 0; int64.
---
---```lua
---print(tensor.from{1, 2}:eq(2):sum():item())  --> 1
---```
---@param other tensor|number
---@return tensor
function tensor:eq(other) end

--- 1 where this element is less than the other, else 0; int64.
---
---```lua
---print(tensor.from{1, 2}:lt(2):sum():item())  --> 1
---```
---@param other tensor|number
---@return tensor
function tensor:lt(other) end

--- 1 where this element is less or equal, else 0; int64.
---
---```lua
---print(tensor.from{1, 2}:le(2):sum():item())  --> 2
---```
---@param other tensor|number
---@return tensor
function tensor:le(other) end

--- 1 where this element is greater than the other, else 0; int64.
---
---```lua
---print(tensor.from{1, 2}:gt(2):sum():item())  --> 0
---```
---@param other tensor|number
---@return tensor
function tensor:gt(other) end

--- 1 where this element is greater or equal, else 0; int64.
---
---```lua
---print(tensor.from{1, 2}:ge(2):sum():item())  --> 1
---```
---@param other tensor|number
---@return tensor
function tensor:ge(other) end

---@class tensor.sumOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false

--- Sum of all elements, or over axes.
---
---```lua
---local t = tensor.from{{1, 2}, {3, 4}}
---print(t:sum():item(), t:sum{axis = 1}[2]:item())  --> 10.0	6.0
---```
---@param axis? integer|integer[]
---@param options? tensor.sumOptions
---@return tensor
function tensor:sum(axis, options) end

---@class tensor.meanOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false

--- Mean of all elements, or over axes.
---
---```lua
---print(tensor.from{1, 2, 6}:mean():item())  --> 3.0
---```
---@param axis? integer|integer[]
---@param options? tensor.meanOptions
---@return tensor
function tensor:mean(axis, options) end

---@class tensor.prodOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false

--- Product of all elements, or over axes.
---
---```lua
---print(tensor.from{2, 3, 4}:prod():item())  --> 24.0
---```
---@param axis? integer|integer[]
---@param options? tensor.prodOptions
---@return tensor
function tensor:prod(axis, options) end

---@class tensor.normOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false

--- Euclidean norm of all elements, or over axes.
---
---```lua
---print(tensor.from{3, 4}:norm():item())  --> 5.0
---```
---@param axis? integer|integer[]
---@param options? tensor.normOptions
---@return tensor
function tensor:norm(axis, options) end

---@class tensor.logsumexpOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false

--- `log Σ eˣ` of all elements, or over axes, without overflow.
---
---```lua
---print(tensor.from{1000, -1000}:logsumexp():item())  --> 1000.0
---```
---@param axis? integer|integer[]
---@param options? tensor.logsumexpOptions
---@return tensor
function tensor:logsumexp(axis, options) end

---@class tensor.varOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false
---@field correction? integer # taken from the count; 1: unbiased; default 1

--- Variance `Σ(x - mean)² / (n - correction)` of all elements, or over axes.
---
---```lua
---print(tensor.from{1, 2, 3}:var():item())  --> 1.0
---```
---@param axis? integer|integer[]
---@param options? tensor.varOptions
---@return tensor
function tensor:var(axis, options) end

---@class tensor.stdOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false
---@field correction? integer # taken from the count; 1: unbiased; default 1

--- Standard deviation, the root of `var`.
---
---```lua
---print(tensor.from{1, 2, 3}:std():item())  --> 1.0
---```
---@param axis? integer|integer[]
---@param options? tensor.stdOptions
---@return tensor
function tensor:std(axis, options) end

---@class tensor.maxOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false

--- Largest of all elements. With an axis: the values along it and their indices, which count from 1 (the first on ties).
---
---```lua
---local values, indices = tensor.from{{1, 5}, {7, 2}}:max{axis = 2}
---print(values[1]:item(), indices[1]:item())  --> 5.0	2
---```
---@param axis? integer
---@param options? tensor.maxOptions
---@return tensor
---@return tensor
function tensor:max(axis, options) end

---@class tensor.minOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false

--- Smallest of all elements. With an axis: the values along it and their indices, which count from 1 (the first on ties).
---
---```lua
---print(tensor.from{3, 1, 2}:min():item())  --> 1.0
---```
---@param axis? integer
---@param options? tensor.minOptions
---@return tensor
---@return tensor
function tensor:min(axis, options) end

---@class tensor.argmaxOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false

--- Index of the first largest element along an axis, counted from 1; of all elements in row-major order when no axis is given. int64.
---
---```lua
---print(tensor.from{3, 9, 2}:argmax():item())  --> 2
---```
---@param axis? integer
---@param options? tensor.argmaxOptions
---@return tensor
function tensor:argmax(axis, options) end

---@class tensor.argminOptions
---@field axis? integer[] # axis, or list of axes, to go over; all when not given
---@field keepdim? boolean # keep the reduced axes with size 1; default false

--- Index of the first smallest element along an axis, counted from 1; of all elements in row-major order when no axis is given. int64.
---
---```lua
---print(tensor.from{3, 9, 2}:argmin():item())  --> 3
---```
---@param axis? integer
---@param options? tensor.argminOptions
---@return tensor
function tensor:argmin(axis, options) end

---@class tensor.topkOptions
---@field axis? integer # axis to work along, from 1; -1 is the last
---@field largest? boolean # false: the smallest; default true

--- The `k` largest elements along an axis, best first, and their indices from 1. NaN counts as the largest, as for max and argmax.
---
---```lua
---local values, indices = tensor.from{3, 9, 2}:topk(2)
---print(values[1]:item(), indices[1]:item(), indices[2]:item())  --> 9.0	2	1
---```
---@param k integer
---@param options? tensor.topkOptions
---@return tensor
---@return tensor
function tensor:topk(k, options) end

---@class tensor.sortOptions
---@field axis? integer # axis to work along, from 1; -1 is the last
---@field descending? boolean # largest first; default false

--- Elements along an axis (the last unless given) in ascending order, and their indices. NaN counts as the largest.
---
---```lua
---local values, indices = tensor.from{3, 9, 2}:sort()
---print(values[1]:item(), indices[1]:item())  --> 2.0	3
---```
---@param axis? integer
---@param options? tensor.sortOptions
---@return tensor
---@return tensor
function tensor:sort(axis, options) end

---@class tensor.cumsumOptions
---@field axis? integer # axis to work along, from 1; -1 is the last

--- Running sum along an axis (the last unless given).
---
---```lua
---print(tensor.from{1, 2, 3}:cumsum()[3]:item())  --> 6.0
---```
---@param axis? integer
---@param options? tensor.cumsumOptions
---@return tensor
function tensor:cumsum(axis, options) end

---@class tensor.softmaxOptions
---@field axis? integer # axis to work along, from 1; -1 is the last

--- `eˣ / Σ eˣ` along an axis (the last unless given).
---
---```lua
---print(tensor.zeros{4}:softmax()[1]:item())  --> 0.25
---```
---@param axis? integer
---@param options? tensor.softmaxOptions
---@return tensor
function tensor:softmax(axis, options) end

---@class tensor.log_softmaxOptions
---@field axis? integer # axis to work along, from 1; -1 is the last

--- The logarithm of `softmax`, without overflow.
---
---```lua
---print(tensor.from{0, -1e4}:log_softmax()[2]:item())  --> -10000.0
---```
---@param axis? integer
---@param options? tensor.log_softmaxOptions
---@return tensor
function tensor:log_softmax(axis, options) end

---@class tensor.normalizeOptions
---@field axis? integer # axis to work along, from 1; -1 is the last

--- Divides by the Euclidean norm along an axis; zeros stay zeros.
---
---```lua
---local u = tensor.from{3, 4}:normalize()
---print(string.format("%.1f %.1f", u[1]:item(), u[2]:item()))  --> 0.6 0.8
---```
---@param axis? integer
---@param options? tensor.normalizeOptions
---@return tensor
function tensor:normalize(axis, options) end

--- Matrix product `[…, m, k] × […, k, n]`; axes in front are batches and broadcast.
---
---```lua
---local a = tensor.from{{1, 2}, {3, 4}}
---print(a:matmul(a)[1][1]:item())  --> 7.0
---```
---@param other tensor
---@return tensor
function tensor:matmul(other) end

--- Makes this tensor collect a gradient, or stop doing so; gives the same tensor.
---
---```lua
---print(tensor.ones{2}:requires_grad_(true).requires_grad)  --> true
---```
---@param on? boolean
---@return tensor
function tensor:requires_grad_(on) end

--- The same values on the same storage, cut off from recorded gradients.
---
---```lua
---local x = tensor.ones{2}:requires_grad_(true)
---print((x * 2):detach().requires_grad)  --> false
---```
---@return tensor
function tensor:detach() end

---@class tensor.backwardOptions
---@field retain_graph? boolean # keep what was recorded for another call; default false

--- Adds the gradient of this tensor to the `.grad` of every leaf it was computed from. A tensor of more than one element needs `seed`, the gradient of itself. Frees what was recorded.
---
---```lua
---local x = tensor.from{1, 2, 3}:requires_grad_(true)
---x:square():sum():backward()
---print(table.concat(x.grad:to_table(), " "))  --> 2.0 4.0 6.0
---```
---@param seed? tensor
---@param options? tensor.backwardOptions
function tensor:backward(seed, options) end

--- The same as `t + other`.
---
---```lua
---print(tensor.from{1}:add(2):item())  --> 3.0
---```
---@param other tensor|number
---@return tensor
function tensor:add(other) end

--- The same as `t - other`.
---
---```lua
---print(tensor.from{1}:sub(2):item())  --> -1.0
---```
---@param other tensor|number
---@return tensor
function tensor:sub(other) end

--- The same as `t * other`.
---
---```lua
---print(tensor.from{3}:mul(2):item())  --> 6.0
---```
---@param other tensor|number
---@return tensor
function tensor:mul(other) end

--- The same as `t / other`.
---
---```lua
---print(tensor.from{3}:div(2):item())  --> 1.5
---```
---@param other tensor|number
---@return tensor
function tensor:div(other) end

--- The same as `t ^ other`.
---
---```lua
---print(tensor.from{3}:pow(2):item())  --> 9.0
---```
---@param other tensor|number
---@return tensor
function tensor:pow(other) end

--- The same as `-t`.
---
---```lua
---print(tensor.from{3}:neg():item())  --> -3.0
---```
---@return tensor
function tensor:neg() end

--- 1 where the elements are not equal, else 0; int64.
---
---```lua
---print(tensor.from{1, 2, 3}:ne(2):sum():item())  --> 2
---```
---@param other tensor|number
---@return tensor
function tensor:ne(other) end

--- 1 where an element is no number, else 0; int64.
---
---```lua
---print(tensor.from{0/0, 1, 1/0}:isnan():sum():item())  --> 1
---```
---@return tensor
function tensor:isnan() end

--- 1 where an element is neither infinite nor no number, else 0; int64.
---
---```lua
---print(tensor.from{0/0, 1, 1/0}:isfinite():sum():item())  --> 1
---```
---@return tensor
function tensor:isfinite() end

--- The number of axes, the same as `ndim`.
---
---```lua
---print(tensor.zeros{2, 3}:dim())  --> 2
---```
---@return integer
function tensor:dim() end

--- The same as `reshape`.
---
---```lua
---print(table.concat(tensor.zeros{2, 6}:view(3, -1):shape(), " "))  --> 3 4
---```
---@param shape integer[]
---@return tensor
function tensor:view(shape) end

--- A matrix with its axes exchanged; a vector or a number as it is.
---
---```lua
---print(table.concat(tensor.zeros{2, 3}:t():shape(), " "))  --> 3 2
---```
---@return tensor
function tensor:t() end

--- `matmul` of tensors with 2 and 2 axes.
---
---```lua
---print(tensor.ones{2, 3}:mm(tensor.ones{3, 4}):sum():item())  --> 24.0
---```
---@param other tensor
---@return tensor
function tensor:mm(other) end

--- `matmul` of tensors with 3 and 3 axes.
---
---```lua
---print(tensor.ones{5, 2, 3}:bmm(tensor.ones{5, 3, 4}):sum():item())  --> 120.0
---```
---@param other tensor
---@return tensor
function tensor:bmm(other) end

--- `matmul` of tensors with 2 and 1 axes.
---
---```lua
---print(tensor.ones{2, 3}:mv(tensor.ones{3}):sum():item())  --> 6.0
---```
---@param other tensor
---@return tensor
function tensor:mv(other) end

--- `matmul` of tensors with 1 and 1 axes.
---
---```lua
---print(tensor.ones{3}:dot(tensor.ones{3}):item())  --> 3.0
---```
---@param other tensor
---@return tensor
function tensor:dot(other) end

--- Frees the value now.
function tensor:release() end

--- What `tensor.no_grad()` gives; recording goes on when its `<close>` variable ends.
---@class no_grad_guard
local no_grad_guard = {}

--- Frees the value now.
function no_grad_guard:release() end

--- Tensors with automatic gradients. Axes and indices count from 1, -1 is the last; `*` multiplies elementwise, `a:matmul(b)` is the matrix product.
---@class tensorlib
tensor = {}

---@class tensor.zerosOptions
---@field dtype? "float32"|"float64"|"int64" # element type of the result; default "float32"

--- A tensor of zeros.
---
---```lua
---print(tensor.zeros{2, 3}:sum():item())  --> 0.0
---```
---@param shape integer[]
---@param options? tensor.zerosOptions
---@return tensor
function tensor.zeros(shape, options) end

---@class tensor.onesOptions
---@field dtype? "float32"|"float64"|"int64" # element type of the result; default "float32"

--- A tensor of ones.
---
---```lua
---print(tensor.ones{2, 3}:sum():item())  --> 6.0
---```
---@param shape integer[]
---@param options? tensor.onesOptions
---@return tensor
function tensor.ones(shape, options) end

---@class tensor.fullOptions
---@field dtype? "float32"|"float64"|"int64" # element type of the result; default "float32"

--- A tensor whose elements all are `value`.
---
---```lua
---print(tensor.full({2}, 1.5):sum():item())  --> 3.0
---```
---@param shape integer[]
---@param value number
---@param options? tensor.fullOptions
---@return tensor
function tensor.full(shape, value, options) end

---@class tensor.eyeOptions
---@field dtype? "float32"|"float64"|"int64" # element type of the result; default "float32"

--- The identity matrix `[n, n]`.
---
---```lua
---print(tensor.eye(3):sum():item())  --> 3.0
---```
---@param n integer
---@param options? tensor.eyeOptions
---@return tensor
function tensor.eye(n, options) end

---@class tensor.randOptions
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field dtype? "float32"|"float64" # element type of the result; default "float32"

--- Uniform random numbers in [0, 1). Without `seed` each call draws further numbers.
---
---```lua
---print(tensor.rand({2}, {seed = 1}):shape()[1])  --> 2
---```
---@param shape integer[]
---@param options? tensor.randOptions
---@return tensor
function tensor.rand(shape, options) end

---@class tensor.randnOptions
---@field seed? integer # root of the random numbers of this call; the root of random.seed when not given
---@field dtype? "float32"|"float64" # element type of the result; default "float32"

--- Standard normal random numbers. Without `seed` each call draws further numbers.
---
---```lua
---local a, b = tensor.randn({3}, {seed = 7}), tensor.randn({3}, {seed = 7})
---print(a:eq(b):min():item())  --> 1
---```
---@param shape integer[]
---@param options? tensor.randnOptions
---@return tensor
function tensor.randn(shape, options) end

---@class tensor.arangeOptions
---@field dtype? "float32"|"float64"|"int64" # element type of the result; default "float32"

--- Numbers from `first` to `last`, both included, `step` apart (1 unless given).
---
---```lua
---print(table.concat(tensor.arange(0, 1, 0.25):to_table(), " "))  --> 0.0 0.25 0.5 0.75 1.0
---```
---@param first number
---@param last number
---@param step? number
---@param options? tensor.arangeOptions
---@return tensor
function tensor.arange(first, last, step, options) end

---@class tensor.linspaceOptions
---@field dtype? "float32"|"float64"|"int64" # element type of the result; default "float32"

--- `count` numbers at equal distances from `first` to `last`, both included.
---
---```lua
---print(table.concat(tensor.linspace(0, 1, 3):to_table(), " "))  --> 0.0 0.5 1.0
---```
---@param first number
---@param last number
---@param count integer
---@param options? tensor.linspaceOptions
---@return tensor
function tensor.linspace(first, last, count, options) end

---@class tensor.fromOptions
---@field dtype? "float32"|"float64"|"int64" # element type of the result; default "float32"

--- A tensor of the numbers in nested tables, whose lists must have equal lengths.
---
---```lua
---local t = tensor.from{{1, 2, 3}, {4, 5, 6}}
---print(t)
-----> 1  2  3
-----> 4  5  6
-----> float32 [2, 3]
---```
---@param values table|number|tensor
---@param options? tensor.fromOptions
---@return tensor
function tensor.from(values, options) end

--- Tensors one after another along an existing axis (the first unless given).
---
---```lua
---local a = tensor.ones{2, 3}
---print(table.concat(tensor.cat({a, a}, 2):shape(), " "))  --> 2 6
---```
---@param list tensor[]
---@param axis? integer
---@return tensor
function tensor.cat(list, axis) end

--- Tensors of one shape along a new axis (the first unless given).
---
---```lua
---local a = tensor.ones{2, 3}
---print(table.concat(tensor.stack({a, a}):shape(), " "))  --> 2 2 3
---```
---@param list tensor[]
---@param axis? integer
---@return tensor
function tensor.stack(list, axis) end

--- Elements of `a` where `condition` is not 0, else of `b`, with broadcasting.
---
---```lua
---local x = tensor.from{-1, 2}
---print(tensor.where(x:gt(0), x, 0):sum():item())  --> 2.0
---```
---@param condition tensor
---@param a tensor|number
---@param b tensor|number
---@return tensor
function tensor.where(condition, a, b) end

---@class tensor.cross_entropyOptions
---@field reduction? "mean"|"sum"|"none" # how the losses of samples are combined; none keeps one a sample; default "mean"

--- Cross-entropy of logits `[N, C]` and class labels 1 … C: `-log softmax(z)[label]` for each row, then combined.
---
---```lua
---local loss = tensor.cross_entropy(tensor.zeros{2, 4}, {1, 4})
---print(string.format("%.4f", loss:item()))  --> 1.3863
---```
---@param logits tensor
---@param labels tensor|integer[]
---@param options? tensor.cross_entropyOptions
---@return tensor
function tensor.cross_entropy(logits, labels, options) end

---@class tensor.kl_divOptions
---@field reduction? "mean"|"sum"|"none" # how the losses of samples are combined; none keeps one a sample; default "mean"
---@field logits? boolean # the arguments are logits, not probabilities; default true

--- `KL(p || q) = sum p (log p - log q)` over the last axis, the target `p` first, then combined over rows. Arguments are logits; with `logits = false`, probabilities, whose rows add up to 1.
---
---```lua
---local p = tensor.from{{0.5, 0.5}}
---print(tensor.kl_div(p, p, {logits = false}):item())  --> 0.0
---```
---@param p tensor
---@param q tensor
---@param options? tensor.kl_divOptions
---@return tensor
function tensor.kl_div(p, q, options) end

---@class tensor.mseOptions
---@field reduction? "mean"|"sum"|"none" # how the losses of samples are combined; none keeps one a sample; default "mean"

--- Squared differences `(a - b)²`, combined over all elements.
---
---```lua
---print(tensor.mse(tensor.ones{4}, tensor.zeros{4}):item())  --> 1.0
---```
---@param a tensor
---@param b tensor
---@param options? tensor.mseOptions
---@return tensor
function tensor.mse(a, b, options) end

---@class tensor.gradOptions
---@field retain_graph? boolean # keep what was recorded for another call; default false

--- The gradients of `loss` with respect to the inputs, as a list; their `.grad` stays as it is. An input that the loss does not depend on gets zeros.
---
---```lua
---local x = tensor.from{1, 2, 3}:requires_grad_(true)
---local g = tensor.grad((x * x):sum(), {x})
---print(table.concat(g[1]:to_table(), " "))  --> 2.0 4.0 6.0
---```
---@param loss tensor
---@param inputs tensor|tensor[]
---@param options? tensor.gradOptions
---@return tensor[]
function tensor.grad(loss, inputs, options) end

--- Runs `f` without recording gradients and gives its results. Without `f`, a guard for `local _ <close> = tensor.no_grad()`, which pauses recording to the end of the block.
---
---```lua
---local x = tensor.ones{2}:requires_grad_(true)
---print(tensor.no_grad(function() return (x * 2).requires_grad end))  --> false
---```
---@param f? function
---@return any
function tensor.no_grad(f) end

--- Runs `f` and frees the tensors that scripts got meanwhile, except those among its results (also inside tables); use it in loops that must not wait for the collector.
---
---```lua
---local kept
---local sum = tensor.scope(function() kept = tensor.ones{4}; return kept:sum() end)
---print(sum:item(), (pcall(kept.numel, kept)))  --> 4.0	false
---```
---@param f function
---@return any
function tensor.scope(f) end

--- The largest relative error of the gradients of `f` at the inputs, against central differences in float64. `f` gets the inputs as arguments and gives a tensor; keep away from kinks.
---
---```lua
---local e = tensor.gradcheck(function(x) return (x:sin() * x):sum() end, tensor.from{0.5, 2})
---print(e < 1e-6)  --> true
---```
---@param f function
---@param inputs tensor|tensor[]
---@return number
function tensor.gradcheck(f, inputs) end

--- Writes one tensor as .npy, or a table of named tensors as .safetensors or .npz (a single tensor is named `tensor` there). The file appears whole or not at all.
---
---```lua
---local path = os.tmpname() .. ".safetensors"
---tensor.save(path, {weight = tensor.eye(2)})
---print(tensor.load(path).weight:sum():item())  --> 2.0
---os.remove(path)
---```
---@param path string
---@param tensors tensor|table
function tensor.save(path, tensors) end

--- The tensor in a .npy file, or the named tensors of a .safetensors or .npz file as a table (safetensors under any name). Half precision arrives as float32, integers and booleans as int64. From PyTorch's files (.pt, .pth, .pth.tar, .ckpt, .bin) comes what was saved: dictionaries, lists and modules as tables, None as nil, numbers and strings as they are; tensors that share memory there share it here. Nothing in them is run: objects of other classes are tables of what the file says of them. A tensor of an element type that is not read (U16, F8_E4M3, complex) does not hinder the others: it is named once, and refused when it is asked for.
---
---```lua
---local path = os.tmpname() .. ".npz"
---tensor.save(path, {a = tensor.arange(1, 3), b = tensor.eye(2)})
---print(tensor.load(path).a:sum():item())  --> 6.0
---os.remove(path)
---```
---@param path string
---@return tensor|table
function tensor.load(path) end
