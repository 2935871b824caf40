/* Decodes a scan: the coefficients that are needed of each block, then their pixels, then colours, row by row.
 *
 * Nearly all time goes into coded coefficients, and a thumbnail needs few of them. The others are passed over, several
 * with each look into a table. */
#include <stdlib.h>

#include "bits.h"
#include "pixels.h"

enum {
    SKIPS_A_FILL = 3,       /* entries that a fill is enough for */
    SYMBOLS_A_FILL = 2,
};
_Static_assert(SKIPS_A_FILL * MOST_SKIPPED_BITS <= FILLED, "too many entries for a fill");
_Static_assert(SYMBOLS_A_FILL * (LONGEST_CODE + LONGEST_AC) <= FILLED, "too many symbols for a fill");

/* A block of an MCU: its component, and where its pixels begin in the first MCU of a row. */
typedef struct {
    const Component *component;
    size_t offset;
    int number;
} Place;

/* Passes over the rest of a block, whose next coefficient is `k`. Returns false if the data is broken.
 *
 * `passed` adds up entries: coefficients, and below them the bits since the last fill. */
INLINE bool skip_rest(Bits *from, const Huffman *huffman, int k)
{
    const uint16_t *skips = huffman->skips + SKIPS;
    uint32_t passed = skip_of(0, k), entry = 0;
    while (passed < WHOLE_BLOCK) {
        fill(from);
        for (int n = 0; n < SKIPS_A_FILL; n++) {
            entry = skips[look(from, SKIP_BITS)];
            if (passed + entry >= WHOLE_BLOCK)
                break;
            from->bits <<= entry & 63;
            passed += entry;
            entry = 0;
        }
        from->count -= skipped_bits(passed);
        passed = skip_of(0, skipped(passed));
        if (!entry)
            continue;
        int after = skipped(passed + entry);
        if (after == COEFFICIENTS || (after >= ENDS_BLOCK && after < ENDS_BLOCK + COEFFICIENTS)) {
            take(from, skipped_bits(entry));
            return true;
        }
        fill(from); /* the entry is of no use, or has symbols of the next block */
        uint32_t symbol = next_symbol(from, huffman);
        if (!symbol)
            return false;
        take(from, symbol_bits(symbol));
        if (run(symbol) == END_OF_BLOCK)
            return true;
        passed += skip_of(0, run(symbol) + 1);
    }
    return skipped(passed) == COEFFICIENTS;
}

/* Decodes a block's needed coefficients. Returns how many were looked at, or 0 if the data is broken. */
INLINE int decode_block(Bits *from, const Component *component, int *mean, int32_t *block)
{
    fill(from);
    uint32_t symbol = next_symbol(from, component->dc_table);
    *mean += value(from, symbol);
    if (!symbol || *mean < -LARGEST_MEAN || *mean > LARGEST_MEAN)
        return 0;
    take(from, symbol_bits(symbol));
    block[0] = *mean * component->steps[0];
    int k = 1;
    while (k <= component->last) {
        fill(from);
        for (int n = 0; n < SYMBOLS_A_FILL && k <= component->last; n++) {
            symbol = next_symbol(from, component->ac_table);
            k += run(symbol);
            if (k >= COEFFICIENTS || !symbol) {
                take(from, symbol_bits(symbol));
                return run(symbol) == END_OF_BLOCK ? k - END_OF_BLOCK : 0;
            }
            block[component->places[k]] = value(from, symbol) * component->steps[k];
            take(from, symbol_bits(symbol));
            k++;
        }
    }
    return skip_rest(from, component->ac_table, k) ? k : 0;
}

/* Lists the blocks of an MCU. */
static int list_blocks(const Picture *picture, Place *places)
{
    int count = 0;
    for (int number = 0; number < picture->count; number++) {
        const Component *one = &picture->components[number];
        for (int y = 0; y < one->down; y++)
            for (int x = 0; x < one->across; x++)
                places[count++] = (Place){one, (size_t)y * one->height * one->stride + (size_t)x * one->width, number};
    }
    return count;
}

/* What of a scan goes on from MCU to MCU. */
typedef struct {
    Bits bits;
    int means[MOST_COMPONENTS];
    int to_restart;              /* MCUs */
    uint8_t restart;             /* the number of the next one, 0 to 7 */
} Scan;

static bool pass_restart(Scan *scan, int interval)
{
    if (!at_end(&scan->bits) || !passes(&scan->bits, FIRST_RESTART + scan->restart))
        return false;
    memset(scan->means, 0, sizeof scan->means);
    scan->restart = (scan->restart + 1) & 7;
    scan->to_restart = interval;
    return true;
}

/* Decodes the MCUs of a row into the components' planes. */
INLINE bool decode_row_inline(Scan *scan, const Picture *picture, const Place *places, int blocks, int mcus)
{
    int32_t decoded[MOST_BLOCKS][COEFFICIENTS + 1] = {{0}};
    int seen[MOST_BLOCKS];
    Bits from = scan->bits;
    for (int mcu = 0; mcu < mcus; mcu++) {
        if (picture->restart_interval && scan->to_restart-- == 0) {
            scan->bits = from;
            if (!pass_restart(scan, picture->restart_interval - 1))
                return false;
            from = scan->bits;
        }
        for (int at = 0; at < blocks; at++) {
            seen[at] = decode_block(&from, places[at].component, &scan->means[places[at].number], decoded[at]);
            if (!seen[at])
                return false;
        }
        for (int at = 0; at < blocks; at++) {
            const Component *one = places[at].component;
            float *samples = one->plane + places[at].offset + (size_t)mcu * one->across * one->width;
            put_samples(one, decoded[at], seen[at], samples);
        }
    }
    scan->bits = from;
    return is_sound(&from);
}

typedef bool DecodeRow(Scan *, const Picture *, const Place *, int blocks, int mcus);

static bool decode_row(Scan *scan, const Picture *picture, const Place *places, int blocks, int mcus)
{
    return decode_row_inline(scan, picture, places, blocks, mcus);
}

#if HAS_TWINS
static FOR_AVX2 bool decode_row_avx2(Scan *scan, const Picture *picture, const Place *places, int blocks, int mcus)
{
    return decode_row_inline(scan, picture, places, blocks, mcus);
}
#define FITTING_DECODE_ROW (has_avx2() ? decode_row_avx2 : decode_row)
#else
#define FITTING_DECODE_ROW decode_row
#endif

/* Makes the tables of all components. */
static bool prepare_tables(Picture *picture)
{
    for (int n = 0; n < picture->count; n++) {
        Component *one = &picture->components[n];
        Huffman *dc = &picture->huffman[0][one->dc], *ac = &picture->huffman[1][one->ac];
        if (!prepare(dc, false) || !prepare(ac, false))
            return false;
        one->dc_table = dc;
        one->ac_table = ac;
    }
    return true;
}

Outcome decode_scan(Picture *picture, Output output)
{
    const ScanHead *head = &picture->scan;
    if (head->count != picture->count || head->first || head->last != COEFFICIENTS - 1 || head->above || head->low)
        return LEFT_TO_OTHERS;
    if (!prepare_tables(picture))
        return LEFT_TO_OTHERS;
    DecodeRow *decode_row_of = FITTING_DECODE_ROW;
    Place places[MOST_BLOCKS];
    int blocks = list_blocks(picture, places), mcus = mcus_across(picture), rows = mcus_down(picture);
    Feed feed = {.next = picture->at, .end = picture->end};
    Scan scan = {.bits = bits_of(&feed), .to_restart = picture->restart_interval};
    for (int row = 0; row < rows; row++) {
        if (!decode_row_of(&scan, picture, places, blocks, mcus))
            return LEFT_TO_OTHERS;
        convert_mcus(picture, row, output);
    }
    if (!at_end(&scan.bits))
        return LEFT_TO_OTHERS;
    if (at_end_of_file(&feed))
        return DECODED_WITHOUT_END;
    return passes(&scan.bits, END_OF_IMAGE) ? DECODED : LEFT_TO_OTHERS;
}
