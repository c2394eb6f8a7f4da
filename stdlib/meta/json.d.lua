---@meta

--- The type of `json.null`.
---@class json_null
local json_null = {}

--- Frees the value now.
function json_null:release() end

--- JSON text from tables, and tables from JSON text.
---@class jsonlib
json = {}

--- Stands for `null`, which nil cannot do in tables.
---@type json_null
json.null = nil

---@class json.encodeOptions
---@field indent? integer # spaces a level, for text over several lines

--- The JSON text of a value. Tables with the keys 1 … n become lists, others objects with sorted keys, an empty one too, unless it was decoded from a list: `json.decode("[]")` makes an empty list. Tensors become nested lists. JSON has no NaN and no infinities: they are written as the strings `"nan"`, `"inf"` and `"-inf"`, which `json.decode` leaves strings.
---
---```lua
---print(json.encode{name = "pgd", eps = {1, 2}})  --> {"eps":[1,2],"name":"pgd"}
---```
---@param value any
---@param options? json.encodeOptions
---@return string
function json.encode(value, options) end

--- The value that a JSON text stands for; `null` becomes `json.null`. Empty lists carry a mark, by which `json.encode` knows them from empty objects.
---
---```lua
---print(json.decode('{"a": [1, 2.5]}').a[2])  --> 2.5
---```
---@param text string
---@return any
function json.decode(text) end
