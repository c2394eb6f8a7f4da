/* Goals, in order: no pixel outside the caller's block whatever the file says; the same pixels as
   Pillow; every defect an error. libpng's own conversions are not used (beyond unpacking samples
   below 8 bits): the pixels are spread to RGB here, where each index is seen to lie inside, so the
   classic overflow of palette + tRNS cannot arise. The simplified interface is out of the question,
   since it applies gamma and composites. */
#include "CInterrupt.h"
#include "CPNG.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  png_structp png;
  png_infop info;
  const uint8_t *bytes;
  size_t count, position;
  uint8_t *row;
  uint8_t *out;
  size_t out_count, out_capacity;
  char *message;
  size_t message_size;
} context;

static void fail(png_structp png, png_const_charp text) {
  context *c = png_get_error_ptr(png);
  if (c->message[0] == 0) snprintf(c->message, c->message_size, "%s", text);
  png_longjmp(png, 1);
}

/* Warnings speak of ancillary chunks, which are skipped anyway. */
static void ignore(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

/* Between rows: a large picture takes many seconds. */
static void look(png_structp png) {
  if (kilpi_interrupt_pending()) png_error(png, "interrupted");
}

static void take(png_structp png, png_bytep data, size_t length) {
  context *c = png_get_io_ptr(png);
  if (length > c->count - c->position) {
    snprintf(c->message, c->message_size, "it ends after %zu bytes", c->count);
    png_error(png, "truncated");
  }
  memcpy(data, c->bytes + c->position, length);
  c->position += length;
}

static void put(png_structp png, png_bytep data, size_t length) {
  context *c = png_get_io_ptr(png);
  if (length > c->out_capacity - c->out_count) {
    size_t capacity = c->out_capacity * 2 + length + 4096;
    uint8_t *grown = realloc(c->out, capacity);
    if (grown == NULL) png_error(png, "not enough memory");
    c->out = grown;
    c->out_capacity = capacity;
  }
  memcpy(c->out + c->out_count, data, length);
  c->out_count += length;
}

static void flush(png_structp png) { (void)png; }

static void close_read(context *c) {
  png_destroy_read_struct(&c->png, &c->info, NULL);
  free(c->row);
}

/* Everything up to the first row; runs under the caller's setjmp. */
static void begin(context *c, kilpi_png_info *info) {
  png_structp png = c->png;
  png_set_read_fn(png, c, take);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_user_limits(png, KILPI_PNG_SIDE_MAX, KILPI_PNG_SIDE_MAX);
  png_set_chunk_malloc_max(png, 8u << 20);
  /* Profiles, gamma, text: nothing of it is used, so nothing of it is parsed. */
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(png, c->info);
  info->width = png_get_image_width(png, c->info);
  info->height = png_get_image_height(png, c->info);
  info->bit_depth = png_get_bit_depth(png, c->info);
  info->color_type = png_get_color_type(png, c->info);
  if ((uint64_t)info->width * info->height > KILPI_PNG_PIXELS_MAX) {
    snprintf(c->message, c->message_size, "it has %u x %u pixels, more than 100 million",
             info->width, info->height);
    png_error(png, "too large");
  }
}

static int open_read(context *c, const uint8_t *bytes, size_t count, char *message, size_t size) {
  memset(c, 0, sizeof *c);
  c->bytes = bytes;
  c->count = count;
  c->message = message;
  c->message_size = size;
  message[0] = 0;
  c->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, c, fail, ignore);
  if (c->png != NULL) c->info = png_create_info_struct(c->png);
  if (c->info == NULL) {
    png_destroy_read_struct(&c->png, NULL, NULL);
    snprintf(message, size, "not enough memory");
    return -1;
  }
  return 0;
}

int kilpi_png_header(const uint8_t *bytes, size_t count, kilpi_png_info *info, char *message,
                     size_t message_size) {
  context c;
  if (open_read(&c, bytes, count, message, message_size)) return -1;
  if (setjmp(png_jmpbuf(c.png))) {
    close_read(&c);
    return -1;
  }
  begin(&c, info);
  close_read(&c);
  return 0;
}

typedef struct {
  const uint8_t *samples; /* one byte a sample, or two for 16 bits, high byte first */
  int color_type, bit_depth, scale;
  const png_color *palette;
  int palette_count;
} row_source;

/* Pixel `x` of a row as three 16-bit samples and, through `high`, as three 8-bit ones. */
static inline void pixel(const row_source *s, size_t x, uint8_t eight[3], uint16_t full[3]) {
  static const int channels_of[7] = {1, 0, 3, 1, 2, 0, 4};
  int channels = channels_of[s->color_type], colour = s->color_type & 2;
  if (s->color_type == PNG_COLOR_TYPE_PALETTE) {
    /* An index past the palette is black, as in libpng and Pillow. */
    int index = s->samples[x];
    png_color entry = {0, 0, 0};
    if (index < s->palette_count) entry = s->palette[index];
    eight[0] = entry.red;
    eight[1] = entry.green;
    eight[2] = entry.blue;
    for (int k = 0; k < 3; k++) full[k] = (uint16_t)(eight[k] * 257);
    return;
  }
  for (int k = 0; k < 3; k++) {
    size_t at = x * (size_t)channels + (size_t)(colour ? k : 0);
    if (s->bit_depth == 16) {
      uint16_t value = (uint16_t)(s->samples[2 * at] << 8 | s->samples[2 * at + 1]);
      full[k] = value;
      eight[k] = s->color_type == PNG_COLOR_TYPE_GRAY ? (uint8_t)(value > 255 ? 255 : value)
                                                      : (uint8_t)(value >> 8);
    } else {
      eight[k] = (uint8_t)(s->samples[at] * s->scale);
      full[k] = (uint16_t)(eight[k] * 257);
    }
  }
}

static int read_pixels(const uint8_t *bytes, size_t count, uint8_t *rgb8, uint16_t *rgb16,
                       size_t rgb_count, char *message, size_t message_size) {
  context c;
  if (open_read(&c, bytes, count, message, message_size)) return -1;
  if (setjmp(png_jmpbuf(c.png))) {
    close_read(&c);
    return -1;
  }
  kilpi_png_info info;
  begin(&c, &info);
  if ((uint64_t)info.width * info.height * 3 != rgb_count) png_error(c.png, "size mismatch");
  png_set_packing(c.png);
  int interlaced = png_get_interlace_type(c.png, c.info) == PNG_INTERLACE_ADAM7;
  png_read_update_info(c.png, c.info);
  c.row = malloc(png_get_rowbytes(c.png, c.info));
  if (c.row == NULL) png_error(c.png, "not enough memory");

  static const int scales[9] = {1, 255, 85, 1, 17, 1, 1, 1, 1};
  row_source source = {c.row, info.color_type, info.bit_depth, 1, NULL, 0};
  if (info.bit_depth < 8 && info.color_type == PNG_COLOR_TYPE_GRAY)
    source.scale = scales[info.bit_depth];
  png_colorp palette = NULL;
  if (png_get_PLTE(c.png, c.info, &palette, &source.palette_count)) source.palette = palette;

  /* Without libpng's interlace handling each pass arrives as a small image of its own, and no
     second copy of the picture is needed. */
  for (int pass = 0; pass < (interlaced ? 7 : 1); pass++) {
    size_t x0 = 0, dx = 1, y0 = 0, dy = 1, columns = info.width, rows = info.height;
    if (interlaced) {
      columns = PNG_PASS_COLS(info.width, pass);
      rows = PNG_PASS_ROWS(info.height, pass);
      if (columns == 0 || rows == 0) continue;
      x0 = PNG_PASS_START_COL(pass);
      dx = PNG_PASS_COL_OFFSET(pass);
      y0 = PNG_PASS_START_ROW(pass);
      dy = PNG_PASS_ROW_OFFSET(pass);
    }
    for (size_t y = 0; y < rows; y++) {
      look(c.png);
      png_read_row(c.png, c.row, NULL);
      size_t at = (y0 + y * dy) * info.width + x0;
      for (size_t x = 0; x < columns; x++, at += dx) {
        uint8_t eight[3];
        uint16_t full[3];
        pixel(&source, x, eight, full);
        for (int k = 0; k < 3; k++) {
          if (rgb8 != NULL) rgb8[3 * at + (size_t)k] = eight[k];
          if (rgb16 != NULL) rgb16[3 * at + (size_t)k] = full[k];
        }
      }
    }
  }
  png_read_end(c.png, NULL);
  close_read(&c);
  return 0;
}

int kilpi_png_read8(const uint8_t *bytes, size_t count, uint8_t *rgb, size_t rgb_count,
                    char *message, size_t message_size) {
  return read_pixels(bytes, count, rgb, NULL, rgb_count, message, message_size);
}

int kilpi_png_read16(const uint8_t *bytes, size_t count, uint16_t *rgb, size_t rgb_count,
                     char *message, size_t message_size) {
  return read_pixels(bytes, count, NULL, rgb, rgb_count, message, message_size);
}

int kilpi_png_write(const void *rgb, uint32_t width, uint32_t height, int depth, int compression,
                    uint8_t **out, size_t *out_count, char *message, size_t message_size) {
  context c;
  memset(&c, 0, sizeof c);
  c.message = message;
  c.message_size = message_size;
  message[0] = 0;
  c.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &c, fail, ignore);
  if (c.png != NULL) c.info = png_create_info_struct(c.png);
  if (c.info == NULL) {
    png_destroy_write_struct(&c.png, NULL);
    snprintf(message, message_size, "not enough memory");
    return -1;
  }
  if (setjmp(png_jmpbuf(c.png))) {
    png_destroy_write_struct(&c.png, &c.info);
    free(c.out);
    return -1;
  }
  png_set_write_fn(c.png, &c, put, flush);
  png_set_IHDR(c.png, c.info, width, height, depth, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(c.png, compression);
  png_write_info(c.png, c.info);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  if (depth == 16) png_set_swap(c.png);
#endif
  size_t row = (size_t)width * 3 * (size_t)(depth / 8);
  for (uint32_t y = 0; y < height; y++) {
    look(c.png);
    png_write_row(c.png, (png_const_bytep)rgb + row * y);
  }
  png_write_end(c.png, NULL);
  png_destroy_write_struct(&c.png, &c.info);
  *out = c.out;
  *out_count = c.out_count;
  return 0;
}

void kilpi_png_free(uint8_t *block) { free(block); }

const char *kilpi_png_version(void) { return png_get_libpng_ver(NULL); }
