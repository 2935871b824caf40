/* Resamples rows as they come: down first, into a few sums of whole rows, then each finished sum across.
 *
 * Sums are floats, so nothing is rounded or cut off before the end. Colours are multiplied by their alpha first: those of
 * transparent pixels do not bleed into their neighbours. */
#include "resample.h"

#include <stdlib.h>
#include <string.h>

#include "weights.h"

typedef float Floats4 __attribute__((vector_size(16)));

enum {
    BATCH = 4,  /* rows that are added at a time */
    SPARE = 4,  /* floats behind a row, which are read with its last pixel */
    WHITE = 255,
};

struct Resampler {
    Kernel kernel;
    Samples samples;
    bool has_alpha;
    Size in, out;
    uint8_t *pixels;
    Weights across, down;
    size_t length;    /* samples of a row that comes in */
    float *batch;     /* BATCH rows */
    float *sums;      /* of rows that come out */
    int most_sums;    /* as many as overlap in a batch: 6 of Lanczos in a row, and what BATCH rows and rounding add */
    int rows, done;   /* rows that came in, and that came out */
};

INLINE int byte_of(float sample)
{
    sample += 0.5f;
    sample = sample > 0.0f ? sample : 0.0f;
    return (int)(sample < WHITE ? sample : (float)WHITE);
}

static void put_pixel(const Resampler *resampler, Floats4 sums, size_t at)
{
    float alpha = resampler->has_alpha ? sums[3] : 1.0f;
    float share = alpha > 0.0f ? 1.0f / alpha : 0.0f;
    uint8_t *pixel = resampler->pixels + 4 * at;
    for (int n = 0; n < 3; n++)
        pixel[n] = (uint8_t)byte_of(sums[n] * share);
    pixel[3] = (uint8_t)(resampler->has_alpha ? byte_of(alpha) : WHITE);
}

/* Returns the pixel of so many weights, which begins at a sample. */
static Floats4 sum_pixels(const float *samples, size_t step, const float *weights, int count)
{
    Floats4 even = {0}, odd = {0}, one, other;
    int n = 0;
    for (; n + 1 < count; n += 2, samples += 2 * step) {
        memcpy(&one, samples, sizeof one);
        memcpy(&other, samples + step, sizeof other);
        even += one * weights[n];
        odd += other * weights[n + 1];
    }
    if (n < count) {
        memcpy(&one, samples, sizeof one);
        even += one * weights[n];
    }
    return even + odd;
}

static float sum_samples(const float *samples, const float *weights, int count)
{
    Floats4 sums = {0}, four, four_weights;
    int n = 0;
    for (; n + 4 <= count; n += 4) {
        memcpy(&four, samples + n, sizeof four);
        memcpy(&four_weights, weights + n, sizeof four_weights);
        sums += four * four_weights;
    }
    float sum = sums[0] + sums[1] + sums[2] + sums[3];
    for (; n < count; n++)
        sum += samples[n] * weights[n];
    return sum;
}

/* Makes a row of the finished sums. */
static void put_row(const Resampler *resampler, const float *sums, int row)
{
    const Weights *across = &resampler->across;
    size_t at = (size_t)row * (size_t)resampler->out.width;
    for (int x = 0; x < resampler->out.width; x++, at++) {
        const float *weights = across->weights + (size_t)x * (size_t)across->most;
        const float *first = sums + (size_t)across->starts[x] * resampler->samples;
        if (resampler->samples == ONE)
            resampler->pixels[at] = (uint8_t)byte_of(sum_samples(first, weights, across->counts[x]));
        else
            put_pixel(resampler, sum_pixels(first, resampler->samples, weights, across->counts[x]), at);
    }
}

INLINE void add_inline(float *restrict sums, const float *restrict rows, size_t length, const float weights[BATCH])
{
    const float *second = rows + length, *third = second + length, *fourth = third + length;
    for (size_t n = 0; n < length; n++)
        sums[n] += rows[n] * weights[0] + second[n] * weights[1] + third[n] * weights[2] + fourth[n] * weights[3];
}

INLINE void widen_inline(float *restrict into, const uint8_t *restrict row, size_t length)
{
    for (size_t n = 0; n < length; n++)
        into[n] = row[n];
}

INLINE void multiply_inline(float *restrict into, const uint8_t *restrict row, size_t length)
{
    for (size_t n = 0; n < length; n += 4) {
        float alpha = row[n + 3];
        into[n] = row[n] * alpha;
        into[n + 1] = row[n + 1] * alpha;
        into[n + 2] = row[n + 2] * alpha;
        into[n + 3] = alpha;
    }
}

#if HAS_TWINS
static FOR_AVX2 void add_avx2(float *sums, const float *rows, size_t length, const float weights[BATCH])
{
    add_inline(sums, rows, length, weights);
}

static FOR_AVX2 void widen_avx2(float *into, const uint8_t *row, size_t length) { widen_inline(into, row, length); }

static FOR_AVX2 void multiply_avx2(float *into, const uint8_t *row, size_t length)
{
    multiply_inline(into, row, length);
}
#else
#define add_avx2 add_inline
#define widen_avx2 widen_inline
#define multiply_avx2 multiply_inline
#endif

static void widen(const Resampler *resampler, float *into, const uint8_t *row)
{
    bool fast = has_avx2();
    if (resampler->has_alpha)
        (fast ? multiply_avx2 : multiply_inline)(into, row, resampler->length);
    else
        (fast ? widen_avx2 : widen_inline)(into, row, resampler->length);
}

static void add(float *sums, const float *rows, size_t length, const float weights[BATCH])
{
    (has_avx2() ? add_avx2 : add_inline)(sums, rows, length, weights);
}

/* Adds the rows from `first` on, which are in the batch, to the sums that they are part of, and finishes sums. */
static void add_batch(Resampler *resampler, int first)
{
    const Weights *down = &resampler->down;
    size_t stride = resampler->length + SPARE;
    for (int y = resampler->done; y < resampler->out.height && down->starts[y] < resampler->rows; y++) {
        float weights[BATCH] = {0}, *sums = resampler->sums + (size_t)(y % resampler->most_sums) * stride;
        int start = down->starts[y], end = start + down->counts[y];
        for (int n = 0; n < BATCH; n++)
            if (first + n >= start && first + n < end)
                weights[n] = down->weights[(size_t)y * (size_t)down->most + (size_t)(first + n - start)];
        add(sums, resampler->batch, resampler->length, weights);
        if (end <= resampler->rows) {
            put_row(resampler, sums, y);
            memset(sums, 0, resampler->length * sizeof *sums);
            resampler->done = y + 1;
        }
    }
}

static void copy_row(Resampler *resampler, const uint8_t *row)
{
    size_t width = (size_t)resampler->in.width;
    if (resampler->samples != THREE) {
        size_t bytes = width * resampler->samples;
        memcpy(resampler->pixels + (size_t)resampler->rows * bytes, row, bytes);
        return;
    }
    uint8_t *into = resampler->pixels + (size_t)resampler->rows * width * 4;
    for (size_t x = 0; x < width; x++, into += 4, row += 3) {
        uint32_t pixel = (uint32_t)row[0] | (uint32_t)row[1] << 8 | (uint32_t)row[2] << 16 | 0xff000000u;
        memcpy(into, &pixel, sizeof pixel);
    }
}

void take_row(Resampler *resampler, const uint8_t *row)
{
    if (resampler->kernel == COPY) {
        copy_row(resampler, row);
        resampler->rows++;
        return;
    }
    int in_batch = resampler->rows % BATCH;
    widen(resampler, resampler->batch + (size_t)in_batch * resampler->length, row);
    resampler->rows++;
    if (in_batch == BATCH - 1 || resampler->rows == resampler->in.height)
        add_batch(resampler, resampler->rows - 1 - in_batch);
}

Resampler *new_resampler(Kernel kernel, Samples samples, bool has_alpha, Size in, Size out, uint8_t *pixels)
{
    Resampler *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    size_t length = (size_t)in.width * samples;
    *made = (Resampler){
        .kernel = kernel, .samples = samples, .has_alpha = has_alpha, .in = in, .out = out, .pixels = pixels,
        .length = length,
    };
    if (kernel == COPY)
        return made;
    made->most_sums = 8 + 5 * out.height / in.height;
    made->batch = calloc(BATCH * length, sizeof *made->batch);
    made->sums = calloc((size_t)made->most_sums * (length + SPARE), sizeof *made->sums);
    if (made->batch && made->sums && make_weights(&made->across, kernel, in.width, out.width) &&
        make_weights(&made->down, kernel, in.height, out.height))
        return made;
    free_resampler(made);
    return NULL;
}

void free_resampler(Resampler *resampler)
{
    free_weights(&resampler->across);
    free_weights(&resampler->down);
    free(resampler->batch);
    free(resampler->sums);
    free(resampler);
}
