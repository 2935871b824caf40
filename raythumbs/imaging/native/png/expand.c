/* Turns a row of any kind into pixels of 8 bits a sample, as Pillow and raythumbs/imaging/colour.py do: of 16 bits of a
 * colour the first 8 are kept, while grey is rounded. One transparent colour is compared by all bits. */
#include <string.h>

#include "png.h"

enum { OPAQUE = 255, WIDE = 16 };

Samples samples_of(const Head *head)
{
    if (head->has_alpha)
        return FOUR_SAMPLES;
    return head->type == GREY ? ONE : THREE;
}

static int wide_at(const uint8_t *samples) { return samples[0] << 8 | samples[1]; }

/* Returns 16 bits as 8, rounded: 65535 is 257 times 255. */
static int rounded(int wide) { return (2 * wide + 257) / 514; }

static void put(uint8_t *pixel, int red, int green, int blue, int alpha)
{
    pixel[0] = (uint8_t)red;
    pixel[1] = (uint8_t)green;
    pixel[2] = (uint8_t)blue;
    pixel[3] = (uint8_t)alpha;
}

/* Returns the sample of a row with 1, 2, 4 or 8 bits a sample. */
INLINE int narrow_at(const uint8_t *row, int x, int bits)
{
    int in_byte = 8 / bits, shift = (in_byte - 1 - x % in_byte) * bits;
    return row[x / in_byte] >> shift & ((1 << bits) - 1);
}

INLINE void expand_grey(const Head *head, const uint8_t *row, uint8_t *into, int bits)
{
    int factor = bits <= 8 ? OPAQUE / ((1 << bits) - 1) : 1;
    for (int x = 0; x < head->width; x++) {
        int sample = bits == WIDE ? wide_at(row + 2 * x) : narrow_at(row, x, bits);
        int grey = bits == WIDE ? rounded(sample) : sample * factor;
        if (head->has_clear)
            put(into + 4 * (size_t)x, grey, grey, grey, sample == head->clear[0] ? 0 : OPAQUE);
        else
            into[x] = (uint8_t)grey;
    }
}

/* Without alpha, each pixel comes over the fourth byte of the one before; there is room for that of the last one. */
INLINE void expand_palette(const Head *head, const uint8_t *row, uint8_t *into, int bits)
{
    int samples = samples_of(head);
    for (int x = 0; x < head->width; x++, into += samples)
        memcpy(into, head->palette[narrow_at(row, x, bits)], 4);
}

/* A constant number of bits makes these loops fast. */
static void expand_narrow(const Head *head, const uint8_t *row, uint8_t *into)
{
    bool grey = head->type == GREY;
    switch (head->bits) {
    case 1: (grey ? expand_grey : expand_palette)(head, row, into, 1); break;
    case 2: (grey ? expand_grey : expand_palette)(head, row, into, 2); break;
    case 4: (grey ? expand_grey : expand_palette)(head, row, into, 4); break;
    case 8: (grey ? expand_grey : expand_palette)(head, row, into, 8); break;
    default: expand_grey(head, row, into, WIDE); break;
    }
}

static void expand_grey_alpha(const Head *head, const uint8_t *row, uint8_t *into)
{
    size_t wide = head->bits == WIDE ? 2 : 1;
    for (int x = 0; x < head->width; x++, row += 2 * wide, into += 4)
        put(into, row[0], row[0], row[0], row[wide]);
}

static void narrow(const uint8_t *row, uint8_t *into, size_t samples)
{
    for (size_t n = 0; n < samples; n++)
        into[n] = row[2 * n];
}

static void expand_clear_rgb(const Head *head, const uint8_t *row, uint8_t *into)
{
    size_t wide = head->bits == WIDE ? 2 : 1;
    for (int x = 0; x < head->width; x++, row += 3 * wide, into += 4) {
        bool is_clear = true;
        for (size_t n = 0; n < 3; n++)
            is_clear = is_clear && (wide == 2 ? wide_at(row + 2 * n) : row[n]) == head->clear[n];
        put(into, row[0], row[wide], row[2 * wide], is_clear ? 0 : OPAQUE);
    }
}

const uint8_t *expand(const Head *head, const uint8_t *row, uint8_t *into)
{
    bool is_as_it_is = head->bits == 8 && !head->has_clear;
    if (is_as_it_is && (head->type == GREY || head->type == RGB || head->type == RGB_ALPHA))
        return row;
    switch (head->type) {
    case GREY:
    case PALETTE: expand_narrow(head, row, into); break;
    case GREY_ALPHA: expand_grey_alpha(head, row, into); break;
    case RGB_ALPHA: narrow(row, into, 4 * (size_t)head->width); break;
    case RGB:
        if (head->has_clear)
            expand_clear_rgb(head, row, into);
        else
            narrow(row, into, 3 * (size_t)head->width);
        break;
    }
    return into;
}
