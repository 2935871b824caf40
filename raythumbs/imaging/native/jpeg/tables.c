/* Huffman tables that are asked for several bits at a time. */
#include "bits.h"
#include "decoder.h"

/* Returns the first symbol of the `length` bits in `bits`, or 0 if its code is longer. */
static uint16_t first_symbol(const Huffman *huffman, uint32_t bits, int length)
{
    uint32_t sixteen = bits << (LONGEST_CODE - length);
    for (int n = 1; n <= length; n++)
        if (sixteen < huffman->ends[n])
            return symbol_for(huffman, bits >> (length - n), n);
    return 0;
}

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

/* Returns the entry of `skips` for the next `length` bits. The entries for fewer bits are there already. */
static uint16_t skip_entry(const Huffman *huffman, uint32_t bits, int length)
{
    uint16_t symbol = first_symbol(huffman, bits, length);
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

bool prepare(Huffman *huffman, bool is_progressive)
{
    if (huffman->is_ready)
        return true;
    huffman->is_progressive = is_progressive;
    if (!huffman->is_set || !number_codes(huffman))
        return false;
    for (uint32_t bits = 0; bits < LOOKS; bits++)
        huffman->symbols[bits] = first_symbol(huffman, bits, LOOK_BITS);
    for (int length = 1; huffman->is_ac && !is_progressive && length <= SKIP_BITS; length++)
        for (uint32_t bits = 0; bits < 1u << length; bits++)
            huffman->skips[(1u << length) + bits] = skip_entry(huffman, bits, length);
    huffman->is_ready = true;
    return true;
}
