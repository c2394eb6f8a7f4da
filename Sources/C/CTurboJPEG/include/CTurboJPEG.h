/* JPEG through libjpeg-turbo, read by libjpeg's interface and written by TurboJPEG's: return codes only. Called by `Images` alone, from any thread: no function
   keeps state between calls. */
#ifndef KILPI_CTURBOJPEG_H
#define KILPI_CTURBOJPEG_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  int width, height;
  int components; /* 1 gray, 3 colour, 4 CMYK or YCCK; others are not decoded */
} kilpi_jpeg_info;

/* Reads size and kind. Returns 0, or -1 with a text in `message`. */
int kilpi_jpeg_header(const uint8_t *bytes, size_t count, kilpi_jpeg_info *info, char *message,
                      size_t message_size);

/* Decodes to 8-bit RGB, `width * height * 3` values, with the accurate transform and smooth
   upsampling of libjpeg-turbo's defaults; CMYK as Pillow converts it. Returns 0; 1 when pixels are there but the decoder
   warned (text in `message`); -1 on an error (text in `message`). */
int kilpi_jpeg_read(const uint8_t *bytes, size_t count, const kilpi_jpeg_info *info, uint8_t *rgb,
                    char *message, size_t message_size);

/* Encodes RGB at `quality` 1 ... 100, with the colour at full resolution (`subsampling` 444) or
   halved both ways (420). On success `*out` is a block to give to kilpi_jpeg_free(). */
int kilpi_jpeg_write(const uint8_t *rgb, int width, int height, int quality, int subsampling,
                     uint8_t **out, size_t *out_count, char *message, size_t message_size);

void kilpi_jpeg_free(uint8_t *block);

#endif
