---@meta

--- Charts through gnuplot: PNG, SVG or PDF by the path's extension, text in the terminal without a path. Numbers are given as tables; NaN is a gap.
---@class plotlib
plot = {}

---@class plot.lineOptions
---@field x? number[] # positions; 1, 2, … when not given
---@field y? number[] # values
---@field series? table[] # several curves: {name = …, x = {…}, y = {…}}
---@field logx? boolean # logarithmic x axis; default false
---@field logy? boolean # logarithmic y axis; default false
---@field title? string # title; default ""
---@field xlabel? string # label of the x axis; default ""
---@field ylabel? string # label of the y axis; default ""
---@field path? string # file to write; text in the terminal when not given
---@field percent? boolean # values are percentages: an axis from 0 to 100; default false

--- Curves: y over x, or several series.
---
---```lua
---local path = os.tmpname() .. ".svg"
---plot.line{y = {2.3, 1.1, 0.6, 0.4}, title = "loss", xlabel = "epoch", path = path}
---print(io.open(path):read("l"):sub(1, 5))  --> <?xml
---```
---@param options table
function plot.line(options) end

---@class plot.barOptions
---@field categories? string|string[] # names under the bars
---@field y? number[] # values
---@field series? table[] # several curves: {name = …, x = {…}, y = {…}}
---@field title? string # title; default ""
---@field xlabel? string # label of the x axis; default ""
---@field ylabel? string # label of the y axis; default ""
---@field path? string # file to write; text in the terminal when not given
---@field percent? boolean # values are percentages: an axis from 0 to 100; default false

--- Bars: one value a category, or several series side by side.
---
---```lua
---local path = os.tmpname() .. ".svg"
---plot.bar{y = {85, 12}, categories = {"clean", "pgd"}, percent = true, path = path}
---print(io.open(path):read("l"):sub(1, 5))  --> <?xml
---```
---@param options table
function plot.bar(options) end

---@class plot.heatmapOptions
---@field matrix number[][] # rows of numbers, the same length each
---@field columns? string|string[] # names of the columns
---@field rows? string|string[] # names of the rows
---@field title? string # title; default ""
---@field xlabel? string # label of the x axis; default ""
---@field ylabel? string # label of the y axis; default ""
---@field path? string # file to write; text in the terminal when not given
---@field percent? boolean # values are percentages: an axis from 0 to 100; default false

--- A matrix as colours, with its values written in.
---
---```lua
---local path = os.tmpname() .. ".svg"
---plot.heatmap{matrix = {{9, 1}, {2, 8}}, rows = {"cat", "dog"}, columns = {"cat", "dog"}, path = path}
---print(io.open(path):read("l"):sub(1, 5))  --> <?xml
---```
---@param options table
function plot.heatmap(options) end
