// LuaHost: see ARCHITECTURE.md.
