#define _GNU_SOURCE
#include "CSystem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* As in <linux/openat2.h>, which older headers lack. */
struct how { uint64_t flags, mode, resolve; };
enum { no_magic_links = 0x02, beneath = 0x08 };

int kilpi_open_beneath(int directory, const char *path, int flags, mode_t mode) {
  /* openat2 refuses a mode where nothing is made, and flags that mean nothing beside O_PATH. */
  struct how how = {(uint64_t)(unsigned)flags, flags & O_CREAT ? mode : 0, beneath | no_magic_links};
  if (flags & O_PATH) how.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  for (int tries = 0;; tries++) {
    long result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    /* EAGAIN: a rename elsewhere made the kernel unsure. */
    if (result >= 0 || (errno != EINTR && errno != EAGAIN) || tries > 100) return (int)result;
  }
}

int kilpi_open_at(int directory, const char *path, int flags, mode_t mode) {
  return openat(directory, path, flags, mode);
}

int kilpi_path_flag(void) { return O_PATH; }

void kilpi_random_bytes(void *bytes, size_t count) {
  for (size_t done = 0; done < count;) {
    ssize_t got = getrandom((char *)bytes + done, count - done, 0);
    if (got > 0) done += (size_t)got;
  }
}
