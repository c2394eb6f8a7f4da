#include "CTurboJPEG.h"

#include <stdio.h>
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

int kilpi_jpeg_read(const uint8_t *bytes, size_t count, int width, int height, uint8_t *rgb,
                    char *message, size_t message_size) {
  tjhandle handle = tjInitDecompress();
  if (handle == NULL) return fail(handle, message, message_size);
  /* TJFLAG_LIMITSCANS: at most 500 scans, so that a progressive file cannot run for hours. */
  if (tjDecompress2(handle, bytes, count, rgb, width, 0, height, TJPF_RGB, TJFLAG_LIMITSCANS)
      != 0) {
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
