/* Reverses the filters of rows (Portable Network Graphics, third edition, 9). Arithmetic is modulo 256.
 *
 * Average and Paeth need the pixel before, so one pixel is made at a time, all its samples at once. The last pixels of a row
 * are made sample by sample: no byte behind the filtered row is read. */
#include <string.h>

#include "lanes.h"
#include "png.h"

INLINE uint32_t word_at(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

INLINE void put_word(uint8_t *bytes, uint32_t word) { memcpy(bytes, &word, sizeof word); }

INLINE Shorts8 load(const uint8_t *bytes, size_t step)
{
    Bytes8 eight = {0};
    memcpy(&eight, bytes, step <= 4 ? 4 : 8);
    return __builtin_convertvector(eight, Shorts8);
}

INLINE void store(uint8_t *bytes, Shorts8 samples, size_t step)
{
    Bytes8 eight = __builtin_convertvector(samples, Bytes8);
    memcpy(bytes, &eight, step <= 4 ? 4 : 8);
}

/* Returns filtered samples plus the neighbour that is nearest to left + up - corner: of equally near ones left, then up. That is
 * the larger of left and up if the corner is far below both, the smaller one if it is far above both, and else the corner. Each
 * pixel waits for the one before: so the fewest steps in a row count, and sums are made before it is known which one is needed. */
INLINE Shorts8 unfiltered(Shorts8 filtered, Shorts8 left, Shorts8 up, Shorts8 corner)
{
    Shorts8 least = smaller(left, up), most = larger(left, up), middle = corner * 3 - left - up;
    Shorts8 is_above = middle > least, is_below = most > middle;
    least = (least + filtered) & 255;
    most = (most + filtered) & 255;
    corner = (corner + filtered) & 255;
    Shorts8 other = (corner & is_below) | (least & ~is_below);
    return (other & is_above) | (most & ~is_above);
}

INLINE int nearest_sample(int left, int up, int corner)
{
    int to_left = up > corner ? up - corner : corner - up, to_up = left > corner ? left - corner : corner - left;
    int to_corner = left + up - 2 * corner;
    to_corner = to_corner < 0 ? -to_corner : to_corner;
    if (to_left <= to_up && to_left <= to_corner)
        return left;
    return to_up <= to_corner ? up : corner;
}

INLINE size_t sub(uint8_t *row, const uint8_t *filtered, size_t bytes, size_t step)
{
    size_t at = 0;
    Shorts8 left = {0};
    for (; at + LARGEST_PIXEL <= bytes; at += step) {
        left += load(filtered + at, step);
        store(row + at, left, step);
    }
    return at;
}

INLINE size_t average(uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    size_t at = 0;
    Shorts8 left = {0};
    for (; at + LARGEST_PIXEL <= bytes; at += step) {
        left = (load(filtered + at, step) + ((left + load(above + at, step)) >> 1)) & 255;
        store(row + at, left, step);
    }
    return at;
}

INLINE size_t paeth(uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    size_t at = 0;
    Shorts8 left = {0}, corner = {0};
    for (; at + LARGEST_PIXEL <= bytes; at += step) {
        Shorts8 up = load(above + at, step);
        left = unfiltered(load(filtered + at, step), left, up, corner);
        store(row + at, left, step);
        corner = up;
    }
    return at;
}

/* Returns the number of bytes that were made. */
INLINE size_t by_pixels(int filter, uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    switch (filter) {
    case 1: return sub(row, filtered, bytes, step);
    case 3: return average(row, filtered, above, bytes, step);
    default: return paeth(row, filtered, above, bytes, step);
    }
}

INLINE size_t by_whole_pixels(
    int filter, uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    switch (step) {
    case 3: return by_pixels(filter, row, filtered, above, bytes, 3);
    case 4: return by_pixels(filter, row, filtered, above, bytes, 4);
    case 6: return by_pixels(filter, row, filtered, above, bytes, 6);
    case 8: return by_pixels(filter, row, filtered, above, bytes, 8);
    default: return 0; /* few samples are as fast one by one */
    }
}

INLINE int predicted(int filter, const uint8_t *row, const uint8_t *above, size_t step)
{
    const uint8_t *left = row - step, *corner = above - step;
    switch (filter) {
    case 1: return *left;
    case 3: return (*left + *above) >> 1;
    default: return nearest_sample(*left, *above, *corner);
    }
}

INLINE void up(uint8_t *restrict row, const uint8_t *restrict filtered, const uint8_t *restrict above, size_t bytes)
{
    for (size_t at = 0; at < bytes; at++)
        row[at] = (uint8_t)(filtered[at] + above[at]);
}

INLINE void unfilter_inline(
    int filter, uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    if (filter == 0)
        memcpy(row, filtered, bytes);
    else if (filter == 2)
        up(row, filtered, above, bytes);
    else
        for (size_t at = by_whole_pixels(filter, row, filtered, above, bytes, step); at < bytes; at++)
            row[at] = (uint8_t)(filtered[at] + predicted(filter, row + at, above + at, step));
}

/* Reverses Paeth's filter of two rows at once, as far as whole pixels go. The second row is a pixel behind the first, so that
 * what it needs of the first is there. The first four numbers are the first row's. Returns the bytes that were made of both. */
INLINE size_t paeth_twice(
    uint8_t *first, uint8_t *second, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    const uint8_t *next = filtered + 1;
    size_t at = 0;
    Shorts8 left = {0}, corner = {0};
    for (; at + LARGEST_PIXEL <= bytes; at += step) {
        Words2 both = {word_at(filtered + at), at ? word_at(next + bytes + at - step) : 0};
        Shorts8 up = (Shorts8)(Halves){((Halves)load(above + at, 4))[0], ((Halves)left)[0]};
        left = unfiltered(__builtin_convertvector((Bytes8)both, Shorts8), left, up, corner);
        Words2 made = (Words2)__builtin_convertvector(left, Bytes8);
        put_word(first + at, made[0]);
        put_word(second - step + at, made[1]);
        corner = up;
    }
    return at;
}

/* Makes the rest of a row sample by sample. */
INLINE void paeth_rest(uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t from, size_t bytes, size_t step)
{
    for (size_t at = from; at < bytes; at++)
        row[at] = (uint8_t)(filtered[at] + predicted(4, row + at, above + at, step));
}

/* Makes both rows of their filtered bytes. */
INLINE void both_inline(
    uint8_t *first, uint8_t *second, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    size_t made = step == 3 ? paeth_twice(first, second, filtered, above, bytes, 3)
                            : paeth_twice(first, second, filtered, above, bytes, 4);
    paeth_rest(first, filtered, above, made, bytes, step);
    paeth_rest(second, filtered + bytes + 1, first, made - step, bytes, step);
}

#if HAS_TWINS
static FOR_AVX2 void unfilter_avx2(
    int filter, uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    unfilter_inline(filter, row, filtered, above, bytes, step);
}

static FOR_AVX2 void both_avx2(
    uint8_t *first, uint8_t *second, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    both_inline(first, second, filtered, above, bytes, step);
}
#else
#define unfilter_avx2 unfilter_inline
#define both_avx2 both_inline
#endif

void unfilter(int filter, uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    if (has_avx2())
        unfilter_avx2(filter, row, filtered, above, bytes, step);
    else
        unfilter_inline(filter, row, filtered, above, bytes, step);
}

bool unfilter_twice(
    uint8_t *first, uint8_t *second, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    if (filtered[0] != 4 || filtered[bytes + 1] != 4 || (step != 3 && step != 4) || bytes < 2 * LARGEST_PIXEL)
        return false;
    if (has_avx2())
        both_avx2(first, second, filtered + 1, above, bytes, step);
    else
        both_inline(first, second, filtered + 1, above, bytes, step);
    return true;
}
