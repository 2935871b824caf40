/* Damages files of a format and decodes them. Prints how many files the decoder took. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FILES = 64, LARGEST = 1 << 16 };

static uint64_t state;

uint32_t chance(uint32_t below) /* xorshift64* */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)(state * 2685821657736338717u >> 32) % below;
}

int main(int count, char **arguments)
{
    static uint8_t files[MOST_FILES][LARGEST], changed[LARGEST];
    size_t sizes[MOST_FILES];
    int known = 0, is_png = !strcmp(arguments[1], "png");
    long inputs = atol(arguments[2]), decoded = 0;
    state = strtoull(arguments[3], NULL, 10) * 2 + 1;
    for (int n = 4; n < count && known < MOST_FILES; n++) {
        FILE *opened = fopen(arguments[n], "rb");
        sizes[known] = fread(files[known], 1, LARGEST, opened);
        fclose(opened);
        known++;
    }
    for (long n = 0; n < inputs; n++) {
        uint32_t which = chance((uint32_t)known);
        memcpy(changed, files[which], sizes[which]);
        decoded += !(is_png ? decode_png : decode_jpeg)(changed, (is_png ? damage_png : damage_jpeg)(changed, sizes[which]));
    }
    printf("%ld", decoded);
    return 0;
}
