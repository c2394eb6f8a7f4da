/* The border between Lua and Swift. Called by LuaHost only, on the Lua thread.
   Only `bridge.c` and `polling.c` raise Lua errors; nothing declared here raises. */
#ifndef KILPI_LUA_BRIDGE_H
#define KILPI_LUA_BRIDGE_H
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the host does for the bridge. None of these may raise; `context` is the first argument. */
typedef struct kilpi_callbacks {
  void *context;
  /* Runs the host function whose upvalues are at hand. Gives the number of results on top of the
     stack, or -1 with an error value on top. */
  int (*dispatch)(void *context, lua_State *L);
  /* Drops one reference to a host object. Runs in finalizers. */
  void (*drop)(void *object);
  /* Pushes the error of an interrupt. */
  void (*push_interrupt)(void *context, lua_State *L);
  /* Bytes that the host holds outside Lua. */
  int64_t (*external_bytes)(void *context);
  /* Gives back memory kept for reuse; called after a collection under pressure. */
  void (*release_pool)(void *context);
  /* Shows bytes on stream 1 (standard output) or 2 (standard error). */
  void (*write)(void *context, int stream, const char *bytes, size_t count);
  /* Takes one complete warning. May run inside any allocation. */
  void (*warn)(void *context, const char *bytes, size_t count);
  /* Runs before `os.exit` ends the process. */
  void (*leaving)(void *context, int status);
  /* Says whether a file may be used in the sandbox; NULL outside it. */
  bool (*allows)(void *context, const char *path, bool writing);
} kilpi_callbacks;

/* Counts of the allocator. */
typedef struct kilpi_memory {
  int64_t bytes, blocks, peak_bytes;
  /* All requests for memory, and those that were made under a live Swift frame. */
  int64_t requests, sheltered, largest_sheltered;
} kilpi_memory;

/* Makes a state with the guarded standard libraries; NULL when memory or the set-up failed. */
lua_State *kilpi_open(const kilpi_callbacks *callbacks, bool ignore_environment, bool sandbox);

/* Closes the state; fills in what the allocator still counts (all 0 when nothing leaked). With
   `abandon` host functions are no longer called by finalizers. */
void kilpi_close(lua_State *L, bool abandon, kilpi_memory *rest);

/* Sets the limit for Lua's blocks and external bytes together; 0 means none. */
void kilpi_set_memory_limit(lua_State *L, int64_t bytes);
/* Sets the live external bytes above which a full collection is made. */
void kilpi_set_soft_limit(lua_State *L, int64_t bytes);
/* True when Lua's blocks cannot grow by that many bytes within the limit and the system's memory. */
bool kilpi_would_refuse(lua_State *L, size_t growth);
kilpi_memory kilpi_memory_now(lua_State *L);
/* Makes the n-th request from now on and those after it fail, `count` of them; 0 stops it. Requests
   under a live Swift frame are neither counted nor failed. */
void kilpi_fail_allocations(lua_State *L, int64_t n, int64_t count);
/* Collects fully. Does nothing inside a finalizer. */
void kilpi_collect(lua_State *L);

/* Compiles a text and pushes the function, or the error. The status is Lua's. */
int kilpi_load(lua_State *L, const char *text, size_t count, const char *name);

/* Calls the function below `arguments` values under protection with the traceback handler.
   Needs three free stack slots. The status is Lua's. */
int kilpi_protected_call(lua_State *L, int arguments, int results);
/* Pushes the traceback that the last failed protected call left, or nil. */
void kilpi_push_traceback(lua_State *L);
/* Pushes `tostring` of the value; on a status other than LUA_OK the error instead. */
int kilpi_to_string(lua_State *L, int index);
/* Pushes `value[key]` with metamethods for the key on top, which it replaces. */
int kilpi_get(lua_State *L, int index);
/* Does `value[key] = x` with metamethods for key and x on top, which it removes. */
int kilpi_set(lua_State *L, int index);
/* Replaces the key on top by the next key and value of a table; 0 at its end or on misuse. */
bool kilpi_next(lua_State *L, int index);

/* Empties a table. */
void kilpi_clear(lua_State *L, int index);

/* Makes a host function of the `upvalues` values on top. */
void kilpi_push_host_function(lua_State *L, int upvalues);
/* The number of a host function; -1 for every other value. */
int64_t kilpi_host_function_number(lua_State *L, int index);
/* Makes a function that looks a key up in the table on top and calls host function `slot` (an
   upvalue of the dispatcher) for others. Replaces the table and the integer below it. */
void kilpi_push_index_function(lua_State *L);
/* Makes one function of a host function's number and Lua's own function, both on top: runs
   the first where the second could take long. */
void kilpi_push_polling_function(lua_State *L);
/* Pushes a userdata of one slot that holds `object` and has one user value. */
void kilpi_push_handle(lua_State *L, void *object);
/* Pushes the function that empties a handle: `__gc`, `__close` and `release`. */
void kilpi_push_drop_function(lua_State *L);
/* Pushes "chunk:line: " of the innermost Lua function from `level` on, else of thread `outer`. */
void kilpi_push_where(lua_State *L, lua_State *outer, int level);
/* Declares the table on top to be a metatable of handles. */
void kilpi_mark_metatable(lua_State *L);
/* The slot of a handle whose metatable the caller has checked; takes the object out with `take`. */
void *kilpi_handle_object(lua_State *L, int index, bool take);

/* The place of a text in another at or after `start`, both counted from 0; -1 where there is none. Takes
   linear time. */
ptrdiff_t kilpi_find_text(const void *text, size_t size, const void *wanted, size_t count, size_t start);

/* Forgets earlier raises; at the start of each outermost run. */
void kilpi_begin_run(lua_State *L);
/* Notes that an interrupt error is about to be raised by the host. */
void kilpi_note_interrupt(lua_State *L);
/* Writes to the process's own stream 1 or 2; the first is flushed before the second. */
void kilpi_write_through(int stream, const char *bytes, size_t count);
/* Turns the script's own warnings on or off. */
void kilpi_set_warnings(lua_State *L, bool on);
#endif
