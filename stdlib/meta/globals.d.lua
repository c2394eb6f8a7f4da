---@meta


---@class global.displayOptions
---@field id? string # a second call with the same id updates the first one in place, where nothing was written below it; else it is shown anew

--- Shows a value now, in terminal or notebook. A table with the key "text/plain" is a bundle of MIME types and contents; a value whose metatable has `__display(self)` gives such a bundle. Contents may be functions, which are called if that type is wanted.
---
---```lua
---display{["text/plain"] = "two words", ["text/html"] = "<b>two words</b>"}  --> two words
---```
---@param value any
---@param options? global.displayOptions
function display(value, options) end
