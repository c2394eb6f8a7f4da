-- Tensors in two minutes: making them, views, broadcasting, gradients, a small regression, images.
-- Takes about a second; needs no data.

local function title(text) print("\n-- " .. text) end

title("making tensors")
local a = tensor.from{{1, 2, 3}, {4, 5, 6}}
print(a)
print(tensor.arange(0, 1, 0.25))
print(tensor.randn({2, 4}, {seed = 7}))

title("indices and axes count from 1, -1 is the last")
print(a[2])
print(a[{ {1, 2}, -1 }])
print(a:sum{axis = 1})
local largest, place = a:max{axis = 2}
print(largest, place)

title("views share storage; assigning writes through")
local b = tensor.zeros{2, 3}
b[1] = {7, 8, 9}
local column = b[{ {}, 3 }]
column[2] = 5
print(b)
print(b:transpose(1, 2):is_view())

title("broadcasting; * is elementwise, matmul is the product")
print(a + tensor.from{10, 20, 30})
print(a * 2 - 1)
print(a:matmul(a:transpose(1, 2)))
print(a:gt(2))

title("gradients")
local x = tensor.from{1, 2, 3}:requires_grad_(true)
local y = (x ^ 2):sum()
y:backward()
print(x.grad)
print(tensor.grad(x:exp():sum(), {x})[1]:eq(x:exp()):min():item())
print(tensor.no_grad(function() return (x * 2).requires_grad end))
local function f(v) return (v:sin() * v):sum() end
print(tensor.gradcheck(f, tensor.from{0.5, 1.5}) < 1e-6)

title("a regression by hand: y = 3 x1 - 2 x2 + 0.5")
local inputs = tensor.rand({200, 2}, {seed = 1})
local noise = tensor.randn({200}, {seed = 2}) * 0.01
local truth = inputs:matmul(tensor.from{{3}, {-2}}):squeeze(2) + 0.5 + noise
local weight = tensor.zeros{2, 1}:requires_grad_(true)
local bias = tensor.zeros{1}:requires_grad_(true)
for step = 1, 300 do
  local guess = inputs:matmul(weight):squeeze(2) + bias
  local loss = tensor.mse(guess, truth)
  local slopes = tensor.grad(loss, {weight, bias})
  tensor.no_grad(function()
    weight[{}] = weight - slopes[1] * 0.2
    bias[{}] = bias - slopes[2] * 0.2
  end)
  if step == 1 or step % 60 == 0 then
    print(string.format("step %3d  loss %.5f", step, loss:item()))
  end
end
print(string.format(
  "y = %.2f x1 %+.2f x2 %+.2f", weight[1][1]:item(), weight[2][1]:item(), bias[1]:item()))

title("images are tensors [3, H, W] with values in 0 … 1")
local picture = tensor.zeros{3, 16, 16}
picture[1] = tensor.linspace(0, 1, 16)
picture[2] = tensor.linspace(0, 1, 16):reshape{16, 1}
picture[{ 3, {5, 12}, {5, 12} }] = 1
picture:show()
local path = os.tmpname() .. ".png"
image.save(path, picture)
local back = image.load(path)
os.remove(path)
print((back - picture):abs():max():item() <= 0.5 / 255 + 1e-6)
print(image.resize(back, 8)[3])
print(image.grid({picture, back, image.diff(picture, back)}, {columns = 3}):size(-1) > 0)

title("errors say what to do, and the session goes on")
print(select(2, pcall(function() return a:matmul(a) end)):match("matmul.*"))
print(select(2, pcall(function() return a:sum{axis = 0} end)):match("sum.*"))
print(select(2, pcall(function() return a:sum{axes = 1} end)):match("sum.*"))
