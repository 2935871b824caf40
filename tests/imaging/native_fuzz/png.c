/* Changes PNGs at random and decodes them. Compiled with sanitizers, it dies at the first fault.
 *
 *     fuzz png INPUTS SEED FILE...
 *
 * A file has a width and a height of two bytes each (the lower one first), the bits of a sample, the colour type, and the rows as
 * they are once they are unpacked. They come in pieces of any size. Each piece is in memory of exactly its size, and so are the
 * pixels: a read or write beside them is found. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "png/png.h"

typedef struct Png Png;

Png *raythumbs_begin_png(
    int width, int height, int bits, int type, const uint8_t *palette, bool has_alpha, const uint16_t *clear, int kernel,
    uint8_t *pixels, size_t bytes, int out_width, int out_height);
bool raythumbs_take_png(Png *png, const uint8_t *data, size_t size);
bool raythumbs_end_png(Png *png);

enum { HEAD = 6, MOST_SIDE = 400 };

size_t damage_png(uint8_t *file, size_t size)
{
    for (uint32_t edits = chance(4); edits; edits--) {
        size_t at = chance(3) ? chance((uint32_t)size) : chance(HEAD);
        switch (chance(4)) {
        case 0: file[at] ^= (uint8_t)(1u << chance(8)); break;
        case 1: file[at] = (uint8_t)chance(chance(2) ? 256 : 8); break;
        case 2: memmove(file + at, file + chance((uint32_t)(at + 1)), size - at); break;
        default: size = size > 64 ? size - chance((uint32_t)size / 8) : size; break;
        }
    }
    return size;
}

/* Hands the rows over in pieces. Returns whether the decoder took them. */
static bool take(Png *png, const uint8_t *rows, size_t size)
{
    bool is_taken = true;
    while (size && is_taken) {
        size_t most = chance(2) ? 40 : 9000, piece = 1 + chance((uint32_t)(size < most ? size : most));
        uint8_t *data = malloc(piece);
        memcpy(data, rows, piece);
        is_taken = raythumbs_take_png(png, data, piece);
        free(data);
        rows += piece;
        size -= piece;
    }
    return is_taken;
}

int decode_png(const uint8_t *file, size_t size)
{
    int width = file[0] | file[1] << 8, height = file[2] | file[3] << 8, type = file[5];
    if (size < HEAD || width > MOST_SIDE || height > MOST_SIDE)
        return 1;
    uint8_t palette[PALETTE_ENTRIES][4] = {{1, 2, 3, 4}};
    uint16_t clear[3] = {1, 2, 3};
    bool has_clear = (type == 0 || type == 2) && chance(2), has_alpha = chance(2), is_small = chance(3);
    int across = is_small ? 1 + (int)chance(MOST_SIDE) : width, down = is_small ? 1 + (int)chance(MOST_SIDE) : height;
    size_t needed = (size_t)across * (size_t)down * (type == 0 && !has_clear ? 1 : 4);
    uint8_t *pixels = malloc(needed ? needed : 1);
    Png *png = raythumbs_begin_png(width, height, file[4], type, palette[0], has_alpha, has_clear ? clear : NULL,
                                   (int)chance(4), pixels, needed, across, down);
    bool is_taken = png && take(png, file + HEAD, size - HEAD);
    bool is_whole = png && raythumbs_end_png(png);
    free(pixels);
    return !(is_taken && is_whole);
}
