/* Turns a block's coefficients into pixels. */
#ifndef RAYTHUMBS_PIXELS_H
#define RAYTHUMBS_PIXELS_H

#include <string.h>

#include "decoder.h"

typedef float Floats4 __attribute__((vector_size(16)));
typedef float Floats8 __attribute__((vector_size(32)));
typedef int32_t Ints8 __attribute__((vector_size(32)));

enum { FOUR = 4 };

/* Puts equal samples. */
INLINE void put_flat(const Component *component, int32_t mean, float *samples)
{
    Floats4 four = (Floats4){0} + (float)mean * 0.125f;
    for (int y = 0; y < component->height; y++, samples += component->stride) {
        memcpy(samples, &four, sizeof four);
        if (component->width > FOUR)
            memcpy(samples + FOUR, &four, sizeof four);
    }
}

/* Puts 2x2 samples: there, each wave is 1 or -1. The block is zero then. */
INLINE void put_2x2(const Component *component, int32_t *block, float *samples)
{
    Floats4 sums = {(float)(block[0] + block[BLOCK]), (float)(block[0] - block[BLOCK])};
    Floats4 waves = {(float)(block[1] + block[BLOCK + 1]), (float)(block[1] - block[BLOCK + 1])};
    Floats4 left = (sums + waves) * 0.125f, right = (sums - waves) * 0.125f;
    samples[0] = left[0];
    samples[1] = right[0];
    samples[component->stride] = left[1];
    samples[component->stride + 1] = right[1];
    block[1] = block[BLOCK] = block[BLOCK + 1] = 0;
}

/* Puts samples of any size, up to `stored` across: the waves down first, then those across. Of the coefficients only the
 * first `corner` of each side may not be zero. The block is zero then. */
INLINE void put_waves(const Component *component, int32_t *block, float *samples, int corner, int stored)
{
    Floats8 rows[BLOCK];
    for (int v = 0; v < corner; v++) {
        Ints8 whole;
        memcpy(&whole, block + v * BLOCK, sizeof whole);
        rows[v] = __builtin_convertvector(whole, Floats8);
        memset(block + v * BLOCK, 0, sizeof whole);
    }
    for (int y = 0; y < component->height; y++, samples += component->stride) {
        Floats8 sums = {0}, pixels = {0};
        for (int v = 0; v < corner; v++)
            sums += rows[v] * component->down_waves[v][y];
        for (int u = 0; u < corner; u++) {
            Floats8 wave;
            memcpy(&wave, component->across_waves[u], sizeof wave);
            pixels += wave * sums[u];
        }
        memcpy(samples, &pixels, (size_t)stored * sizeof *samples);
    }
}

/* Puts a block's samples into a plane; `seen` coefficients may not be zero. A row's stores may be wider than the block:
 * the next block comes over them. The block is zero afterwards, but for its mean. */
INLINE void put_samples(const Component *component, int32_t *block, int seen, float *samples)
{
    int width = component->width, height = component->height;
    if (width == 1 && height == 1)
        *samples = (float)block[0] * 0.125f;
    else if (seen == 1)
        put_flat(component, block[0], samples);
    else if (width == 2 && height == 2)
        put_2x2(component, block, samples);
    else if (width <= FOUR)
        switch (component->corners[seen]) {
        case 2: put_waves(component, block, samples, 2, 4); break;
        case 3: put_waves(component, block, samples, 3, 4); break;
        case 4: put_waves(component, block, samples, 4, 4); break;
        case 6: put_waves(component, block, samples, 6, 4); break;
        default: put_waves(component, block, samples, 8, 4); break;
        }
    else
        switch (component->corners[seen]) {
        case 2: put_waves(component, block, samples, 2, 8); break;
        case 3: put_waves(component, block, samples, 3, 8); break;
        case 4: put_waves(component, block, samples, 4, 8); break;
        case 6: put_waves(component, block, samples, 6, 8); break;
        default: put_waves(component, block, samples, 8, 8); break;
        }
}

#endif
