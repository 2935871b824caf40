/* Reads the coded data of a scan, a symbol or several at a time. */
#ifndef RAYTHUMBS_BITS_H
#define RAYTHUMBS_BITS_H

#include <string.h>

#include "decoder.h"

/* --- the entries of a Huffman table's two look-up tables */

/* An entry of `symbols`: the bits of a code and of the value behind it, the bits of the value alone, and how many zeros
 * come before it (or END_OF_BLOCK; or, in a progressive file, END_OF_BLOCKS and a number of bits that follow). If these
 * bits are LOOK_BITS at most, the high half is the value. 0: the code is longer than LOOK_BITS. */
enum { END_OF_BLOCK = 63, END_OF_BLOCKS = 48 };
INLINE uint32_t symbol_of(int bits, int size, int run) { return (uint32_t)(run << 10 | size << 6 | bits); }
INLINE int symbol_bits(uint32_t symbol) { return symbol & 63; }
INLINE int value_bits(uint32_t symbol) { return symbol >> 6 & 15; }
INLINE int run(uint32_t symbol) { return symbol >> 10 & 63; }
INLINE int known_value(uint32_t symbol) { return (int32_t)symbol >> 16; }

/* An entry of `skips`: the bits of as many whole symbols as fit, and by how much they advance in the block. */
enum { ENDS_BLOCK = 128, SKIPS_NOTHING = 255, MOST_SKIPPED_BITS = 18 };
enum { WHOLE_BLOCK = COEFFICIENTS << 8 };
INLINE uint16_t skip_of(int bits, int advance) { return (uint16_t)(advance << 8 | bits); }
INLINE int skipped_bits(uint32_t entries) { return entries & 255; }
INLINE int skipped(uint32_t entries) { return (int)(entries >> 8); }

/* Returns the symbol of a code of `code_bits` bits. */
INLINE uint32_t symbol_for(const Huffman *huffman, uint32_t code, int code_bits)
{
    int byte = huffman->bytes[(int32_t)code + huffman->offsets[code_bits]];
    int size = byte & 15, zeros = byte >> 4;
    if (!huffman->is_ac || size || zeros == 15)
        return symbol_of(code_bits + size, size, zeros);
    return symbol_of(code_bits, 0, huffman->is_progressive ? END_OF_BLOCKS + zeros : END_OF_BLOCK);
}

/* --- the data */

#ifndef WINDOW
#define WINDOW 4096 /* bytes: it stays in the L1 cache with the tables */
#endif
enum { WORD = 8 };

/* The data of a scan up to the next marker, without the zero that is stuffed behind each FF (T.81, B.1.1.5): a window of
 * it at a time. Then no read of 8 bytes has to look for FFs, which took a fifth of the time. */
typedef struct {
    const uint8_t *next, *end;   /* what is not in the window yet, and the end of the file */
    uint8_t window[WINDOW];
} Feed;

/* Copies data to `to`, as much as there is before a marker and as fits before `limit`. Returns the end of the copy. */
static uint8_t *unstuffed(Feed *feed, uint8_t *to, const uint8_t *limit)
{
    while (to < limit && feed->next < feed->end) {
        size_t room = (size_t)(limit - to), left = (size_t)(feed->end - feed->next), most = left < room ? left : room;
        const uint8_t *ff = memchr(feed->next, 0xff, most);
        size_t plain = ff ? (size_t)(ff - feed->next) : most;
        memcpy(to, feed->next, plain);
        to += plain;
        feed->next += plain;
        if (!ff)
            continue;
        if (plain + 1 >= left || ff[1] != 0)
            break;
        *to++ = 0xff;
        feed->next += 2;
    }
    return to;
}

/* --- the bits */

enum { FILLED = 56 }; /* the least number of bits after a fill */

/* `bits` has the next `count` bits of the data in its high bits. Where the data ends, zeros follow, which `missing`
 * counts. The bits below `count` are those that come next, or zero. The data behind them is in the feed's window, from
 * `at` to `end`, and then in the feed. */
typedef struct {
    const uint8_t *at, *end;
    uint64_t bits;
    int count, missing;
    Feed *feed;
} Bits;

/* Returns the bits of the data from the feed's next byte on. */
INLINE Bits bits_of(Feed *feed)
{
    return (Bits){.at = feed->window, .end = feed->window, .feed = feed};
}

INLINE void add_word(Bits *from)
{
    uint64_t word;
    memcpy(&word, from->at, WORD);
    from->bits |= __builtin_bswap64(word) >> from->count; /* this library is built for little-endian machines only */
    from->at += (63 - from->count) >> 3;
    from->count |= FILLED;
}

/* Moves the window on. At the end of the data, it takes the last bytes one at a time. */
static __attribute__((noinline)) Bits filled_anew(Bits from)
{
    size_t left = (size_t)(from.end - from.at);
    memmove(from.feed->window, from.at, left);
    from.at = from.feed->window;
    from.end = unstuffed(from.feed, from.feed->window + left, from.feed->window + WINDOW);
    if (from.end - from.at >= WORD) {
        add_word(&from);
        return from;
    }
    while (from.count < FILLED) {
        uint64_t byte = 0;
        if (from.at < from.end)
            byte = *from.at++;
        else
            from.missing += 8;
        from.bits |= byte << (56 - from.count);
        from.count += 8;
    }
    return from;
}

/* Makes sure that there are FILLED bits. */
INLINE void fill(Bits *from)
{
    if (__builtin_expect(from->end - from->at >= WORD, 1))
        add_word(from);
    else
        *from = filled_anew(*from);
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
static inline bool at_end_of_file(Feed *feed)
{
    while (feed->next < feed->end && *feed->next == 0xff)
        feed->next++;
    return feed->next == feed->end;
}

/* Passes a marker behind the data, and begins anew behind it. Returns false if another one is there. */
static inline bool passes(Bits *from, uint8_t marker)
{
    Feed *feed = from->feed;
    if (at_end_of_file(feed) || *feed->next != marker)
        return false;
    feed->next++;
    *from = bits_of(feed);
    return true;
}

/* --- symbols */

/* Returns the next symbol if its code is longer than LOOK_BITS; 0 if there is no such code. */
static __attribute__((noinline)) uint32_t long_symbol(const Huffman *huffman, uint64_t bits)
{
    uint32_t code = (uint32_t)(bits >> (64 - LONGEST_CODE));
    for (int n = LOOK_BITS + 1; n <= LONGEST_CODE; n++)
        if (code < huffman->ends[n])
            return symbol_for(huffman, code >> (LONGEST_CODE - n), n);
    return 0;
}

/* Returns the next symbol, or 0 if no code begins so. It is not taken yet. */
INLINE uint32_t next_symbol(const Bits *from, const Huffman *huffman)
{
    uint32_t symbol = huffman->symbols[look(from, LOOK_BITS)];
    return __builtin_expect(symbol, 1) ? symbol : long_symbol(huffman, from->bits);
}

/* Returns the value of the next symbol (T.81, F.2.2.1): of its bits, those that begin with 0 are negative. */
INLINE int value(const Bits *from, uint32_t symbol)
{
    if (__builtin_expect(symbol_bits(symbol) <= LOOK_BITS, 1))
        return known_value(symbol);
    int size = value_bits(symbol);
    uint64_t extra = from->bits << (symbol_bits(symbol) - size);
    int negative = (int)(~extra >> 63);
    return (int)(extra >> 1 >> (63 - size)) + negative * (1 - (1 << size));
}

#endif
