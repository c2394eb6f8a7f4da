/* PNG through libpng's low-level interface. Called by `Images` alone, from any thread: no function
   keeps state between calls, and libpng's longjmp never leaves one. A pending interrupt ends reading
   and writing between rows. */
#ifndef KILPI_CPNG_H
#define KILPI_CPNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t width, height;
  int bit_depth;  /* as stored: 1, 2, 4, 8 or 16 */
  int color_type; /* PNG's own number: 0 gray, 2 RGB, 3 palette, 4 gray + alpha, 6 RGB + alpha */
} kilpi_png_info;

/* Largest side and largest number of pixels that a reader accepts. */
#define KILPI_PNG_SIDE_MAX 1000000u
#define KILPI_PNG_PIXELS_MAX 100000000u

/* Reads size and kind. Returns 0, or -1 with a text in `message`. */
int kilpi_png_header(const uint8_t *bytes, size_t count, kilpi_png_info *info, char *message,
                     size_t message_size);

/* Reads the pixels as 8-bit RGB, row by row, as Pillow's convert("RGB") gives them: alpha and tRNS
   dropped, gamma and profiles ignored, 16-bit gray clipped at 255, other 16-bit samples cut to
   their high byte. `rgb` holds width * height * 3 values. Returns 0, or -1 with a text. */
int kilpi_png_read8(const uint8_t *bytes, size_t count, uint8_t *rgb, size_t rgb_count,
                    char *message, size_t message_size);

/* The same at full depth: 16-bit samples whole, others times 257, so that value / 65535 is the
   value / 255 of the 8-bit reader. */
int kilpi_png_read16(const uint8_t *bytes, size_t count, uint16_t *rgb, size_t rgb_count,
                     char *message, size_t message_size);

/* Writes RGB pixels of 8 bits (`depth` 8, uint8_t) or 16 bits (`depth` 16, uint16_t in the
   machine's order). On success `*out` is a block of `*out_count` bytes to give to kilpi_png_free(). */
int kilpi_png_write(const void *rgb, uint32_t width, uint32_t height, int depth, int compression,
                    uint8_t **out, size_t *out_count, char *message, size_t message_size);

void kilpi_png_free(uint8_t *block);

/* The version of libpng, such as "1.6.39". */
const char *kilpi_png_version(void);

#endif
