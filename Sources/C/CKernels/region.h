/* Runs of pages in one reserved range of addresses. No locks: the caller holds one, but for
   kilpi_region_size, which reads nothing. */
#ifndef KILPI_REGION_H
#define KILPI_REGION_H

#include <stdbool.h>
#include <stddef.h>

/* `bytes` rounded up to whole pages. */
size_t kilpi_region_size(size_t bytes);
/* A run for `bytes`, aligned to a page, contents undefined; `fresh` says whether the system must back
   pages of it. NULL: the range is full, or the system refused. */
void *kilpi_region_take(size_t bytes, bool *fresh);
bool kilpi_region_owns(const void *memory);
/* Frees a run; its pages stay backed for the next one until released. */
void kilpi_region_give(void *memory);
/* After `give`: gives `bytes` of the free run that holds `memory` back to the system, or all it has. */
void kilpi_region_release(const void *memory, size_t bytes);
/* Gives back all of every free run. */
void kilpi_region_release_all(void);
/* Bytes of free runs that the system still backs, or more. */
size_t kilpi_region_idle_bytes(void);

#endif
