/* Functions of Lua's library that can run long in C, with looks at the interrupt flag. They run as Lua's
   own do, with no Swift frame alive, and may raise. What one leaves to Lua's runs in its frame, so that
   messages name the function that the script called, and the line. */
#define _GNU_SOURCE /* memmem */
#include "host.h"
#include <limits.h>
#include <string.h>

enum { look_every = 4096, piece = 16 << 20 };

/* Lua's own functions, the same in every state. */
static lua_CFunction lua_find, lua_insert_element, lua_remove_element, lua_concat_elements, lua_sort,
    lua_length;

static void look(lua_State *L, lua_Unsigned step) {
  if (step % look_every == look_every - 1) kilpi_raise_interrupt(L);
}

/* One unit is written, then what is there is doubled: as fast as memory, whatever the text's length. */
static int polling_rep(lua_State *L) {
  size_t size, gap;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Integer count = luaL_checkinteger(L, 2);
  const char *between = luaL_optlstring(L, 3, "", &gap);
  if (count <= 0 || size + gap == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  size_t unit = size + gap;
  /* Lua's own limit, whatever memory there is. */
  if (unit < size || unit > (size_t)INT_MAX / (size_t)count)
    return luaL_error(L, "resulting string too large");
  size_t total = unit * (size_t)count - gap;
  luaL_Buffer buffer;
  char *start = luaL_buffinitsize(L, &buffer, total);
  memcpy(start, text, size);
  if (count > 1) memcpy(start + size, between, gap);
  size_t done = count > 1 ? unit : size;
  size_t most = unit > piece ? unit : piece / unit * unit; /* whole units, so that copies stay aligned */
  while (done < total) {
    size_t step = done < most ? done : most;
    if (step > total - done) step = total - done;
    memcpy(start + done, start, step);
    done += step;
    kilpi_raise_interrupt(L);
  }
  luaL_pushresultsize(&buffer, total);
  return 1;
}

ptrdiff_t kilpi_find_text(const void *text, size_t size, const void *wanted, size_t count, size_t start) {
  if (start > size) return -1;
  if (count == 0) return (ptrdiff_t)start;
  const char *found = memmem((const char *)text + start, size - start, wanted, count);
  return found == NULL ? -1 : found - (const char *)text;
}

/* Plain text is found in linear time; Lua's own search takes the product of both lengths. */
static int polling_find(lua_State *L) {
  size_t size, count;
  const char *text = luaL_checklstring(L, 1, &size), *wanted = luaL_checklstring(L, 2, &count);
  bool plain = lua_toboolean(L, 4);
  for (size_t i = 0; !plain && i < count; i++)
    if (memchr("^$*+?.([%-", wanted[i], 10)) return lua_find(L);
  lua_Integer first = luaL_optinteger(L, 3, 1);
  size_t start = first > 0 ? (size_t)first - 1 : 0;
  if (first < 0 && first >= -(lua_Integer)size) start = size - (size_t)-first;
  ptrdiff_t found = kilpi_find_text(text, size, wanted, count, start);
  if (found < 0) {
    luaL_pushfail(L);
    return 1;
  }
  lua_pushinteger(L, found + 1);
  lua_pushinteger(L, found + (lua_Integer)count);
  return 2;
}

/* True for a table, whose length is then in `length`; what only behaves like one is left to Lua. */
static bool is_list(lua_State *L, lua_Integer *length) {
  if (lua_type(L, 1) != LUA_TTABLE) {
    if (!lua_getmetatable(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
    lua_pop(L, 1);
    return false;
  }
  *length = luaL_len(L, 1);
  return true;
}

/* `__len` may promise any length. */
static int polling_insert(lua_State *L) {
  lua_Integer length;
  if (!is_list(L, &length)) return lua_insert_element(L);
  lua_Integer end = (lua_Integer)((lua_Unsigned)length + 1u), position = end;
  if (lua_gettop(L) == 3) {
    position = luaL_checkinteger(L, 2);
    luaL_argcheck(L, (lua_Unsigned)position - 1u < (lua_Unsigned)end, 2, "position out of bounds");
  } else if (lua_gettop(L) != 2) {
    return luaL_error(L, "wrong number of arguments to 'insert'");
  }
  for (lua_Integer i = end; i > position; i--) {
    look(L, (lua_Unsigned)(end - i));
    lua_geti(L, 1, i - 1);
    lua_seti(L, 1, i);
  }
  lua_seti(L, 1, position);
  return 0;
}

static int polling_remove(lua_State *L) {
  lua_Integer size;
  if (!is_list(L, &size)) return lua_remove_element(L);
  lua_Integer position = luaL_optinteger(L, 2, size);
  if (position != size)
    luaL_argcheck(L, (lua_Unsigned)position - 1u <= (lua_Unsigned)size, 2, "position out of bounds");
  lua_geti(L, 1, position);
  for (lua_Unsigned step = 0; position < size; position++) {
    look(L, step++);
    lua_geti(L, 1, position + 1);
    lua_seti(L, 1, position);
  }
  lua_pushnil(L);
  lua_seti(L, 1, position);
  return 1;
}

static void add_element(lua_State *L, luaL_Buffer *buffer, lua_Integer index) {
  lua_geti(L, 1, index);
  if (!lua_isstring(L, -1))
    luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1),
               (LUAI_UACINT)index);
  luaL_addvalue(buffer);
}

static int polling_concat(lua_State *L) {
  size_t gap;
  lua_Integer last;
  if (!is_list(L, &last)) return lua_concat_elements(L);
  const char *between = luaL_optlstring(L, 2, "", &gap);
  lua_Integer index = luaL_optinteger(L, 3, 1);
  last = luaL_optinteger(L, 4, last);
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (lua_Unsigned step = 0; index < last; index++) {
    look(L, step++);
    add_element(L, &buffer, index);
    luaL_addlstring(&buffer, between, gap);
  }
  if (index == last) add_element(L, &buffer, index);
  luaL_pushresult(&buffer);
  return 1;
}

/* The order of a long list: Lua's own, or the function in upvalue 1 (a C function runs no hook). */
static int polling_less(lua_State *L) {
  static _Thread_local unsigned calls = 0;
  if (++calls % look_every == 0) kilpi_raise_interrupt(L);
  if (lua_isnil(L, lua_upvalueindex(1))) {
    lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
    return 1;
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

static int polling_sort(lua_State *L) {
  bool own = lua_isnoneornil(L, 2);
  lua_Integer length = 0;
  bool listed = is_list(L, &length);
  if (!own) luaL_checktype(L, 2, LUA_TFUNCTION);
  if (listed && (own || lua_iscfunction(L, 2)) && length > 1 << 20) {
    lua_settop(L, 2);
    lua_pushcclosure(L, polling_less, 1);
  }
  return lua_sort(L);
}

/* A place in a text of `size` bytes, counted from 1; from the end when negative. */
static lua_Integer place(lua_Integer given, size_t size) {
  if (given >= 0) return given;
  return given < -(lua_Integer)size ? 0 : (lua_Integer)size + given + 1;
}

/* Counts in pieces, each up to the start of a character. */
static int polling_length(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Integer first = place(luaL_optinteger(L, 2, 1), size), last = place(luaL_optinteger(L, 3, -1), size);
  luaL_argcheck(L, first >= 1 && first - 1 <= (lua_Integer)size, 2, "initial position out of bounds");
  luaL_argcheck(L, last <= (lua_Integer)size, 3, "final position out of bounds");
  lua_settop(L, 4);
  lua_Integer characters = 0;
  while (first <= last) {
    kilpi_raise_interrupt(L);
    lua_Integer next = last - first < piece ? last + 1 : first + piece; /* begins the piece after this */
    while (next <= last && next > first && ((unsigned char)text[next - 1] & 0xC0) == 0x80) next--;
    if (next == first) next = last + 1; /* no text at all: Lua says where it goes wrong */
    lua_pushcfunction(L, lua_length);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, first);
    lua_pushinteger(L, next - 1);
    lua_pushvalue(L, 4);
    lua_call(L, 4, 2);
    if (lua_isnil(L, -2)) return 2;
    characters += lua_tointeger(L, -2);
    lua_pop(L, 2);
    first = next;
  }
  lua_pushinteger(L, characters);
  return 1;
}

typedef struct { const char *text; size_t left; bool begun; } source_text;

static const char *next_piece(lua_State *L, void *context, size_t *count) {
  source_text *source = context;
  if (source->begun) kilpi_raise_interrupt(L); /* a short text is one piece */
  source->begun = source->left > 1 << 18;
  *count = source->left < 1 << 18 ? source->left : 1 << 18;
  const char *start = source->text;
  source->text += *count;
  source->left -= *count;
  return *count == 0 ? NULL : start;
}

int kilpi_load_polling(lua_State *L, const char *text, size_t count, const char *name, const char *mode) {
  source_text source = {text, count, false};
  return lua_load(L, next_piece, &source, name, mode);
}

typedef struct {
  const char *library, *name;
  lua_CFunction function, *original;
} polling;

void kilpi_poll_libraries(lua_State *L) {
  static const polling list[] = {
      {"string", "rep", polling_rep, NULL},
      {"string", "find", polling_find, &lua_find},
      {"table", "insert", polling_insert, &lua_insert_element},
      {"table", "remove", polling_remove, &lua_remove_element},
      {"table", "concat", polling_concat, &lua_concat_elements},
      {"table", "sort", polling_sort, &lua_sort},
      {"utf8", "len", polling_length, &lua_length},
      {NULL, NULL, NULL, NULL}};
  for (const polling *one = list; one->library != NULL; one++) {
    lua_getglobal(L, one->library);
    lua_getfield(L, -1, one->name);
    if (one->original != NULL) *one->original = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    lua_pushcfunction(L, one->function);
    lua_setfield(L, -2, one->name);
    lua_pop(L, 1);
  }
}
