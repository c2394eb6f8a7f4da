// SHA-256 (FIPS 180-4), as the seal of files that must not be bent unnoticed.
#ifndef KILPI_CDIGEST_H
#define KILPI_CDIGEST_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t state[8];
  uint64_t length;   // bytes taken so far
  uint8_t block[64]; // those of an unfinished block
} kilpi_sha256;

void kilpi_sha256_start(kilpi_sha256 *digest);

// Takes `count` further bytes.
void kilpi_sha256_update(kilpi_sha256 *digest, const void *bytes, size_t count);

// Writes the 32 bytes of the digest; nothing may be taken afterwards.
void kilpi_sha256_finish(kilpi_sha256 *digest, uint8_t *result);

// Whether the processor's own instructions are used; `allowed` 0 turns to the portable loop, for
// the tests, which compare both.
int kilpi_sha256_accelerated(int allowed);

#endif
