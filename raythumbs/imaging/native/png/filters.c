/* Reverses the filters of rows (Portable Network Graphics, third edition, 9). Arithmetic is modulo 256.
 *
 * Average and Paeth need the pixel before, so one pixel is made at a time, all its samples at once. The last pixels of a row
 * are made sample by sample: no byte behind the filtered row is read. */
#include <string.h>

#include "lanes.h"
#include "png.h"

enum { PAETH = 4, PAIRS = 2, LEAST_TOGETHER = 32 };

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

/* Reverses Paeth's filter of two rows, or of four, at once, as far as whole pixels go. Each row is a pixel behind the one above,
 * so that what it needs of that one is there. A pair of rows is in one vector: the first four numbers are the upper row's.
 * `rows[0]` is the row above them. Returns the bytes that were made of the first of them. */
INLINE size_t paeth_together(uint8_t *const rows[], const uint8_t *filtered, size_t bytes, size_t step, size_t pairs)
{
    size_t at = 0;
    Shorts8 left[PAIRS] = {0}, corner[PAIRS] = {0};
    for (; at + LARGEST_PIXEL <= bytes; at += step) {
        Halves from_above = (Halves)load(rows[0] + at, 4);
        uint64_t carried = from_above[0];
        for (size_t pair = 0; pair < pairs; pair++) {
            const uint8_t *upper = filtered + 2 * pair * (bytes + 1), *lower = upper + bytes + 1;
            size_t behind = 2 * pair * step;
            Words2 both = {at >= behind ? word_at(upper + at - behind) : 0,
                           at > behind ? word_at(lower + at - behind - step) : 0};
            Halves before = (Halves)left[pair];
            Shorts8 up = (Shorts8)(Halves){carried, before[0]};
            carried = before[1];
            left[pair] = unfiltered(__builtin_convertvector((Bytes8)both, Shorts8), left[pair], up, corner[pair]);
            corner[pair] = up;
            Words2 made = (Words2)__builtin_convertvector(left[pair], Bytes8);
            put_word(rows[2 * pair + 1] - behind + at, made[0]);
            put_word(rows[2 * pair + 2] - behind - step + at, made[1]);
        }
    }
    return at;
}

/* Makes the rest of a row sample by sample. */
INLINE void paeth_rest(uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t from, size_t bytes, size_t step)
{
    for (size_t at = from; at < bytes; at++)
        row[at] = (uint8_t)(filtered[at] + predicted(PAETH, row + at, above + at, step));
}

/* Makes so many rows of their filtered bytes. */
INLINE void together_inline(uint8_t *const rows[], size_t count, const uint8_t *filtered, size_t bytes, size_t step)
{
    size_t made;
    if (count == MOST_TOGETHER)
        made = step == 3 ? paeth_together(rows, filtered, bytes, 3, PAIRS) : paeth_together(rows, filtered, bytes, 4, PAIRS);
    else
        made = step == 3 ? paeth_together(rows, filtered, bytes, 3, 1) : paeth_together(rows, filtered, bytes, 4, 1);
    for (size_t row = 0; row < count; row++)
        paeth_rest(rows[row + 1], filtered + row * (bytes + 1), rows[row], made - row * step, bytes, step);
}

#if HAS_TWINS
static FOR_AVX2 void unfilter_avx2(
    int filter, uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    unfilter_inline(filter, row, filtered, above, bytes, step);
}

static FOR_AVX2 void together_avx2(
    uint8_t *const rows[], size_t count, const uint8_t *filtered, size_t bytes, size_t step)
{
    together_inline(rows, count, filtered, bytes, step);
}
#else
#define unfilter_avx2 unfilter_inline
#define together_avx2 together_inline
#endif

void unfilter(int filter, uint8_t *row, const uint8_t *filtered, const uint8_t *above, size_t bytes, size_t step)
{
    if (has_avx2())
        unfilter_avx2(filter, row, filtered, above, bytes, step);
    else
        unfilter_inline(filter, row, filtered, above, bytes, step);
}

size_t unfilter_together(uint8_t *const rows[], size_t there, const uint8_t *filtered, size_t bytes, size_t step)
{
    size_t count = 0;
    while (count < there && count < MOST_TOGETHER && filtered[count * (bytes + 1)] == PAETH)
        count++;
    count = count == MOST_TOGETHER ? count : count / 2 * 2;
    if (!count || (step != 3 && step != 4) || bytes < LEAST_TOGETHER)
        return 0;
    if (has_avx2())
        together_avx2(rows, count, filtered + 1, bytes, step);
    else
        together_inline(rows, count, filtered + 1, bytes, step);
    return count;
}
