#define _GNU_SOURCE
#include "CSystem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
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

/* Filters of system calls that are older than openat2 answer EPERM to what they do not know, which a file
   can answer too. So it is tried once, by a call that no file can refuse. */
static int has_openat2(void) {
  static atomic_int known; /* 0: not tried yet, 1: yes, 2: no */
  int answer = atomic_load(&known);
  if (answer == 0) {
    struct how how = {O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0};
    long result = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how);
    answer = result < 0 && (errno == ENOSYS || errno == EPERM) ? 2 : 1;
    if (result >= 0) close((int)result);
    atomic_store(&known, answer);
  }
  return answer == 1;
}

int kilpi_open_beneath(int directory, const char *path, int flags, mode_t mode) {
  if (!has_openat2()) {
    errno = ENOSYS;
    return -1;
  }
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

int kilpi_random_bytes(void *bytes, size_t count) {
  size_t done = 0;
  while (done < count) {
    ssize_t got = getrandom((char *)bytes + done, count - done, 0);
    if (got > 0) done += (size_t)got;
    else if (errno != EINTR) break;
  }
  if (done == count) return 0;
  int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  while (done < count) {
    ssize_t got = read(file, (char *)bytes + done, count - done);
    if (got > 0) done += (size_t)got;
    else if (got == 0 || errno != EINTR) break;
  }
  close(file);
  return done == count ? 0 : -1;
}
