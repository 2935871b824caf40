/* Huffman tables that are asked for several bits at a time. */
#include "bits.h"
#include "decoder.h"

/* Numbers the codes (T.81, C.2). The rules are libjpeg's (jdhuff.c): no code is all ones. Values have no more bits than
 * those of 8-bit samples. */
static bool number_codes(Huffman *huffman)
{
    uint32_t code = 0;
    int count = 0;
    for (int n = 1; n <= LONGEST_CODE; n++) {
        huffman->offsets[n] = count - (int32_t)code;
        code += huffman->counts[n];
        count += huffman->counts[n];
        huffman->ends[n] = code << (LONGEST_CODE - n);
        if (huffman->counts[n] && code >= 1u << n)
            return false;
        code <<= 1;
    }
    for (int n = 0; n < count; n++) {
        int byte = huffman->bytes[n];
        if (huffman->is_ac ? (byte & 15) > LONGEST_AC : byte > LONGEST_DC)
            return false;
    }
    return count > 0;
}

/* Returns the value behind a code for its entry, if all its bits are among these. */
INLINE uint32_t value_in(uint32_t bits, uint32_t symbol)
{
    int size = value_bits(symbol), after = LOOK_BITS - symbol_bits(symbol);
    if (!size || after < 0)
        return 0;
    int value = (int)(bits >> after & ((1u << size) - 1));
    return (uint32_t)(value >> (size - 1) ? value : value + 1 - (1 << size)) << 16;
}

/* Fills `symbols`. The codes of a length follow each other, and those of the next length follow them. */
static void fill_symbols(Huffman *huffman)
{
    uint32_t at = 0, code = 0;
    for (int n = 1; n <= LOOK_BITS; n++, code <<= 1)
        for (int left = huffman->counts[n]; left > 0; left--, code++) {
            uint32_t symbol = symbol_for(huffman, code, n);
            for (uint32_t end = at + (1u << (LOOK_BITS - n)); at < end; at++)
                huffman->symbols[at] = symbol | value_in(at, symbol);
        }
    memset(huffman->symbols + at, 0, (LOOKS - at) * sizeof *huffman->symbols);
}

/* Returns the first symbol of `length` bits, or 0 if its code is longer than they are, or than LOOK_BITS. */
INLINE uint32_t first_symbol(const Huffman *huffman, uint32_t bits, int length)
{
    uint32_t symbol = huffman->symbols[length < LOOK_BITS ? bits << (LOOK_BITS - length) : bits >> (length - LOOK_BITS)];
    return symbol_bits(symbol) - value_bits(symbol) <= length ? symbol : 0;
}

/* Returns the entry of `skips` for the next `length` bits. The entries for fewer bits are there already. */
INLINE uint16_t skip_entry(const Huffman *huffman, uint32_t bits, int length)
{
    uint32_t symbol = first_symbol(huffman, bits, length);
    int used = symbol_bits(symbol), left = length - used, advance = run(symbol) + 1;
    if (!symbol || used > MOST_SKIPPED_BITS)
        return skip_of(0, SKIPS_NOTHING);
    if (run(symbol) == END_OF_BLOCK)
        return skip_of(used, ENDS_BLOCK);
    if (left <= 0)
        return skip_of(used, advance);
    uint16_t rest = huffman->skips[(1 << left) + (bits & ((1u << left) - 1))];
    bool is_short = used + skipped_bits(rest) <= MOST_SKIPPED_BITS;
    bool is_inside = advance + (skipped(rest) & ~ENDS_BLOCK) < COEFFICIENTS;
    if (skipped(rest) == SKIPS_NOTHING || !is_short || !is_inside)
        return skip_of(used, advance);
    return skip_of(used + skipped_bits(rest), advance + skipped(rest));
}

static void fill_skips(Huffman *huffman)
{
    for (int length = 1; length <= SKIP_BITS; length++)
        for (uint32_t bits = 0; bits < 1u << length; bits++)
            huffman->skips[(1u << length) + bits] = skip_entry(huffman, bits, length);
}

bool prepare(Huffman *huffman, bool is_progressive)
{
    if (huffman->is_ready)
        return true;
    huffman->is_progressive = is_progressive;
    if (!huffman->is_set || !number_codes(huffman))
        return false;
    fill_symbols(huffman);
    if (huffman->is_ac && !is_progressive)
        fill_skips(huffman);
    huffman->is_ready = true;
    return true;
}
