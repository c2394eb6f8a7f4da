-- Every operation that takes or gives indices, against plain Lua loops over 1-based tables.
-- Arguments: the seed. Raises when something differs.

local seed = ...
local g = random.generator(seed)
local rows, columns = g:integers(1, 6), g:integers(1, 6)
local t = g:randn{rows, columns}
local plain = t:to_table()

local function same(got, expected, what)
  if type(got) ~= "table" then got = got:to_table() end
  assert(#got == #expected, what .. ": another length")
  for i, value in ipairs(expected) do
    if type(value) == "table" then
      same(got[i], value, what)
    else
      assert(got[i] == value, string.format("%s: [%d] is %s, not %s", what, i, got[i], value))
    end
  end
end

local function column(j)
  local list = {}
  for i = 1, rows do list[i] = plain[i][j] end
  return list
end

-- t[i], t[{i, j}], ranges, negative indices
for i = 1, rows do
  same(t[i], plain[i], "t[i]")
  same(t[i - rows - 1], plain[i], "t[-i]")
  for j = 1, columns do
    assert(t[i][j]:item() == plain[i][j])
    assert(t[{ i, j }]:item() == plain[i][j])
    assert(t[{ i - rows - 1, j - columns - 1 }]:item() == plain[i][j])
  end
end
for j = 1, columns do same(t[{ {}, j }], column(j), "t[{ {}, j }]") end
local first = g:integers(1, rows)
local last = g:integers(first, rows)
local part = {}
for i = first, last do part[#part + 1] = plain[i] end
same(t[{ {first, last} }], part, "range")
same(t:narrow(1, first, last - first + 1), part, "narrow")

-- assignment
local copy = t:clone()
local j = g:integers(1, columns)
copy[{ {first, last}, j }] = 7
for i = 1, rows do
  local expected = (i >= first and i <= last) and 7 or plain[i][j]
  assert(copy[i][j]:item() == expected, "assignment")
end

-- index_select, gather, a tensor as an index
local picks = g:integers(1, rows, {4})
local chosen = {}
for k, i in ipairs(picks:to_table()) do chosen[k] = plain[i] end
same(t:index_select(1, picks), chosen, "index_select")
same(t:index_select(1, picks:to_table()), chosen, "index_select of a table")
same(t[picks], chosen, "t[indices]")
local places = g:integers(1, columns, {rows, 2})
local gathered = {}
for i, row in ipairs(places:to_table()) do gathered[i] = {plain[i][row[1]], plain[i][row[2]]} end
same(t:gather(2, places), gathered, "gather")

-- max, min, argmax, argmin, sort, topk
local values, indices = t:max{axis = 2}
local lows, low_indices = t:min{axis = -2}
for i = 1, rows do
  assert(values[i]:item() == math.max(table.unpack(plain[i])), "max")
  assert(plain[i][indices[i]:item()] == values[i]:item(), "indices of max")
  assert(t:argmax(2)[i]:item() == indices[i]:item(), "argmax")
end
for k = 1, columns do
  assert(lows[k]:item() == math.min(table.unpack(column(k))), "min")
  assert(plain[low_indices[k]:item()][k] == lows[k]:item(), "indices of min")
end
local best = t:argmax():item()
assert(t:flatten()[best]:item() == t:max():item(), "argmax of all")
local sorted, order = t:sort{axis = 1, descending = true}
for k = 1, columns do
  local expected = column(k)
  table.sort(expected, function(a, b) return a > b end)
  for i = 1, rows do
    assert(sorted[i][k]:item() == expected[i], "sort")
    assert(plain[order[i][k]:item()][k] == expected[i], "indices of sort")
  end
end
local top, top_indices = t:topk(1, {axis = 1, largest = false})
same(top[1], lows:to_table(), "topk")
same(top_indices[1], low_indices:to_table(), "indices of topk")

-- labels of losses
local labels = g:integers(1, columns, {rows})
local losses = tensor.cross_entropy(t, labels, {reduction = "none"})
for i = 1, rows do
  local total = 0
  for k = 1, columns do total = total + math.exp(plain[i][k]) end
  local expected = math.log(total) - plain[i][labels[i]:item()]
  assert(math.abs(losses[i]:item() - expected) < 1e-4, "cross_entropy")
end
local listed = tensor.cross_entropy(t, labels:to_table())
assert(math.abs(listed:item() - losses:mean():item()) < 1e-6, "labels as a table")

-- joining and splitting
same(tensor.cat(t:split(2)), plain, "split and cat")
same(tensor.cat(t:split(1, 2), -1), plain, "split and cat along the last axis")
same(tensor.stack({t, t}, 1)[2], plain, "stack")
same(t:flip{1}[1], plain[rows], "flip")
same(t:transpose(1, 2)[j], column(j), "transpose")
same(t:permute{2, 1}[j], column(j), "permute")
