/* The border, which raises Lua errors; `hooks.inc`, `streams.inc` and `libraries.inc` are parts of it.
   Beside it only polling.c raises, as a part of Lua's library.

   A host function runs C -> Swift -> C: the trampoline calls one Swift dispatcher, which catches
   everything and gives a count; back in C, with no Swift frame alive, memory is settled and, if
   need be, the error is raised. Calls from Swift into Lua are protected, and so is each shim for a
   part of Lua's interface that can raise. */
#define _GNU_SOURCE /* pipe2 */
#include "host.h"
#include <CInterrupt.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char traceback_key, interrupt_key;

/* Keeps the error on top as the one of the interrupt: that goes up to the top level, whatever
   handlers and closing variables make of it on the way. */
static void keep_interrupt(lua_State *L) {
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &interrupt_key);
}

static int raise_again(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &interrupt_key);
  return lua_error(L);
}

/* Host functions */

static int call_host(lua_State *L) {
  kilpi_host *host = kilpi_host_of(L);
  if (host->abandoned) return luaL_error(L, "the interpreter is closing");
  bool outer = host->swift_live;
  int64_t raised = host->raised;
  host->swift_live = true;
  int results = host->callbacks.dispatch(host->callbacks.context, L);
  host->swift_live = outer;
  kilpi_settle_memory(L, host);
  if (results >= 0) return results;
  if (kilpi_interrupted_since(host, raised)) keep_interrupt(L);
  return lua_error(L);
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

/* The thread of Lua that runs, and the system's thread that runs it. A coroutine that `coroutine.wrap`
   made counts as the one that called it. */
static lua_State *volatile running = NULL;
static pthread_t running_on;

static void divert_read(void);
static void end_read(void);

/* Keeps the error value as it is and lays the traceback aside. */
static int keep_traceback(lua_State *L) {
  luaL_traceback(L, L, NULL, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
  return 1;
}

void kilpi_push_traceback(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &traceback_key); }

/* The status of a protected call, with the interrupt in the place of the error that it was raised as. */
static int with_interrupt(lua_State *L, int status, int64_t raised) {
  if (status == LUA_OK || !kilpi_interrupted_since(kilpi_host_of(L), raised)) return status;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &interrupt_key);
  lua_replace(L, -2);
  return LUA_ERRRUN;
}

int kilpi_protected_call(lua_State *L, int arguments, int results) {
  kilpi_host *host = kilpi_host_of(L);
  int function = lua_gettop(L) - arguments;
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
  lua_pushcfunction(L, keep_traceback);
  lua_insert(L, function);
  bool outer = host->swift_live;
  int64_t raised = host->raised;
  host->swift_live = false;
  lua_State *below = running;
  running_on = pthread_self();
  running = L;
  int status = lua_pcall(L, arguments, results, function);
  running = below;
  if (status != LUA_OK) end_read();
  host->swift_live = outer;
  lua_remove(L, function);
  return with_interrupt(L, status, raised);
}

/* Runs `function` on the `arguments` values on top; an error stays on top. */
static int guarded(lua_State *L, lua_CFunction function, int arguments, int results) {
  kilpi_host *host = kilpi_host_of(L);
  lua_pushcfunction(L, function);
  lua_insert(L, -arguments - 1);
  bool outer = host->swift_live;
  int64_t raised = host->raised;
  host->swift_live = false;
  int status = lua_pcall(L, arguments, results, 0);
  host->swift_live = outer;
  return with_interrupt(L, status, raised);
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

#include "hooks.inc"
#include "streams.inc"
#include "libraries.inc"
