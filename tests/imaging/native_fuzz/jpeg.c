/* Changes JPEGs at random and decodes them. Compiled with sanitizers, it dies at the first fault.
 *
 *     fuzz jpeg INPUTS SEED FILE...
 *
 * Each input is in memory of exactly its size, and so are the pixels: a read or write beside them is found. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "jpeg/decoder.h"

int raythumbs_decode_jpeg(
    const uint8_t *file, size_t size, bool is_part, int eighths, uint8_t *pixels, size_t bytes, int width, int height);

enum { MOST_PIXELS = 1 << 20 };

/* Returns the width and the height that the head tells; false if there is none. */
static int told_size(const uint8_t *file, size_t size, int *width, int *height)
{
    for (size_t at = 0; at + 9 < size; at++)
        if (file[at] == 0xff && file[at + 1] >= 0xc0 && file[at + 1] <= 0xc2) {
            *height = file[at + 5] << 8 | file[at + 6];
            *width = file[at + 7] << 8 | file[at + 8];
            return *width && *height && (long)*width * *height <= MOST_PIXELS;
        }
    return 0;
}

size_t damage_jpeg(uint8_t *file, size_t size)
{
    static const uint8_t telling[] = {0x00, 0xff, 0xd0, 0xd9, 0xda, 0xc4, 0xdb, 0x11, 0x22, 0x41, 0x7f, 0x80};
    for (uint32_t edits = chance(6); edits; edits--) {
        size_t at = chance(2) ? chance((uint32_t)size) : chance(size < 700 ? (uint32_t)size : 700);
        switch (chance(5)) {
        case 0: file[at] ^= (uint8_t)(1u << chance(8)); break;
        case 1: file[at] = (uint8_t)chance(256); break;
        case 2: file[at] = telling[chance(sizeof telling)]; break;
        case 3: memmove(file + at, file + chance((uint32_t)(at + 1)), size - at); break;
        default: size = size > 64 ? size - chance((uint32_t)size / 8) : size; break;
        }
        if (size < 2)
            return 2;
    }
    return size;
}

int decode_jpeg(const uint8_t *bytes, size_t size)
{
    int width, height, outcome = 1;
    if (!told_size(bytes, size, &width, &height))
        return outcome;
    uint8_t *file = malloc(size);
    memcpy(file, bytes, size);
    for (int eighths = 1; eighths <= 4; eighths++)
        for (int channels = 1; channels <= 4; channels += 3) {
            int across = (width * eighths + 7) / 8, down = (height * eighths + 7) / 8;
            size_t needed = (size_t)across * (size_t)down * (size_t)channels;
            uint8_t *pixels = malloc(needed);
            if (raythumbs_decode_jpeg(file, size, channels == 1, eighths, pixels, needed, across, down) != 1)
                outcome = 0;
            free(pixels);
        }
    free(file);
    return outcome;
}
