/* Decodes a progressive file (T.81, annex G), which sends each block's coefficients in several scans.
 *
 * Only the coefficients that are needed are kept, for the whole picture. A scan that sends further bits has a bit for each
 * coefficient that is not zero yet, so these are known of all 64. */
#include <string.h>

#include "bits.h"
#include "blocks.h"

enum {
    MOST_SCANS = 100,  /* libjpeg's own script has 10 */
    LONGEST_SHIFT = 13, /* of a value (T.81, B.2.3) */
};

/* A scan at work. */
typedef struct {
    Bits bits;
    const ScanHead *head;
    int means[MOST_COMPONENTS];
    uint32_t empty;                   /* blocks, from the next one on, in which nothing is new */
    int to_restart;
    uint8_t restart;
} Scan;

INLINE int16_t *value_of(Blocks *blocks, size_t block, int k)
{
    return blocks->slots[k] == NOWHERE ? NULL : &blocks->values[block * (size_t)blocks->kept + blocks->slots[k]];
}

INLINE void set(Blocks *blocks, size_t block, int k, int value)
{
    int16_t *kept = value_of(blocks, block, k);
    if (kept)
        *kept = (int16_t)value;
    blocks->known[block] |= (uint64_t)(value != 0) << k;
}

/* Sends a further bit of a coefficient that is not zero: its amount may grow. */
INLINE void refine(Blocks *blocks, size_t block, int k, int low)
{
    int16_t *kept = value_of(blocks, block, k);
    if (kept)
        *kept = (int16_t)(*kept + (*kept < 0 ? -(1 << low) : 1 << low));
}

INLINE bool decode_mean(Scan *scan, const Component *component, Blocks *blocks, size_t block, int number)
{
    fill(&scan->bits);
    if (scan->head->above) {
        if (next_bits(&scan->bits, 1))
            blocks->values[block * (size_t)blocks->kept] |= (int16_t)(1 << scan->head->low);
        return true;
    }
    uint32_t symbol = next_symbol(&scan->bits, component->dc_table);
    int *mean = &scan->means[number];
    *mean += value(&scan->bits, symbol);
    if (!symbol || *mean < -LARGEST_MEAN || *mean > LARGEST_MEAN)
        return false;
    take(&scan->bits, symbol_bits(symbol));
    blocks->values[block * (size_t)blocks->kept] = (int16_t)(*mean * (1 << scan->head->low));
    return true;
}

/* Notes how many blocks a symbol says are empty, this one included. */
INLINE void begin_empty(Scan *scan, uint32_t symbol)
{
    int size = run(symbol) - END_OF_BLOCKS;
    scan->empty = (1u << size) + next_bits(&scan->bits, size);
}

INLINE bool decode_waves(Scan *scan, const Component *component, Blocks *blocks, size_t block)
{
    if (scan->empty) {
        scan->empty--;
        return true;
    }
    for (int k = scan->head->first; k <= scan->head->last; k++) {
        fill(&scan->bits);
        uint32_t symbol = next_symbol(&scan->bits, component->ac_table);
        int read = value(&scan->bits, symbol);
        take(&scan->bits, symbol_bits(symbol));
        if (run(symbol) >= END_OF_BLOCKS) {
            begin_empty(scan, symbol);
            scan->empty--;
            return true;
        }
        k += run(symbol);
        if (!symbol || k > scan->head->last)
            return false;
        if (value_bits(symbol))
            set(blocks, block, k, read * (1 << scan->head->low));
    }
    return true;
}

/* Passes coefficients from `k` on: `zeros` that are zero, and reads a bit for each other one. Returns the place behind. */
INLINE int refine_until(Scan *scan, Blocks *blocks, size_t block, int k, int zeros)
{
    uint64_t in_scan = ~UINT64_C(0) >> (COEFFICIENTS - 1 - scan->head->last);
    for (;;) {
        uint64_t known = k < COEFFICIENTS ? (blocks->known[block] & in_scan) >> k : 0;
        int before = known ? __builtin_ctzll(known) : scan->head->last + 1 - k; /* zeros up to the next one */
        if (before > zeros)
            return k + zeros;
        zeros -= before;
        k += before;
        if (!known)
            return k;
        if (!scan->bits.count)
            fill(&scan->bits);
        if (next_bits(&scan->bits, 1))
            refine(blocks, block, k, scan->head->low);
        k++;
    }
}

INLINE bool refine_waves(Scan *scan, const Component *component, Blocks *blocks, size_t block)
{
    int k = scan->head->first;
    while (!scan->empty && k <= scan->head->last) {
        fill(&scan->bits);
        uint32_t symbol = next_symbol(&scan->bits, component->ac_table);
        int read = value(&scan->bits, symbol);
        take(&scan->bits, symbol_bits(symbol));
        if (run(symbol) >= END_OF_BLOCKS) {
            begin_empty(scan, symbol);
            break;
        }
        if (!symbol || value_bits(symbol) > 1)
            return false;
        k = refine_until(scan, blocks, block, k, run(symbol));
        if (k > scan->head->last)
            return !value_bits(symbol);
        if (value_bits(symbol))
            set(blocks, block, k, read * (1 << scan->head->low));
        k++;
    }
    if (scan->empty) {
        refine_until(scan, blocks, block, k, COEFFICIENTS);
        scan->empty--;
    }
    return true;
}

INLINE bool decode_block(Scan *scan, const Picture *picture, Blocks *all, int number, size_t block)
{
    const Component *component = &picture->components[number];
    if (!scan->head->first)
        return decode_mean(scan, component, &all[number], block, number);
    if (scan->head->above)
        return refine_waves(scan, component, &all[number], block);
    return decode_waves(scan, component, &all[number], block);
}

/* Decodes an MCU of a scan of several components. */
INLINE bool decode_mcu(Scan *scan, const Picture *picture, Blocks *all, int row, int column)
{
    for (int n = 0; n < scan->head->count; n++) {
        int number = scan->head->components[n];
        const Component *one = &picture->components[number];
        for (int y = 0; y < one->down; y++)
            for (int x = 0; x < one->across; x++) {
                size_t before = (size_t)(row * one->down + y) * (size_t)all[number].across;
                if (!decode_block(scan, picture, all, number, before + (size_t)(column * one->across + x)))
                    return false;
            }
    }
    return true;
}

static bool pass_restart(Scan *scan, int interval)
{
    if (scan->empty || !at_end(&scan->bits) || !passes(&scan->bits, FIRST_RESTART + scan->restart))
        return false;
    memset(scan->means, 0, sizeof scan->means);
    scan->restart = (scan->restart + 1) & 7;
    scan->to_restart = interval;
    return true;
}

INLINE bool decode_data_inline(Scan *scan, const Picture *picture, Blocks *all)
{
    const Blocks *only = scan->head->count == 1 ? &all[scan->head->components[0]] : NULL;
    int rows = only ? only->own_down : mcus_down(picture), columns = only ? only->own_across : mcus_across(picture);
    for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
            if (picture->restart_interval && scan->to_restart-- == 0
                && !pass_restart(scan, picture->restart_interval - 1))
                return false;
            size_t block = only ? (size_t)row * (size_t)only->across + (size_t)column : 0;
            if (only ? !decode_block(scan, picture, all, scan->head->components[0], block)
                     : !decode_mcu(scan, picture, all, row, column))
                return false;
        }
        if (!is_sound(&scan->bits))
            return false;
    }
    return !scan->empty && at_end(&scan->bits);
}

static bool decode_data(Scan *scan, const Picture *picture, Blocks *all)
{
    return decode_data_inline(scan, picture, all);
}

#if HAS_TWINS
static FOR_AVX2 bool decode_data_avx2(Scan *scan, const Picture *picture, Blocks *all)
{
    return decode_data_inline(scan, picture, all);
}
#else
#define decode_data_avx2 decode_data
#endif

/* Returns whether the scan keeps the rules of the standard (T.81, G.1.1.1), and notes what it sends. */
static bool follows(const ScanHead *head, Blocks *all)
{
    bool is_mean = head->first == 0;
    if (head->last >= COEFFICIENTS || head->first > head->last || is_mean != (head->last == 0))
        return false;
    if ((!is_mean && head->count > 1) || head->low > LONGEST_SHIFT)
        return false;
    for (int n = 0; n < head->count; n++)
        for (int k = head->first; k <= head->last; k++) {
            int *low = &all[head->components[n]].low[k];
            bool is_next = head->above ? *low == head->above && head->low == head->above - 1 : *low == NEVER_SENT;
            if (!is_next)
                return false;
            *low = head->low;
        }
    return true;
}

static bool prepare_tables(Picture *picture)
{
    const ScanHead *head = &picture->scan;
    for (int n = 0; n < head->count; n++) {
        Component *one = &picture->components[head->components[n]];
        Huffman *dc = &picture->huffman[0][one->dc], *ac = &picture->huffman[1][one->ac];
        if (head->first ? !prepare(ac, true) : !head->above && !prepare(dc, true))
            return false;
        one->dc_table = dc;
        one->ac_table = ac;
    }
    return true;
}

static bool decode_one_scan(Picture *picture, Blocks *all)
{
    if (!follows(&picture->scan, all) || !prepare_tables(picture))
        return false;
    Feed feed = {.next = picture->at, .end = picture->end};
    Scan scan = {.bits = bits_of(&feed), .head = &picture->scan, .to_restart = picture->restart_interval};
    bool is_whole = (has_avx2() ? decode_data_avx2 : decode_data)(&scan, picture, all);
    picture->at = feed.next;
    return is_whole;
}

static Outcome decode_all(Picture *picture, Blocks *all, Output output, bool is_part)
{
    Next next = A_SCAN;
    for (int scans = 0; next == A_SCAN; scans++) {
        if (scans == MOST_SCANS || !decode_one_scan(picture, all))
            return LEFT_TO_OTHERS;
        next = read_segments(picture);
    }
    if (next != THE_END || !(is_part || are_complete(all, picture->count)))
        return LEFT_TO_OTHERS;
    put_blocks(picture, all, output);
    return DECODED;
}

Outcome decode_progressive(Picture *picture, Output output, bool is_part)
{
    Blocks all[MOST_COMPONENTS] = {0};
    Outcome outcome = allocate_blocks(picture, all) ? decode_all(picture, all, output, is_part) : NO_MEMORY;
    free_blocks(all);
    return outcome;
}
