#include "CTurboJPEG.h"

#include <stdio.h>
#include <turbojpeg.h>

static int fail(tjhandle handle, char *message, size_t size) {
  snprintf(message, size, "%s", tjGetErrorStr2(handle));
  if (handle != NULL) tjDestroy(handle);
  return -1;
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
