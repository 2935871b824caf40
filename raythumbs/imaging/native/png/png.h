/* The parts of the PNG decoder, and what they hand to one another. See decode.c for the whole.
 *
 * PNG is the Portable Network Graphics specification, third edition. */
#ifndef RAYTHUMBS_PNG_H
#define RAYTHUMBS_PNG_H

#include "../resample.h"

enum {
    LARGEST_PIXEL = 8,  /* bytes of four samples of 16 bits */
    MOST_TOGETHER = 4,  /* rows that are made at once */
    MARGIN = 16,        /* zeros before a row: the last of rows that are made at once begins three pixels late */
    PALETTE_ENTRIES = 256,
    FILTERS = 5,        /* the kinds of filters: none, Sub, Up, Average, Paeth (9.2) */
};

/* The colour types (11.2.1). */
typedef enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6 } Type;

/* The head of a PNG, and what follows from it. */
typedef struct {
    int width, height, bits;
    Type type;
    bool has_alpha;         /* whether any pixel may be transparent */
    bool has_clear;         /* whether one colour is transparent: `clear` (11.3.1.1) */
    uint16_t clear[3];
    uint8_t palette[PALETTE_ENTRIES][4];
} Head;

/* Reverses the filter of a row (9.2). `row` and `above` have MARGIN zeros before them; `step` is the bytes of a pixel, at least 1.
 * `filtered` is read up to `bytes`, the others up to LARGEST_PIXEL beyond. */
void unfilter(int filter, uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step);

/* Does the same for the next two or four rows at once, where that is faster. `rows[0]` is the row above them; `there` is how many
 * filtered rows are there, each behind the byte of its filter. Returns the number of rows that were made; 0 for none. */
size_t unfilter_together(uint8_t *const rows[], size_t there, const uint8_t *filtered, size_t bytes, size_t step);

/* The samples of a pixel as `expand` gives them. */
Samples samples_of(const Head *head);

/* Returns the row's pixels with 8 bits a sample: the row itself if it has them, and else `into`. */
const uint8_t *expand(const Head *head, const uint8_t *row, uint8_t *into);

#endif
