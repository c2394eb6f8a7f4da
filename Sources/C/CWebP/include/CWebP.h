/* WebP through libwebp: return codes only. Called by `Images` alone, from any thread: no function
   keeps state between calls. */
#ifndef KILPI_CWEBP_H
#define KILPI_CWEBP_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  int width, height; /* of the canvas */
  int animated;      /* whether there are several frames */
} kilpi_webp_info;

/* Reads size and kind; allocates nothing. Returns 0, or -1 with a text in `message`. */
int kilpi_webp_header(const uint8_t *bytes, size_t count, kilpi_webp_info *info, char *message,
                      size_t message_size);

/* Decodes the picture, of an animation the first, to 8-bit RGB, `width * height * 3` values; alpha is
   dropped. Returns 0, or -1 with a text in `message`. */
int kilpi_webp_read(const uint8_t *bytes, size_t count, const kilpi_webp_info *info, uint8_t *rgb,
                    char *message, size_t message_size);

/* The version of libwebp as 0xMMmmrr. */
int kilpi_webp_version(void);

#endif
