/* Reads the coded data of a scan, a symbol or several at a time. */
#ifndef RAYTHUMBS_BITS_H
#define RAYTHUMBS_BITS_H

#include <string.h>

#include "decoder.h"

/* --- the entries of a Huffman table's two look-up tables */

/* An entry of `symbols`: the bits of a code and of the value behind it, the bits of the value alone, and how many zeros
 * come before it (or END_OF_BLOCK; or, in a progressive file, END_OF_BLOCKS and a number of bits that follow). 0: the code
 * is longer than LOOK_BITS. */
enum { END_OF_BLOCK = 63, END_OF_BLOCKS = 48 };
INLINE uint16_t symbol_of(int bits, int size, int run) { return (uint16_t)(run << 10 | size << 6 | bits); }
INLINE int symbol_bits(uint16_t symbol) { return symbol & 63; }
INLINE int value_bits(uint16_t symbol) { return symbol >> 6 & 15; }
INLINE int run(uint16_t symbol) { return symbol >> 10; }

/* An entry of `skips`: the bits of as many whole symbols as fit, and by how much they advance in the block. */
enum { ENDS_BLOCK = 128, SKIPS_NOTHING = 255, MOST_SKIPPED_BITS = 18 };
INLINE uint16_t skip_of(int bits, int advance) { return (uint16_t)(advance << 8 | bits); }
INLINE int skipped_bits(uint16_t entry) { return entry & 63; }
INLINE int skipped(uint16_t entry) { return entry >> 8; }

/* Returns the symbol of a code of `code_bits` bits. */
INLINE uint16_t symbol_for(const Huffman *huffman, uint32_t code, int code_bits)
{
    int byte = huffman->bytes[(int32_t)code + huffman->offsets[code_bits]];
    int size = byte & 15, zeros = byte >> 4;
    if (!huffman->is_ac || size || zeros == 15)
        return symbol_of(code_bits + size, size, zeros);
    return symbol_of(code_bits, 0, huffman->is_progressive ? END_OF_BLOCKS + zeros : END_OF_BLOCK);
}

/* --- the bits */

enum { FILLED = 56 }; /* the least number of bits after a fill */

/* `bits` has the next `count` bits of the data in its high bits. Where the data ends, zeros follow, which `missing`
 * counts. The bits below `count` are those that come next, or zero. */
typedef struct {
    const uint8_t *at, *end;
    uint64_t bits;
    int count, missing;
} Bits;

INLINE uint64_t next_word(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return __builtin_bswap64(word); /* this library is built for little-endian machines only */
}

INLINE bool has_byte_ff(uint64_t word)
{
    return ((~word - 0x0101010101010101u) & word & 0x8080808080808080u) != 0;
}

/* Takes one byte of data at a time: an FF is data if 00 follows, and else a marker, which ends the data. */
static __attribute__((noinline)) Bits filled_slowly(Bits from)
{
    while (from.count < FILLED) {
        uint64_t byte = 0;
        if (from.at < from.end && (*from.at != 0xff || (from.end - from.at > 1 && from.at[1] == 0))) {
            byte = *from.at;
            from.at += byte == 0xff ? 2 : 1;
        } else {
            from.missing += 8;
        }
        from.bits |= byte << (56 - from.count);
        from.count += 8;
    }
    return from;
}

/* Makes sure that there are FILLED bits. */
INLINE void fill(Bits *from)
{
    if (from->end - from->at >= 8) {
        uint64_t word = next_word(from->at);
        if (__builtin_expect(!has_byte_ff(word), 1)) {
            from->bits |= word >> from->count;
            from->at += (63 - from->count) >> 3;
            from->count |= FILLED;
            return;
        }
    }
    *from = filled_slowly(*from);
}

INLINE void take(Bits *from, int count)
{
    from->bits <<= count;
    from->count -= count;
}

INLINE uint32_t look(const Bits *from, int count)
{
    return (uint32_t)(from->bits >> (64 - count));
}

/* Takes the next bits, of which there must be enough, and returns them. `count` is 0 to 32. */
INLINE uint32_t next_bits(Bits *from, int count)
{
    uint32_t bits = (uint32_t)(from->bits >> 1 >> (63 - count));
    take(from, count);
    return bits;
}

/* Returns whether no bit was taken beyond the data. */
INLINE bool is_sound(const Bits *from)
{
    return from->missing <= from->count;
}

/* Returns whether the data ends here: fewer than 8 bits are left, and are passed. */
static inline bool at_end(Bits *from)
{
    take(from, from->count & 7);
    fill(from);
    return from->missing == from->count;
}

/* Passes the bytes FF before a marker's code: there may be several (T.81, B.1.1.2). Returns whether the file ends there. */
static inline bool at_end_of_file(Bits *from)
{
    while (from->at < from->end && *from->at == 0xff)
        from->at++;
    return from->at == from->end;
}

/* Passes a marker, and begins anew behind it. Returns false if another one is there. */
static inline bool passes(Bits *from, uint8_t marker)
{
    if (at_end_of_file(from) || *from->at != marker)
        return false;
    *from = (Bits){.at = from->at + 1, .end = from->end};
    return true;
}

/* --- symbols */

/* Returns the next symbol if its code is longer than LOOK_BITS; 0 if there is no such code. */
static __attribute__((noinline)) uint16_t long_symbol(const Huffman *huffman, uint64_t bits)
{
    uint32_t code = (uint32_t)(bits >> (64 - LONGEST_CODE));
    for (int n = LOOK_BITS + 1; n <= LONGEST_CODE; n++)
        if (code < huffman->ends[n])
            return symbol_for(huffman, code >> (LONGEST_CODE - n), n);
    return 0;
}

/* Returns the next symbol, or 0 if no code begins so. It is not taken yet. */
INLINE uint16_t next_symbol(const Bits *from, const Huffman *huffman)
{
    uint16_t symbol = huffman->symbols[look(from, LOOK_BITS)];
    return __builtin_expect(symbol, 1) ? symbol : long_symbol(huffman, from->bits);
}

/* Returns the value of the next symbol (T.81, F.2.2.1): of its bits, those that begin with 0 are negative. */
INLINE int value(const Bits *from, uint16_t symbol)
{
    int size = value_bits(symbol);
    uint64_t extra = from->bits << (symbol_bits(symbol) - size);
    int negative = (int)(~extra >> 63);
    return (int)(extra >> 1 >> (63 - size)) + negative * (1 - (1 << size));
}

#endif
