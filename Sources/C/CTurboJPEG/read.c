/* Goals, in order: no pixel outside the caller's block whatever the file says; the same pixels as
   Pillow; every defect reported. TurboJPEG's own reader knows six ways of subsampling and refuses all
   others, so this is libjpeg's; its way back from an error is setjmp, which stands in this file alone. */
#include "CTurboJPEG.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

/* So many, that a progressive file cannot run for hours. */
enum { scans_max = 500 };

typedef struct {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf back;
  char *message;
  size_t message_size;
  uint8_t *row; /* of CMYK */
} context;

/* libjpeg's texts are at most JMSG_LENGTH_MAX long. */
static void tell(context *c) {
  char text[JMSG_LENGTH_MAX];
  c->errors.format_message((j_common_ptr)&c->jpeg, text);
  snprintf(c->message, c->message_size, "%s", text);
}

static void fail(j_common_ptr jpeg) {
  context *c = jpeg->client_data;
  tell(c);
  longjmp(c->back, 1);
}

/* The first warning is reported; notes of a level above are not. */
static void note(j_common_ptr jpeg, int level) {
  context *c = jpeg->client_data;
  if (level >= 0) return;
  if (c->errors.num_warnings++ == 0) tell(c);
}

static void silent(j_common_ptr jpeg) { (void)jpeg; }

static void count_scans(j_common_ptr jpeg) {
  context *c = jpeg->client_data;
  if (c->jpeg.input_scan_number <= scans_max) return;
  snprintf(c->message, c->message_size, "it has more than %d scans", scans_max);
  longjmp(c->back, 1);
}

static void end(context *c) {
  jpeg_destroy_decompress(&c->jpeg);
  free(c->row);
}

/* Everything up to the first row; runs under the caller's setjmp, as all that follows. */
static void begin(context *c, const uint8_t *bytes, size_t count, kilpi_jpeg_info *info) {
  jpeg_create_decompress(&c->jpeg);
  c->jpeg.progress = &c->progress;
  jpeg_mem_src(&c->jpeg, bytes, count);
  /* A file of tables alone, or one that is cut before its picture, has no size. */
  if (jpeg_read_header(&c->jpeg, FALSE) != JPEG_HEADER_OK) {
    *info = (kilpi_jpeg_info){0};
    return;
  }
  info->width = (int)c->jpeg.image_width;
  info->height = (int)c->jpeg.image_height;
  info->components = c->jpeg.num_components;
}

static void prepare(context *c, char *message, size_t message_size) {
  *c = (context){.message = message, .message_size = message_size};
  message[0] = 0;
  c->jpeg.client_data = c;
  c->jpeg.err = jpeg_std_error(&c->errors);
  c->errors.error_exit = fail;
  c->errors.emit_message = note;
  c->errors.output_message = silent;
  c->progress.progress_monitor = count_scans;
}

int kilpi_jpeg_header(const uint8_t *bytes, size_t count, kilpi_jpeg_info *info, char *message,
                      size_t message_size) {
  context c;
  prepare(&c, message, message_size);
  int status = -1;
  if (setjmp(c.back) == 0) {
    begin(&c, bytes, count, info);
    status = 0;
  }
  end(&c);
  return status;
}

/* Pillow's way from CMYK to RGB. Files hold 255 - C, 255 - M, 255 - Y, 255 - K, as Adobe began it,
   whether they say so or not. */
static void convert_cmyk(const uint8_t *cmyk, uint8_t *rgb, size_t pixels) {
  for (size_t i = 0; i < pixels; i++) {
    int light = cmyk[4 * i + 3];
    for (int channel = 0; channel < 3; channel++) {
      int product = (255 - cmyk[4 * i + channel]) * light + 128;
      rgb[3 * i + channel] = (uint8_t)(light - (((product >> 8) + product) >> 8));
    }
  }
}

static void decode(context *c, const kilpi_jpeg_info *info, uint8_t *rgb) {
  struct jpeg_decompress_struct *jpeg = &c->jpeg;
  int is_cmyk = jpeg->num_components == 4;
  jpeg->out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(jpeg);
  size_t width = jpeg->output_width;
  if (width != (size_t)info->width || jpeg->output_height != (unsigned)info->height) {
    snprintf(c->message, c->message_size, "its size changes while it is read");
    longjmp(c->back, 1);
  }
  if (is_cmyk) {
    c->row = malloc(width * 4);
    if (c->row == NULL) {
      snprintf(c->message, c->message_size, "not enough memory");
      longjmp(c->back, 1);
    }
  }
  while (jpeg->output_scanline < jpeg->output_height) {
    uint8_t *target = rgb + (size_t)jpeg->output_scanline * width * 3;
    JSAMPROW row = is_cmyk ? c->row : target;
    if (jpeg_read_scanlines(jpeg, &row, 1) == 1 && is_cmyk) convert_cmyk(c->row, target, width);
  }
  jpeg_finish_decompress(jpeg);
}

int kilpi_jpeg_read(const uint8_t *bytes, size_t count, const kilpi_jpeg_info *info, uint8_t *rgb,
                    char *message, size_t message_size) {
  context c;
  prepare(&c, message, message_size);
  volatile int status = -1;
  if (setjmp(c.back) == 0) {
    kilpi_jpeg_info again;
    begin(&c, bytes, count, &again);
    if (again.components == 0) longjmp(c.back, 1);
    decode(&c, info, rgb);
    status = c.errors.num_warnings > 0 ? 1 : 0;
  }
  end(&c);
  return status;
}
