/* Decodes the unpacked data of a PNG row by row, straight into a smaller picture: no picture of the full size is made.
 *
 * Python reads the chunks and unpacks their data (png/native.py), and hands the pieces over. Interlaced pictures are left to
 * Pillow.
 *
 *     filters.c  reverses the filters of rows      expand.c      from samples of any kind to pixels
 *                                                  ../resample.c makes the picture smaller
 *
 * Nothing here trusts the data: it is read to its end, and each row is written to memory whose size follows from the head. */
#include <stdlib.h>
#include <string.h>

#include "png.h"

enum { LARGEST_SIDE = 1 << 24 };

typedef struct {
    Head head;
    size_t bytes, step;            /* of a row without the byte of its filter; of a pixel */
    uint8_t *lines[1 + MOST_TOGETHER]; /* the row above, and the next ones; MARGIN before each, LARGEST_PIXEL behind it */
    uint8_t *partial, *expanded;   /* a row that came in part, with its filter; pixels of 8 bits a sample */
    size_t there;                  /* bytes of `partial` */
    int rows;                      /* that are done */
    Resampler *resampler;
    uint8_t *memory;
} Png;

static bool is_known(int type, int bits)
{
    bool wide = bits == 8 || bits == 16, narrow = bits == 1 || bits == 2 || bits == 4;
    switch (type) {
    case GREY: return wide || narrow;
    case PALETTE: return bits == 8 || narrow;
    case RGB:
    case GREY_ALPHA:
    case RGB_ALPHA: return wide;
    default: return false;
    }
}

static size_t bits_of_pixel(const Head *head)
{
    static const size_t samples[] = {[GREY] = 1, [RGB] = 3, [PALETTE] = 1, [GREY_ALPHA] = 2, [RGB_ALPHA] = 4};
    return samples[head->type] * (size_t)head->bits;
}

static bool allocate(Png *png)
{
    size_t row = MARGIN + png->bytes + LARGEST_PIXEL, expanded = 4 * (size_t)png->head.width;
    png->memory = calloc(1, (1 + MOST_TOGETHER) * row + 1 + png->bytes + expanded);
    if (!png->memory)
        return false;
    for (size_t n = 0; n <= MOST_TOGETHER; n++)
        png->lines[n] = png->memory + n * row + MARGIN;
    png->partial = png->memory + (1 + MOST_TOGETHER) * row;
    png->expanded = png->partial + 1 + png->bytes;
    return true;
}

/* Sets what follows from the head. Returns false if there is no memory. */
static bool set_up(Png *png, Kernel kernel, Size out, uint8_t *pixels)
{
    Head *head = &png->head;
    size_t bits = bits_of_pixel(head);
    png->bytes = ((size_t)head->width * bits + 7) / 8;
    png->step = bits < 8 ? 1 : bits / 8;
    png->resampler = new_resampler(
        kernel, samples_of(head), head->has_alpha, (Size){head->width, head->height}, out, pixels);
    return png->resampler && allocate(png);
}

/* Frees it. Returns whether all rows came, and no part of another one. */
EXPORTED bool raythumbs_end_png(Png *png)
{
    bool is_whole = png->rows == png->head.height && !png->there;
    if (png->resampler)
        free_resampler(png->resampler);
    free(png->memory);
    free(png);
    return is_whole;
}

/* Begins a picture of this head, which becomes `out_width` by `out_height` by a Kernel, in `bytes` bytes of `pixels`: one for each
 * pixel of a grey picture without alpha, else four, in the order of Pillow's modes RGBX and RGBA. `palette` is the RGBA of all
 * 256 entries; `clear` is the transparent colour, of one sample or of three; each may be NULL.
 * Returns NULL if there is no memory, or for what this decoder does not make. Everything else ends with raythumbs_end_png. */
EXPORTED Png *raythumbs_begin_png(
    int width, int height, int bits, int type, const uint8_t *palette, bool has_alpha, const uint16_t *clear, int kernel,
    uint8_t *pixels, size_t bytes, int out_width, int out_height)
{
    bool fits = out_width >= 1 && out_height >= 1 && out_width <= width && out_height <= height &&
                width <= LARGEST_SIDE && height <= LARGEST_SIDE;
    bool copies = kernel == COPY && out_width == width && out_height == height;
    if (!fits || !is_known(type, bits) || !(copies || kernel == TRIANGLE || kernel == LANCZOS))
        return NULL;
    Png *png = calloc(1, sizeof *png);
    if (!png)
        return NULL;
    Head *head = &png->head;
    *head = (Head){.width = width, .height = height, .bits = bits, .type = type, .has_clear = clear != NULL};
    head->has_alpha = clear || (type & GREY_ALPHA) || (type == PALETTE && has_alpha);
    if (palette)
        memcpy(head->palette, palette, sizeof head->palette);
    if (clear)
        memcpy(head->clear, clear, type == RGB ? sizeof head->clear : sizeof *head->clear);
    size_t needed = (size_t)out_width * (size_t)out_height * (samples_of(head) == ONE ? 1 : 4);
    if (bytes == needed && set_up(png, kernel, (Size){out_width, out_height}, pixels))
        return png;
    raythumbs_end_png(png);
    return NULL;
}

/* Hands the next row on. The one behind it is below it. */
static void put_row(Png *png)
{
    take_row(png->resampler, expand(&png->head, png->lines[1], png->expanded));
    uint8_t *above = png->lines[0];
    memmove(png->lines, png->lines + 1, MOST_TOGETHER * sizeof *png->lines);
    png->lines[MOST_TOGETHER] = above;
    png->rows++;
}

/* Makes a row of its filtered bytes, which the byte of its filter precedes. Returns false for an unknown filter. */
static bool make_row(Png *png, const uint8_t *filtered)
{
    if (*filtered >= FILTERS)
        return false;
    unfilter(*filtered, png->lines[1], filtered + 1, png->lines[0], png->bytes, png->step);
    put_row(png);
    return true;
}

/* Makes as many rows as the data has in full. Returns the bytes that they took; SIZE_MAX for an unknown filter. */
static size_t make_whole_rows(Png *png, const uint8_t *data, size_t size)
{
    size_t needed = 1 + png->bytes, whole = size / needed, left = (size_t)(png->head.height - png->rows);
    size_t rows = whole < left ? whole : left;
    for (size_t row = 0; row < rows;) {
        const uint8_t *filtered = data + row * needed;
        size_t made = unfilter_together(png->lines, rows - row, filtered, png->bytes, png->step);
        row += made ? made : 1;
        if (!made && !make_row(png, filtered))
            return SIZE_MAX;
        for (; made; made--)
            put_row(png);
    }
    return rows * needed;
}

/* Takes the next bytes of the unpacked data. Returns false for an unknown filter, and for more data than the rows have. */
EXPORTED bool raythumbs_take_png(Png *png, const uint8_t *data, size_t size)
{
    size_t needed = 1 + png->bytes;
    if (png->there) {
        size_t taken = needed - png->there < size ? needed - png->there : size;
        memcpy(png->partial + png->there, data, taken);
        png->there += taken;
        data += taken;
        size -= taken;
        if (png->there < needed)
            return true;
        png->there = 0;
        if (!make_row(png, png->partial))
            return false;
    }
    size_t taken = make_whole_rows(png, data, size);
    if (taken == SIZE_MAX || (taken < size && png->rows == png->head.height))
        return false;
    png->there = size - taken;
    memcpy(png->partial, data + taken, png->there);
    return true;
}
