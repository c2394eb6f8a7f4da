/* Lua's headers for Swift. Macros do not import, so the few that are used stand here as functions.
   Called by LuaHost only, on the Lua thread. */
#ifndef KILPI_LUA_SHIM_H
#define KILPI_LUA_SHIM_H
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>

static inline int kilpi_lua_registry(void) { return LUA_REGISTRYINDEX; }
static inline int kilpi_lua_upvalue(int i) { return lua_upvalueindex(i); }
static inline void kilpi_lua_pop(lua_State *L, int n) { lua_settop(L, -n - 1); }
static inline void kilpi_lua_insert(lua_State *L, int i) { lua_rotate(L, i, 1); }
static inline void kilpi_lua_remove(lua_State *L, int i) { lua_rotate(L, i, -1); lua_settop(L, -2); }
static inline void kilpi_lua_new_table(lua_State *L) { lua_createtable(L, 0, 0); }
static inline bool kilpi_lua_is_integer(lua_State *L, int i) { return lua_isinteger(L, i) != 0; }
static inline int64_t kilpi_lua_integer(lua_State *L, int i) { return lua_tointegerx(L, i, NULL); }
static inline double kilpi_lua_number(lua_State *L, int i) { return lua_tonumberx(L, i, NULL); }
static inline void kilpi_lua_push_globals(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}
static inline const char *kilpi_lua_release(void) { return LUA_RELEASE; }
#endif
