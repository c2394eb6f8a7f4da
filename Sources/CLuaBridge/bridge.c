/* The only file that raises Lua errors.

   A host function runs C -> Swift -> C: the trampoline calls one Swift dispatcher, which catches
   everything and gives a count; back in C, with no Swift frame alive, memory is settled and, if
   need be, the error is raised. Calls from Swift into Lua are protected, and so is each shim for a
   part of Lua's interface that can raise. */
#include "host.h"
#include <CInterrupt.h>
#include <stdlib.h>
#include <string.h>

static const char traceback_key;

/* Host functions */

static int call_host(lua_State *L) {
  kilpi_host *host = kilpi_host_of(L);
  if (host->abandoned) return luaL_error(L, "the interpreter is closing");
  bool outer = host->swift_live;
  host->swift_live = true;
  int results = host->callbacks.dispatch(host->callbacks.context, L);
  host->swift_live = outer;
  kilpi_settle_memory(L, host);
  return results >= 0 ? results : lua_error(L);
}

/* `__index` of handles that have fields or take other keys: methods first, without the host. */
static int index_handle(lua_State *L) {
  if (lua_type(L, 2) == LUA_TSTRING) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) return 1;
    lua_settop(L, 2);
  }
  return call_host(L);
}

void kilpi_push_host_function(lua_State *L, int upvalues) {
  lua_pushcclosure(L, call_host, upvalues);
}

int64_t kilpi_host_function_number(lua_State *L, int index) {
  if (lua_tocfunction(L, index) != call_host || lua_getupvalue(L, index, 1) == NULL) return -1;
  int64_t number = lua_tointegerx(L, -1, NULL);
  lua_pop(L, 1);
  return number;
}

void kilpi_push_index_function(lua_State *L) { lua_pushcclosure(L, index_handle, 2); }

/* Handles */

/* `__gc`, `__close` and `release`: take, clear, drop. */
static int drop_handle(lua_State *L) {
  if (!kilpi_is_handle(L, 1)) return luaL_argerror(L, 1, "handle expected");
  void *object = kilpi_handle_object(L, 1, true);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, 1);
  kilpi_host *host = kilpi_host_of(L);
  if (object != NULL) host->callbacks.drop(object);
  return 0;
}

void kilpi_push_drop_function(lua_State *L) { lua_pushcfunction(L, drop_handle); }

/* Protected calls from Swift */

/* Keeps the error value as it is and lays the traceback aside. */
static int keep_traceback(lua_State *L) {
  luaL_traceback(L, L, NULL, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
  return 1;
}

void kilpi_push_traceback(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &traceback_key); }

int kilpi_protected_call(lua_State *L, int arguments, int results) {
  kilpi_host *host = kilpi_host_of(L);
  int function = lua_gettop(L) - arguments;
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
  lua_pushcfunction(L, keep_traceback);
  lua_insert(L, function);
  bool outer = host->swift_live;
  host->swift_live = false;
  int status = lua_pcall(L, arguments, results, function);
  host->swift_live = outer;
  lua_remove(L, function);
  return status;
}

/* Runs `function` on the `arguments` values on top; an error stays on top. */
static int guarded(lua_State *L, lua_CFunction function, int arguments, int results) {
  kilpi_host *host = kilpi_host_of(L);
  lua_pushcfunction(L, function);
  lua_insert(L, -arguments - 1);
  bool outer = host->swift_live;
  host->swift_live = false;
  int status = lua_pcall(L, arguments, results, 0);
  host->swift_live = outer;
  return status;
}

static int to_string(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

static int get(lua_State *L) {
  lua_gettable(L, 1);
  return 1;
}

static int set(lua_State *L) {
  lua_settable(L, 1);
  return 0;
}

static int next_pair(lua_State *L) { return lua_next(L, 1) ? 2 : 0; }

int kilpi_to_string(lua_State *L, int index) {
  lua_pushvalue(L, index);
  return guarded(L, to_string, 1, 1);
}

int kilpi_get(lua_State *L, int index) {
  lua_pushvalue(L, index);
  lua_insert(L, -2);
  return guarded(L, get, 2, 1);
}

int kilpi_set(lua_State *L, int index) {
  lua_pushvalue(L, index);
  lua_insert(L, -3);
  int status = guarded(L, set, 3, 0);
  return status;
}

bool kilpi_next(lua_State *L, int index) {
  lua_pushvalue(L, index);
  lua_insert(L, -2);
  int below = lua_gettop(L) - 2;
  if (guarded(L, next_pair, 2, LUA_MULTRET) != LUA_OK || lua_gettop(L) - below != 2) {
    lua_settop(L, below);
    return false;
  }
  return true;
}

/* Giving nil to a present key is allowed during a traversal. */
static int clear(lua_State *L) {
  for (lua_pushnil(L); lua_next(L, 1); ) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, 1);
  }
  return 0;
}

void kilpi_clear(lua_State *L, int index) {
  lua_pushvalue(L, index);
  if (guarded(L, clear, 1, 0) != LUA_OK) lua_pop(L, 1);
}

/* Interrupts */

static void raise_interrupt(lua_State *L) {
  if (!kilpi_interrupt_pending()) return;
  kilpi_host *host = kilpi_host_of(L);
  if (host->abandoned || !kilpi_interrupt_due(host)) return;
  kilpi_note_interrupt(L);
  luaL_checkstack(L, 20, "interrupted");
  bool outer = host->swift_live;
  host->swift_live = true;
  host->callbacks.push_interrupt(host->callbacks.context, L);
  host->swift_live = outer;
  lua_error(L);
}

/* Set once on the main state before any coroutine exists: a coroutine copies it. */
static void on_count(lua_State *L, lua_Debug *activation) {
  (void)activation;
  raise_interrupt(L);
}

enum { poll_interval = 10000, hook_function = 1, hook_mask, hook_count, hook_passed };

/* Pushes the record of a thread's own hook: a list of the four things above; or nil. */
static int push_hook(lua_State *L, lua_State *thread) {
  if (luaL_getsubtable(L, LUA_REGISTRYINDEX, "kilpi.hooks") == 0) {
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
  }
  if (thread == L) {
    lua_pushthread(L);
  } else {
    if (!lua_checkstack(thread, 1)) luaL_error(L, "stack overflow");
    lua_pushthread(thread);
    lua_xmove(thread, L, 1);
  }
  lua_pushvalue(L, -1);
  return lua_rawget(L, -3);
}

/* The interrupt hook together with a hook that a script has set. */
static void on_event(lua_State *L, lua_Debug *activation) {
  static const char *const names[] = {"call", "return", "line", "count", "tail call"};
  int event = activation->event;
  int top = lua_gettop(L);
  if (event == LUA_HOOKCOUNT) raise_interrupt(L);
  luaL_checkstack(L, 10, "hook");
  if (push_hook(L, L) == LUA_TTABLE) {
    bool call = true;
    if (event == LUA_HOOKCOUNT) {
      lua_rawgeti(L, -1, hook_count);
      lua_rawgeti(L, -2, hook_passed);
      lua_Integer count = lua_tointeger(L, -2), passed = lua_tointeger(L, -1);
      passed += count < poll_interval ? count : poll_interval;
      call = count > 0 && passed >= count;
      lua_pushinteger(L, call ? 0 : passed);
      lua_rawseti(L, -4, hook_passed);
      lua_pop(L, 2);
    }
    if (call) {
      lua_rawgeti(L, -1, hook_function);
      lua_pushstring(L, names[event]);
      if (activation->currentline >= 0) lua_pushinteger(L, activation->currentline);
      else lua_pushnil(L);
      lua_call(L, 2, 0);
    }
  }
  lua_settop(L, top);
}

static lua_State *thread_argument(lua_State *L, int *offset) {
  *offset = lua_isthread(L, 1) ? 1 : 0;
  return *offset == 1 ? lua_tothread(L, 1) : L;
}

static int guarded_sethook(lua_State *L) {
  int offset;
  lua_State *thread = thread_argument(L, &offset);
  lua_settop(L, offset + 3);
  bool none = lua_isnoneornil(L, offset + 1);
  const char *events = none ? "" : luaL_checkstring(L, offset + 2);
  lua_Integer count = none ? 0 : luaL_optinteger(L, offset + 3, 0);
  if (!none) luaL_checktype(L, offset + 1, LUA_TFUNCTION);
  int mask = (strchr(events, 'c') ? LUA_MASKCALL : 0) | (strchr(events, 'r') ? LUA_MASKRET : 0) |
             (strchr(events, 'l') ? LUA_MASKLINE : 0);
  none = none || (mask == 0 && count <= 0);
  push_hook(L, thread);
  lua_pop(L, 1); /* table of hooks, thread */
  if (none) {
    lua_pushnil(L);
  } else {
    lua_createtable(L, 4, 0);
    lua_pushvalue(L, offset + 1);
    lua_rawseti(L, -2, hook_function);
    lua_pushstring(L, events);
    lua_rawseti(L, -2, hook_mask);
    lua_pushinteger(L, count);
    lua_rawseti(L, -2, hook_count);
    lua_pushinteger(L, 0);
    lua_rawseti(L, -2, hook_passed);
  }
  lua_rawset(L, -3);
  int interval = count > 0 && count < poll_interval ? (int)count : poll_interval;
  lua_sethook(thread, none ? on_count : on_event, mask | LUA_MASKCOUNT, interval);
  return 0;
}

static int guarded_gethook(lua_State *L) {
  int offset;
  lua_State *thread = thread_argument(L, &offset);
  if (push_hook(L, thread) != LUA_TTABLE) return 1;
  int record = lua_gettop(L);
  for (int i = hook_function; i <= hook_count; i++) lua_rawgeti(L, record, i);
  return 3;
}

/* pcall, xpcall, coroutine.resume: Lua's own, but from the second raise on an interrupt passes
   through them, or a loop around one of them could swallow it forever. */

static int finish_pcall(lua_State *L, int status, lua_KContext extra) {
  if (status != LUA_OK && status != LUA_YIELD) {
    if (kilpi_unstoppable(kilpi_host_of(L))) return lua_error(L);
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
  }
  return lua_gettop(L) - (int)extra;
}

static int guarded_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_pcall);
  return finish_pcall(L, status, 0);
}

static int guarded_xpcall(lua_State *L) {
  int count = lua_gettop(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2);
  int status = lua_pcallk(L, count - 2, LUA_MULTRET, 2, 2, finish_pcall);
  return finish_pcall(L, status, 2);
}

static int guarded_resume(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  if (lua_gettop(L) == 2 && !lua_toboolean(L, 1) && kilpi_unstoppable(kilpi_host_of(L)))
    return lua_error(L);
  return lua_gettop(L);
}

static int guarded_yield(lua_State *L) {
  if (!lua_isyieldable(L)) {
    if (lua_pushthread(L)) return luaL_error(L, "attempt to yield from outside a coroutine");
    return luaL_error(L, "attempt to yield across a host function (a function that Kilpi calls "
                         "back must return; collect its values first)");
  }
  return lua_yield(L, lua_gettop(L));
}

/* Guarded versions of standard functions: text only, output through the host, handles safe */

typedef struct { const char *name; lua_CFunction function; } replacement;

/* Wraps each named function of the table on top: the original becomes upvalue 1. */
static void wrap(lua_State *L, const replacement *list) {
  for (; list->name != NULL; list++) {
    lua_getfield(L, -1, list->name);
    lua_pushcclosure(L, list->function, 1);
    lua_setfield(L, -2, list->name);
  }
}

static int call_original(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static void check_path(lua_State *L, const char *path, bool writing) {
  kilpi_host *host = kilpi_host_of(L);
  if (host->callbacks.allows == NULL) return;
  bool outer = host->swift_live;
  host->swift_live = true;
  bool allowed = host->callbacks.allows(host->callbacks.context, path, writing);
  host->swift_live = outer;
  if (!allowed) luaL_error(L, "the sandbox does not allow '%s' (start with --allow DIR)", path);
}

static int finish_load(lua_State *L, int status, int environment) {
  if (status == LUA_OK) {
    kilpi_set_environment(L, environment);
    return 1;
  }
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* The mode that a script asks for, without the binary half. */
static const char *text_mode(lua_State *L, int index) {
  return strchr(luaL_optstring(L, index, "bt"), 't') != NULL ? "t" : "-";
}

static const char *next_piece(lua_State *L, void *unused, size_t *count) {
  (void)unused;
  luaL_checkstack(L, 2, "too many nested functions");
  lua_pushvalue(L, 1);
  lua_call(L, 0, 1);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    *count = 0;
    return NULL;
  }
  if (!lua_isstring(L, -1)) luaL_error(L, "reader function must return a string");
  lua_replace(L, 5); /* keeps the piece alive */
  return lua_tolstring(L, 5, count);
}

static int guarded_load(lua_State *L) {
  size_t count;
  const char *text = lua_tolstring(L, 1, &count);
  const char *mode = text_mode(L, 3);
  if (text != NULL) {
    const char *name = luaL_optstring(L, 2, text);
    return finish_load(L, luaL_loadbufferx(L, text, count, name, mode), 4);
  }
  const char *name = luaL_optstring(L, 2, "=(load)");
  luaL_checktype(L, 1, LUA_TFUNCTION);
  bool given = !lua_isnone(L, 4);
  lua_settop(L, 5);
  int status = lua_load(L, next_piece, NULL, name, mode);
  return finish_load(L, status, given ? 4 : 100);
}

static int guarded_loadfile(lua_State *L) {
  const char *path = luaL_optstring(L, 1, NULL);
  if (path != NULL) check_path(L, path, false);
  return finish_load(L, luaL_loadfilex(L, path, text_mode(L, 2)), 3);
}

static int finish_dofile(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return lua_gettop(L) - 1;
}

static int guarded_dofile(lua_State *L) {
  const char *path = luaL_optstring(L, 1, NULL);
  lua_settop(L, 1);
  if (path != NULL) check_path(L, path, false);
  if (luaL_loadfilex(L, path, "t") != LUA_OK) return lua_error(L);
  kilpi_set_environment(L, 100);
  lua_callk(L, 0, LUA_MULTRET, 0, finish_dofile);
  return finish_dofile(L, 0, 0);
}

/* The searcher for Lua files; upvalue 1 is the table `package`. */
static int search_lua(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_getfield(L, lua_upvalueindex(1), "searchpath");
  lua_pushvalue(L, 1);
  lua_getfield(L, lua_upvalueindex(1), "path");
  if (!lua_isstring(L, -1)) return luaL_error(L, "'package.path' must be a string");
  lua_call(L, 2, 2);
  if (lua_isnil(L, -2)) return 1;
  lua_pop(L, 1);
  const char *path = lua_tostring(L, -1);
  check_path(L, path, false);
  if (luaL_loadfilex(L, path, "t") != LUA_OK)
    return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path,
                      lua_tostring(L, -1));
  lua_pushstring(L, path);
  return 2;
}

/* One argument whose metatable has `__print` shows its block form. */
static int guarded_print(lua_State *L) {
  int count = lua_gettop(L);
  if (count == 1 && luaL_callmeta(L, 1, "__print")) lua_replace(L, 1);
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (int i = 1; i <= count; i++) {
    if (i > 1) luaL_addchar(&buffer, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&buffer);
  }
  luaL_addchar(&buffer, '\n');
  luaL_pushresult(&buffer);
  size_t size;
  const char *bytes = lua_tolstring(L, -1, &size);
  kilpi_write(kilpi_host_of(L), 1, bytes, size);
  return 0;
}

static void write_values(lua_State *L, int stream, int first) {
  for (int i = first, count = lua_gettop(L); i <= count; i++) {
    size_t size;
    luaL_checklstring(L, i, &size);
    lua_pushvalue(L, i); /* a number becomes a string in a copy, not in place */
    const char *bytes = lua_tolstring(L, -1, &size);
    kilpi_write(kilpi_host_of(L), stream, bytes, size);
    lua_pop(L, 1);
  }
}

static int guarded_long(lua_State *L) {
  if (kilpi_may_run_long(L)) return call_host(L);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

void kilpi_push_polling_function(lua_State *L) { lua_pushcclosure(L, guarded_long, 2); }

static int guarded_write(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "_IO_output");
  int stream = kilpi_stream_of(L, -1);
  if (stream == 0) {
    lua_pop(L, 1);
    return call_original(L);
  }
  lua_insert(L, 1);
  write_values(L, stream, 2);
  lua_settop(L, 1);
  return 1;
}

static int guarded_file_write(lua_State *L) {
  int stream = kilpi_stream_of(L, 1);
  if (stream == 0) return call_original(L);
  write_values(L, stream, 2);
  lua_settop(L, 1);
  return 1;
}

static int guarded_open(lua_State *L) {
  bool writing = strpbrk(luaL_optstring(L, 2, "r"), "wa+") != NULL;
  check_path(L, luaL_checkstring(L, 1), writing);
  return call_original(L);
}

static int guarded_input(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING) check_path(L, lua_tostring(L, 1), false);
  return call_original(L);
}

static int guarded_output(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING) check_path(L, lua_tostring(L, 1), true);
  return call_original(L);
}

static int guarded_exit(lua_State *L) {
  int status = lua_isboolean(L, 1) ? !lua_toboolean(L, 1) : (int)luaL_optinteger(L, 1, 0);
  kilpi_host *host = kilpi_host_of(L);
  host->callbacks.leaving(host->callbacks.context, status);
  fflush(NULL);
  exit(status);
}

static int refuse_handles(lua_State *L) {
  for (int i = 1; i <= 2; i++)
    if (kilpi_is_handle(L, i) || kilpi_is_handle_metatable(L, i))
      return luaL_argerror(L, i, "this cannot be changed on a value of Kilpi");
  return call_original(L);
}

static void guard_libraries(lua_State *L, bool sandbox) {
  static const replacement basic[] = {{"load", guarded_load},     {"loadfile", guarded_loadfile},
                                      {"dofile", guarded_dofile}, {"print", guarded_print},
                                      {"pcall", guarded_pcall},   {"xpcall", guarded_xpcall},
                                      {NULL, NULL}};
  static const replacement coroutines[] = {
      {"resume", guarded_resume}, {"yield", guarded_yield}, {NULL, NULL}};
  static const replacement io[] = {{"write", guarded_write}, {NULL, NULL}};
  static const replacement io_sandbox[] = {{"open", guarded_open},     {"lines", guarded_input},
                                           {"input", guarded_input},   {"output", guarded_output},
                                           {NULL, NULL}};
  static const replacement os[] = {{"exit", guarded_exit}, {NULL, NULL}};
  static const replacement debug[] = {{"setmetatable", refuse_handles},
                                      {"setuservalue", refuse_handles},
                                      {"upvaluejoin", refuse_handles},
                                      {"sethook", guarded_sethook},
                                      {"gethook", guarded_gethook},
                                      {NULL, NULL}};
  static const replacement file[] = {{"write", guarded_file_write}, {NULL, NULL}};
  lua_pushglobaltable(L);
  wrap(L, basic);
  lua_getglobal(L, "coroutine");
  wrap(L, coroutines);
  lua_getglobal(L, "io");
  wrap(L, io);
  if (sandbox) wrap(L, io_sandbox);
  lua_getglobal(L, "os");
  wrap(L, os);
  lua_getglobal(L, "debug");
  wrap(L, debug);
  lua_pushnil(L);
  lua_setfield(L, -2, "getregistry");
  luaL_getmetatable(L, LUA_FILEHANDLE);
  lua_getfield(L, -1, "__index");
  wrap(L, file);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, search_lua, 1);
  lua_rawseti(L, -2, 2);
  lua_settop(L, 2);
}

int kilpi_open_libraries(lua_State *L) {
  bool sandbox = lua_toboolean(L, 2);
  if (lua_toboolean(L, 1)) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  guard_libraries(L, sandbox);
  lua_sethook(L, on_count, LUA_MASKCOUNT, poll_interval);
  return 0;
}
