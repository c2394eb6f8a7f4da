/* What the files of the bridge share. Lua thread only. */
#ifndef KILPI_LUA_HOST_H
#define KILPI_LUA_HOST_H
#include "CLuaBridge.h"
#include <lauxlib.h>
#include <lualib.h>

typedef struct kilpi_host {
  kilpi_callbacks callbacks;
  kilpi_memory memory;
  int64_t limit;      /* of Lua's blocks and external bytes together; 0: none */
  int64_t fail_in;    /* requests until failures begin; 0: never */
  int64_t fail_count; /* how many fail then */
  bool swift_live;    /* Swift runs, or waits without protection: requests must not fail */
  int64_t reported;   /* external bytes at the last report to the collector */
  int64_t soft_limit; /* external bytes above which a full collection is made */
  int raises;         /* interrupt errors of this run */
  int64_t raised;     /* interrupt errors ever */
  int64_t last_raise; /* milliseconds, monotonic */
  bool abandoned;     /* host functions may no longer be called */
  bool warnings_on;
  char *warning; /* pieces of the warning being put together */
  size_t warning_size;
} kilpi_host;

static inline kilpi_host *kilpi_host_of(lua_State *L) {
  return *(kilpi_host **)lua_getextraspace(L);
}

int64_t kilpi_milliseconds(void);
void *kilpi_allocate(void *host, void *block, size_t old_size, size_t new_size);
void kilpi_warn(void *host, const char *text, int to_be_continued);
/* Tells the collector what the host holds; collects when that grew. May run finalizers. */
void kilpi_settle_memory(lua_State *L, kilpi_host *host);
/* True when an interrupt error should be raised now. */
bool kilpi_interrupt_due(kilpi_host *host);
/* True when an interrupt error was raised since `raised` had that value: nothing may catch it. */
bool kilpi_interrupted_since(kilpi_host *host, int64_t raised);
/* Makes children of io.popen end soon: the script that would wait for them was interrupted. */
void kilpi_processes_hurry(void);
void kilpi_write(kilpi_host *host, int stream, const char *bytes, size_t count);
/* True for a full userdata made by `kilpi_push_handle`. */
bool kilpi_is_handle(lua_State *L, int index);
/* True for a table that was marked as a metatable of handles. */
bool kilpi_is_handle_metatable(lua_State *L, int index);
/* Gives the chunk on top the environment at `index`, else that of the running function's caller. */
void kilpi_set_environment(lua_State *L, int index);
/* 1 or 2 for the file handles of the standard streams, 0 for every other value. */
int kilpi_stream_of(lua_State *L, int index);
/* True when matching string 1 with pattern 2, or moving elements 2 to 3 of table 1, could take
   longer than a tenth of a second. */
bool kilpi_may_run_long(lua_State *L);
/* Raises the interrupt error if one is due. */
void kilpi_raise_interrupt(lua_State *L);
/* Puts polling functions in the place of those of Lua's library that can run long. Raises. */
void kilpi_poll_libraries(lua_State *L);
/* `luaL_loadbufferx` with looks at the interrupt flag. The status is Lua's. */
int kilpi_load_polling(lua_State *L, const char *text, size_t count, const char *name, const char *mode);
/* Opens the standard libraries and puts guarded functions in place. Raises. */
int kilpi_open_libraries(lua_State *L);
#endif
