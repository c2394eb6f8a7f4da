#include "CTurboJPEG.h"

#include <stdio.h>
#include <stdlib.h>
#include <turbojpeg.h>

static int fail(tjhandle handle, char *message, size_t size) {
  snprintf(message, size, "%s", tjGetErrorStr2(handle));
  if (handle != NULL) tjDestroy(handle);
  return -1;
}

int kilpi_jpeg_header(const uint8_t *bytes, size_t count, kilpi_jpeg_info *info, char *message,
                      size_t message_size) {
  int subsampling = 0, colorspace = 0;
  tjhandle handle = tjInitDecompress();
  if (handle == NULL) return fail(handle, message, message_size);
  if (tjDecompressHeader3(handle, bytes, count, &info->width, &info->height, &subsampling,
                          &colorspace) != 0
      && tjGetErrorCode(handle) != TJERR_WARNING) /* the decoder meets and tells it again */
    return fail(handle, message, message_size);
  info->components = colorspace == TJCS_GRAY                              ? 1
                     : colorspace == TJCS_CMYK || colorspace == TJCS_YCCK ? 4
                                                                          : 3;
  tjDestroy(handle);
  return 0;
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

int kilpi_jpeg_read(const uint8_t *bytes, size_t count, const kilpi_jpeg_info *info, uint8_t *rgb,
                    char *message, size_t message_size) {
  size_t pixels = (size_t)info->width * (size_t)info->height;
  uint8_t *cmyk = NULL;
  if (info->components == 4) {
    cmyk = malloc(pixels * 4);
    if (cmyk == NULL) {
      snprintf(message, message_size, "not enough memory");
      return -1;
    }
  }
  tjhandle handle = tjInitDecompress();
  if (handle == NULL) {
    free(cmyk);
    return fail(handle, message, message_size);
  }
  /* TJFLAG_LIMITSCANS: at most 500 scans, so that a progressive file cannot run for hours. */
  int status = tjDecompress2(handle, bytes, count, cmyk != NULL ? cmyk : rgb, info->width, 0,
                             info->height, cmyk != NULL ? TJPF_CMYK : TJPF_RGB, TJFLAG_LIMITSCANS);
  if (cmyk != NULL) {
    if (status == 0 || tjGetErrorCode(handle) == TJERR_WARNING) convert_cmyk(cmyk, rgb, pixels);
    free(cmyk);
  }
  if (status != 0) {
    int warning = tjGetErrorCode(handle) == TJERR_WARNING;
    fail(handle, message, message_size);
    return warning ? 1 : -1;
  }
  tjDestroy(handle);
  return 0;
}

int kilpi_jpeg_write(const uint8_t *rgb, int width, int height, int quality, int subsampling,
                     uint8_t **out, size_t *out_count, char *message, size_t message_size) {
  unsigned char *block = NULL;
  unsigned long size = 0;
  tjhandle handle = tjInitCompress();
  if (handle == NULL) return fail(handle, message, message_size);
  if (tjCompress2(handle, rgb, width, 0, height, TJPF_RGB, &block, &size,
                  subsampling == 444 ? TJSAMP_444 : TJSAMP_420, quality, TJFLAG_ACCURATEDCT)
      != 0) {
    tjFree(block);
    return fail(handle, message, message_size);
  }
  tjDestroy(handle);
  *out = block;
  *out_count = size;
  return 0;
}

void kilpi_jpeg_free(uint8_t *block) { tjFree(block); }
