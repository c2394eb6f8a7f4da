/* Looks at values for the bridge: handles, environments, files. Raises nothing. */
#include "host.h"
#include <string.h>

static const char metatables_key;

void kilpi_push_handle(lua_State *L, void *object) {
  *(void **)lua_newuserdatauv(L, sizeof(void *), 1) = object;
}

void kilpi_mark_metatable(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &metatables_key) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &metatables_key);
  }
  lua_pushvalue(L, -2);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* The list lies in the registry, where scripts cannot forge an entry. */
bool kilpi_is_handle_metatable(lua_State *L, int index) {
  index = lua_absindex(L, index);
  if (lua_type(L, index) != LUA_TTABLE) return false;
  bool marked = false;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &metatables_key) == LUA_TTABLE) {
    lua_pushvalue(L, index);
    marked = lua_rawget(L, -2) == LUA_TBOOLEAN;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return marked;
}

bool kilpi_is_handle(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA || lua_rawlen(L, index) != sizeof(void *)) return false;
  if (!lua_getmetatable(L, index)) return false;
  bool marked = kilpi_is_handle_metatable(L, -1);
  lua_pop(L, 1);
  return marked;
}

void *kilpi_handle_object(lua_State *L, int index, bool take) {
  void **slot = lua_touserdata(L, index);
  if (slot == NULL) return NULL;
  void *object = *slot;
  if (take) *slot = NULL;
  return object;
}

/* Gives chunk `function`, on top, the environment at `index`, else that of the caller: code in a
   cell sees the cell's variables, code in a module those of the module. */
void kilpi_set_environment(lua_State *L, int index) {
  if (!lua_isnone(L, index)) {
    lua_pushvalue(L, index);
  } else {
    lua_Debug caller;
    bool found = false;
    if (lua_getstack(L, 1, &caller) && lua_getinfo(L, "f", &caller)) {
      const char *name;
      if (!lua_iscfunction(L, -1)) {
        for (int i = 1; !found && (name = lua_getupvalue(L, -1, i)) != NULL; i++) {
          found = strcmp(name, "_ENV") == 0;
          if (!found) lua_pop(L, 1);
        }
      }
      if (found) lua_remove(L, -2); else lua_pop(L, 1);
    }
    if (!found) return;
  }
  if (lua_setupvalue(L, -2, 1) == NULL) lua_pop(L, 1);
}

/* Pushes "chunk:line: " of the innermost Lua function from `level` on. Where C calls a host function
   directly, as `pcall(f)` and `table.sort(t, f)` do, level 1 has no line; where a coroutine's body is
   one, only `outer`, the thread that everything started on, has. */
void kilpi_push_where(lua_State *L, lua_State *outer, int level) {
  enum { levels = 50 }; /* asking for level n costs n steps */
  for (lua_State *thread = L; thread != NULL; thread = thread == outer ? NULL : outer) {
    lua_Debug place;
    for (int i = level; i < levels && lua_getstack(thread, i, &place); i++) {
      if (!lua_getinfo(thread, "Sl", &place) || place.currentline <= 0) continue;
      lua_pushfstring(L, "%s:%d: ", place.short_src, place.currentline);
      return;
    }
    level = 0;
  }
  lua_pushliteral(L, "");
}

/* The stream behind a file handle: 1, 2, or 0 for every other file. */
int kilpi_stream_of(lua_State *L, int index) {
  luaL_Stream *file = luaL_testudata(L, index, LUA_FILEHANDLE);
  if (file == NULL || file->closef == NULL) return 0;
  return file->f == stdout ? 1 : file->f == stderr ? 2 : 0;
}

/* Each repetition can try every position, and so can the start of the match; repetitions share
   the subject, hence the division. */
bool kilpi_may_run_long(lua_State *L) {
  if (lua_type(L, 1) == LUA_TTABLE)
    return lua_tonumber(L, 3) - lua_tonumber(L, 2) > 1e7;
  if (lua_type(L, 1) != LUA_TSTRING || lua_type(L, 2) != LUA_TSTRING) return false;
  if (lua_type(L, 4) == LUA_TBOOLEAN && lua_toboolean(L, 4)) return false; /* find, plain */
  size_t count;
  const char *pattern = lua_tolstring(L, 2, &count);
  /* Text without repetitions may match but for its last byte, everywhere. */
  double size = (double)lua_rawlen(L, 1) + 1, steps = size * (double)(1 + count / 64);
  int repetitions = 0;
  for (size_t i = 0; i < count; i++) {
    char c = pattern[i], next = i + 1 < count ? pattern[i + 1] : 0;
    if (c == '*' || c == '+' || c == '-' || (c == '%' && (next == 'b' || (next >= '0' && next <= '9'))))
      steps *= size / ++repetitions;
    else if (c == '?')
      steps *= 2;
    if (c == '%') i++;
  }
  return steps > 3e7;
}
