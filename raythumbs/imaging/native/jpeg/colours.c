/* Converts samples to the colours that Pillow has, with libjpeg's arithmetic (jdcolor.c): the results are equal. */
#include <string.h>

#include "decoder.h"

INLINE int limited(int sample)
{
    return sample < 0 ? 0 : sample > 255 ? 255 : sample;
}

/* Returns a sample as a byte, rounded as libjpeg rounds it. */
INLINE int byte_of(float sample)
{
    sample += 128.5f;
    sample = sample > 0.0f ? sample : 0.0f;
    return (int)(sample < 255.0f ? sample : 255.0f);
}

INLINE void put_pixel(uint8_t *pixels, int x, int red, int green, int blue, int fourth)
{
    uint32_t pixel = (uint32_t)red | (uint32_t)green << 8 | (uint32_t)blue << 16 | (uint32_t)fourth << 24;
    memcpy(pixels + (size_t)x * 4, &pixel, sizeof pixel);
}

/* Fractions of 2^16. A shift of a negative number rounds down, with every compiler that this is built with. */
INLINE void convert_ycc(const float *const samples[], uint8_t *pixels, int width, bool has_black)
{
    const float *light = samples[0], *blue = samples[1], *red = samples[2], *black = samples[has_black ? 3 : 0];
    for (int x = 0; x < width; x++) {
        int y = byte_of(light[x]), cb = byte_of(blue[x]) - 128, cr = byte_of(red[x]) - 128;
        int r = limited(y + ((91881 * cr + 32768) >> 16));
        int g = limited(y + ((-22554 * cb - 46802 * cr + 32768) >> 16));
        int b = limited(y + ((116130 * cb + 32768) >> 16));
        put_pixel(pixels, x, r, g, b, has_black ? 255 - byte_of(black[x]) : 255);
    }
}

/* CMYK is inverted, as Pillow does with every JPEG (JpegImagePlugin.py, "CMYK;I"). YCCK inverts to RGB and K. */
INLINE void convert_inline(Colours colours, const float *const samples[], uint8_t *pixels, int width)
{
    const float *first = samples[0], *second = samples[1], *third = samples[2], *fourth = samples[3];
    switch (colours) {
    case GREY:
        for (int x = 0; x < width; x++)
            pixels[x] = (uint8_t)byte_of(first[x]);
        break;
    case RGB:
        for (int x = 0; x < width; x++)
            put_pixel(pixels, x, byte_of(first[x]), byte_of(second[x]), byte_of(third[x]), 255);
        break;
    case CMYK:
        for (int x = 0; x < width; x++)
            put_pixel(pixels, x, 255 - byte_of(first[x]), 255 - byte_of(second[x]), 255 - byte_of(third[x]),
                      255 - byte_of(fourth[x]));
        break;
    case YCC: convert_ycc(samples, pixels, width, false); break;
    case YCCK: convert_ycc(samples, pixels, width, true); break;
    }
}

#if HAS_TWINS
static FOR_AVX2 void convert_avx2(Colours colours, const float *const samples[], uint8_t *pixels, int width)
{
    convert_inline(colours, samples, pixels, width);
}
#endif

static void convert_row(Colours colours, const float *const samples[], uint8_t *pixels, int width)
{
#if HAS_TWINS
    if (has_avx2()) {
        convert_avx2(colours, samples, pixels, width);
        return;
    }
#endif
    convert_inline(colours, samples, pixels, width);
}

void convert_mcus(const Picture *picture, int row, Output output)
{
    int rows = picture->eighths * picture->most_down;
    size_t stride = (size_t)output.width * (picture->colours == GREY ? 1 : 4);
    for (int y = 0; y < rows && row * rows + y < output.height; y++) {
        const float *samples[MOST_COMPONENTS] = {0};
        for (int n = 0; n < picture->count; n++)
            samples[n] = picture->components[n].plane + (size_t)y * picture->components[n].stride;
        convert_row(picture->colours, samples, output.pixels + (size_t)(row * rows + y) * stride, output.width);
    }
}
