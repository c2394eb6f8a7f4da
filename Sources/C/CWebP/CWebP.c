#include "CWebP.h"

#include <stdio.h>
#include <webp/decode.h>
#include <webp/demux.h>

static int fail(const char *text, char *message, size_t size) {
  snprintf(message, size, "%s", text);
  return -1;
}

static int refuse(VP8StatusCode status, size_t count, char *message, size_t size) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY: return fail("not enough memory", message, size);
    case VP8_STATUS_UNSUPPORTED_FEATURE: return fail("its kind of WebP is not known", message, size);
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      snprintf(message, size, "it ends after %zu bytes", count);
      return -1;
    default: return fail("its data are damaged", message, size);
  }
}

int kilpi_webp_header(const uint8_t *bytes, size_t count, kilpi_webp_info *info, char *message,
                      size_t message_size) {
  WebPBitstreamFeatures features;
  VP8StatusCode status = WebPGetFeatures(bytes, count, &features);
  if (status != VP8_STATUS_OK) return refuse(status, count, message, message_size);
  info->width = features.width;
  info->height = features.height;
  info->animated = features.has_animation;
  return 0;
}

/* The first frame of an animation on its canvas, as the library's own player shows it. */
static int first_frame(const uint8_t *bytes, size_t count, const kilpi_webp_info *info,
                       uint8_t *rgb, char *message, size_t message_size) {
  WebPData data = {bytes, count};
  WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, NULL);
  if (decoder == NULL) return fail("its animation is damaged", message, message_size);
  WebPAnimInfo known;
  uint8_t *canvas = NULL;
  int time = 0;
  if (!WebPAnimDecoderGetInfo(decoder, &known) || known.canvas_width != (uint32_t)info->width
      || known.canvas_height != (uint32_t)info->height
      || !WebPAnimDecoderGetNext(decoder, &canvas, &time)) {
    WebPAnimDecoderDelete(decoder);
    return fail("its animation is damaged", message, message_size);
  }
  size_t pixels = (size_t)info->width * (size_t)info->height;
  for (size_t i = 0; i < pixels; i++)
    for (int channel = 0; channel < 3; channel++) rgb[3 * i + channel] = canvas[4 * i + channel];
  WebPAnimDecoderDelete(decoder);
  return 0;
}

int kilpi_webp_read(const uint8_t *bytes, size_t count, const kilpi_webp_info *info, uint8_t *rgb,
                    char *message, size_t message_size) {
  if (info->animated) return first_frame(bytes, count, info, rgb, message, message_size);
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config))
    return fail("libwebp is another version than the headers", message, message_size);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = rgb;
  config.output.u.RGBA.stride = info->width * 3;
  config.output.u.RGBA.size = (size_t)info->width * (size_t)info->height * 3;
  VP8StatusCode status = WebPDecode(bytes, count, &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) return refuse(status, count, message, message_size);
  return 0;
}

int kilpi_webp_version(void) { return WebPGetDecoderVersion(); }
