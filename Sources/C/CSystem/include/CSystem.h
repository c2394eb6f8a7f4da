/* System calls that Swift cannot make, since the C library has them in variadic form alone or not at
   all. Called from any thread. */
#ifndef KILPI_SYSTEM_H
#define KILPI_SYSTEM_H
#include <stddef.h>
#include <sys/types.h>

/* Opens `path` below the folder open as `directory`; links and `..` that lead out of it are EXDEV.
   Gives a descriptor, or -1 with errno; ENOSYS where the kernel cannot do it (Linux before 5.6) or may not. */
int kilpi_open_beneath(int directory, const char *path, int flags, mode_t mode);

/* `open` and `openat` with fixed arguments. */
int kilpi_open_at(int directory, const char *path, int flags, mode_t mode);

/* The flag of `open` for a place that is neither read nor written. */
int kilpi_path_flag(void);

/* Fills `bytes` with random ones from the system; -1 where it gives none. */
int kilpi_random_bytes(void *bytes, size_t count);

#endif
