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
---local ok, problem = pcall(plot.line, {title = "nothing"})
---print(tostring(problem):match("there is nothing to draw"))  --> there is nothing to draw
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
---local ok, problem = pcall(plot.bar, {y = {85, 12}, categories = {"clean", "pgd"}, path = "bars.doc"})
---print(ok)  --> false
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
---local ok, problem = pcall(plot.heatmap, {matrix = {{1, "two"}}})
---print(tostring(problem):match("holds something other"))  --> holds something other
---```
---@param options table
function plot.heatmap(options) end
