/* Changes JPEGs at random and decodes them. Compiled with sanitizers, it dies at the first fault.
 *
 *     fuzz INPUTS SEED FILE...
 *
 * Each input is in memory of exactly its size, and so are the pixels: a read or write beside them is found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder.h"

int raythumbs_decode_jpeg(
    const uint8_t *file, size_t size, bool is_part, int eighths, uint8_t *pixels, size_t bytes, int width, int height);

enum { MOST_FILES = 64, MOST_PIXELS = 1 << 20, LARGEST = 1 << 16 };

static uint64_t state;

static uint32_t chance(uint32_t below) /* xorshift64* */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)(state * 2685821657736338717u >> 32) % below;
}

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

static size_t damage(uint8_t *file, size_t size)
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

static int decode(const uint8_t *bytes, size_t size)
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

int main(int count, char **arguments)
{
    static uint8_t files[MOST_FILES][LARGEST], changed[LARGEST];
    size_t sizes[MOST_FILES];
    int known = 0;
    long inputs = atol(arguments[1]), decoded = 0;
    state = strtoull(arguments[2], NULL, 10) * 2 + 1;
    for (int n = 3; n < count && known < MOST_FILES; n++) {
        FILE *opened = fopen(arguments[n], "rb");
        sizes[known] = fread(files[known], 1, LARGEST, opened);
        fclose(opened);
        known++;
    }
    for (long n = 0; n < inputs; n++) {
        uint32_t which = chance((uint32_t)known);
        memcpy(changed, files[which], sizes[which]);
        decoded += !decode(changed, damage(changed, sizes[which]));
    }
    printf("%ld", decoded);
    return 0;
}
