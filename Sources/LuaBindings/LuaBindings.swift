// LuaBindings: see ARCHITECTURE.md.
