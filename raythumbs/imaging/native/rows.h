/* Adds rows of samples, each times its weight: most of the time of resampling. Rows are `stride` samples apart, a multiple of
 * EIGHT, and are added as far as that. */
#ifndef RAYTHUMBS_ROWS_H
#define RAYTHUMBS_ROWS_H

#include "shared.h"

enum {
    BATCH = 4, /* rows that are added at a time */
    EIGHT = 8,
};

/* Puts the samples of the first and second row, and then those of the third and fourth, beside one another. */
void pair_rows(int16_t *pairs, const uint8_t *rows, size_t stride);

/* Adds a batch of pairs. Each weight is a whole number. */
void add_pairs(int32_t *sums, const int16_t *pairs, size_t stride, const int16_t weights[BATCH]);

/* Multiplies the colours of a row of RGBA by their alpha. */
void multiply_row(float *into, const uint8_t *row, size_t samples);

/* Adds a batch of rows of any numbers. */
void add_rows(float *sums, const float *rows, size_t stride, const float weights[BATCH]);

#endif
