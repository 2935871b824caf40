#include "blocks.h"

#include <stdlib.h>

#include "pixels.h"

/* Lays out the blocks of a component. Returns false if there is no memory. */
static bool allocate(const Picture *picture, const Component *component, Blocks *blocks)
{
    int width = picture->width * component->across, height = picture->height * component->down;
    blocks->across = mcus_across(picture) * component->across;
    blocks->down = mcus_down(picture) * component->down;
    blocks->own_across = (width + BLOCK * picture->most_across - 1) / (BLOCK * picture->most_across);
    blocks->own_down = (height + BLOCK * picture->most_down - 1) / (BLOCK * picture->most_down);
    for (int k = 0; k < COEFFICIENTS; k++) {
        blocks->low[k] = NEVER_SENT;
        blocks->slots[k] = NOWHERE;
        if (component->places[k] != NOWHERE) {
            blocks->kept_ones[blocks->kept] = (uint8_t)k;
            blocks->slots[k] = (uint8_t)blocks->kept++;
        }
    }
    size_t count = (size_t)blocks->across * (size_t)blocks->down;
    blocks->values = calloc(count, (size_t)blocks->kept * sizeof *blocks->values);
    blocks->known = calloc(count, sizeof *blocks->known);
    return blocks->values && blocks->known;
}

bool allocate_blocks(const Picture *picture, Blocks all[MOST_COMPONENTS])
{
    for (int n = 0; n < picture->count; n++)
        if (!allocate(picture, &picture->components[n], &all[n]))
            return false;
    return true;
}

void free_blocks(Blocks all[MOST_COMPONENTS])
{
    for (int n = 0; n < MOST_COMPONENTS; n++) {
        free(all[n].values);
        free(all[n].known);
    }
}

bool are_complete(const Blocks *all, int count)
{
    for (int n = 0; n < count; n++)
        for (int k = 0; k < COEFFICIENTS; k++)
            if (all[n].low[k])
                return false;
    return true;
}

/* Makes the samples of a row of MCUs. */
INLINE void put_row_inline(const Picture *picture, const Blocks *all, int row)
{
    int32_t block[COEFFICIENTS + 1] = {0};
    for (int n = 0; n < picture->count; n++) {
        const Component *one = &picture->components[n];
        const Blocks *blocks = &all[n];
        for (int y = 0; y < one->down; y++)
            for (int x = 0; x < blocks->across; x++) {
                size_t place = (size_t)(row * one->down + y) * (size_t)blocks->across + (size_t)x;
                const int16_t *values = blocks->values + place * (size_t)blocks->kept;
                int seen = 1;
                block[0] = values[0] * one->steps[0];
                for (int slot = 1; slot < blocks->kept && blocks->known[place]; slot++) {
                    int k = blocks->kept_ones[slot];
                    block[one->places[k]] = values[slot] * one->steps[k];
                    seen = values[slot] ? k + 1 : seen;
                }
                float *samples = one->plane + (size_t)y * one->height * one->stride + (size_t)x * one->width;
                put_samples(one, block, seen, samples);
            }
    }
}

static void put_row(const Picture *picture, const Blocks *all, int row)
{
    put_row_inline(picture, all, row);
}

#if HAS_TWINS
static FOR_AVX2 void put_row_avx2(const Picture *picture, const Blocks *all, int row)
{
    put_row_inline(picture, all, row);
}
#else
#define put_row_avx2 put_row
#endif

void put_blocks(const Picture *picture, const Blocks *all, Output output)
{
    for (int row = 0; row < mcus_down(picture); row++) {
        (has_avx2() ? put_row_avx2 : put_row)(picture, all, row);
        convert_mcus(picture, row, output);
    }
}
