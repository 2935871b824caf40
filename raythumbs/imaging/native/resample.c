/* Resamples rows as they come: down first, into a few sums of whole rows, then each finished sum across.
 *
 * Nothing is rounded to 8 bits or cut off before the end. Colours are multiplied by their alpha first: those of transparent pixels
 * do not bleed into their neighbours. */
#include "resample.h"

#include <stdlib.h>
#include <string.h>

#include "rows.h"
#include "weights.h"

typedef float Floats4 __attribute__((vector_size(16)));

enum {
    SPARE = 4, /* samples behind a row, which are read with its last pixel */
    WHITE = 255,
    LEAST_BITS = 14, MOST_BITS = 22, /* of the weights of whole numbers */
};

struct Resampler {
    Kernel kernel;
    Samples samples;
    bool has_alpha;
    Size in, out;
    uint8_t *pixels;
    Weights across, down;
    size_t length;    /* samples of a row that comes in */
    size_t stride;    /* the same, and as many as make it a multiple of EIGHT */
    int bits;         /* of a weight of 1, as a whole number: more where there are many small ones */
    uint8_t *batch;   /* BATCH rows as they came, without alpha */
    int16_t *pairs;   /* the same, as `add_pairs` needs them */
    float *products;  /* BATCH rows with alpha, multiplied */
    void *sums;       /* of rows that come out: int32_t without alpha, and else float */
    float *finished;  /* one of them as floats */
    int most_sums;    /* as many as overlap in a batch: 6 of Lanczos in a row, and what BATCH rows and rounding add */
    int rows, done;   /* rows that came in, and that came out */
};

INLINE int byte_of(float sample)
{
    sample += 0.5f;
    sample = sample > 0.0f ? sample : 0.0f;
    return (int)(sample < WHITE ? sample : (float)WHITE);
}

INLINE void put_pixel(const Resampler *resampler, Floats4 sums, size_t at)
{
    float alpha = resampler->has_alpha ? sums[3] : 1.0f;
    float share = alpha > 0.0f ? 1.0f / alpha : 0.0f;
    uint8_t *pixel = resampler->pixels + 4 * at;
    for (int n = 0; n < 3; n++)
        pixel[n] = (uint8_t)byte_of(sums[n] * share);
    pixel[3] = (uint8_t)(resampler->has_alpha ? byte_of(alpha) : WHITE);
}

/* Returns the pixel of so many weights, which begins at a sample. */
INLINE Floats4 sum_pixels(const float *samples, size_t step, const float *weights, int count)
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

INLINE float sum_samples(const float *samples, const float *weights, int count)
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

/* Makes a row of finished sums. */
INLINE void put_row_inline(const Resampler *resampler, const float *sums, int row)
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

#if HAS_TWINS
static FOR_AVX2 void put_row_avx2(const Resampler *resampler, const float *sums, int row)
{
    put_row_inline(resampler, sums, row);
}
#else
#define put_row_avx2 put_row_inline
#endif

static void put_row(const Resampler *resampler, const float *sums, int row)
{
    if (has_avx2())
        put_row_avx2(resampler, sums, row);
    else
        put_row_inline(resampler, sums, row);
}

/* Makes a row of its sums, and sets these to zero, for another row. */
static void finish(Resampler *resampler, void *sums, int row)
{
    const float *finished = sums;
    if (!resampler->has_alpha) {
        const int32_t *whole = sums;
        float share = 1.0f / (float)(1 << resampler->bits);
        for (size_t n = 0; n < resampler->length; n++)
            resampler->finished[n] = (float)whole[n] * share;
        finished = resampler->finished;
    }
    put_row(resampler, finished, row);
    memset(sums, 0, resampler->stride * sizeof(float));
    resampler->done = row + 1;
}

static void add_whole(const Resampler *resampler, int32_t *sums, const float weights[BATCH])
{
    int16_t whole[BATCH];
    for (int n = 0; n < BATCH; n++) {
        float weight = weights[n] * (float)(1 << resampler->bits);
        whole[n] = (int16_t)(weight < 0 ? weight - 0.5f : weight + 0.5f);
    }
    add_pairs(sums, resampler->pairs, resampler->stride, whole);
}

/* Adds the rows from `first` on, which are in the batch, to the sums that they are part of, and finishes sums. */
static void add_batch(Resampler *resampler, int first)
{
    const Weights *down = &resampler->down;
    if (!resampler->has_alpha)
        pair_rows(resampler->pairs, resampler->batch, resampler->stride);
    for (int y = resampler->done; y < resampler->out.height && down->starts[y] < resampler->rows; y++) {
        float weights[BATCH] = {0};
        int start = down->starts[y], end = start + down->counts[y];
        for (int n = 0; n < BATCH; n++)
            if (first + n >= start && first + n < end)
                weights[n] = down->weights[(size_t)y * (size_t)down->most + (size_t)(first + n - start)];
        float *sums = (float *)resampler->sums + (size_t)(y % resampler->most_sums) * resampler->stride;
        if (resampler->has_alpha)
            add_rows(sums, resampler->products, resampler->stride, weights);
        else
            add_whole(resampler, (int32_t *)sums, weights);
        if (end <= resampler->rows)
            finish(resampler, sums, y);
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
    int in_batch = resampler->rows % BATCH;
    size_t at = (size_t)in_batch * resampler->stride;
    if (resampler->kernel == COPY)
        copy_row(resampler, row);
    else if (resampler->has_alpha)
        multiply_row(resampler->products + at, row, resampler->length);
    else
        memcpy(resampler->batch + at, row, resampler->length);
    resampler->rows++;
    if (resampler->kernel != COPY && (in_batch == BATCH - 1 || resampler->rows == resampler->in.height))
        add_batch(resampler, resampler->rows - 1 - in_batch);
}

/* Returns the bits for which the largest weight has at most 16, and sums at most 32. */
static int bits_of_weights(Size in, Size out)
{
    int bits = LEAST_BITS;
    for (int times = in.height / out.height; times > 1 && bits < MOST_BITS; times /= 2)
        bits++;
    return bits;
}

static bool allocate(Resampler *resampler)
{
    size_t row = resampler->stride, batch = BATCH * row;
    resampler->sums = calloc((size_t)resampler->most_sums * row, sizeof(float));
    if (resampler->has_alpha)
        return resampler->sums && (resampler->products = calloc(batch, sizeof *resampler->products));
    resampler->batch = calloc(batch, sizeof *resampler->batch);
    resampler->pairs = malloc(batch * sizeof *resampler->pairs);
    resampler->finished = calloc(row, sizeof *resampler->finished);
    return resampler->sums && resampler->batch && resampler->pairs && resampler->finished;
}

Resampler *new_resampler(Kernel kernel, Samples samples, bool has_alpha, Size in, Size out, uint8_t *pixels)
{
    Resampler *made = malloc(sizeof *made);
    if (!made)
        return NULL;
    size_t length = (size_t)in.width * samples;
    *made = (Resampler){
        .kernel = kernel, .samples = samples, .has_alpha = has_alpha, .in = in, .out = out, .pixels = pixels,
        .length = length, .stride = (length + SPARE + EIGHT - 1) / EIGHT * EIGHT, .bits = bits_of_weights(in, out),
        .most_sums = 8 + 5 * out.height / in.height,
    };
    bool is_made = kernel == COPY || (allocate(made) && make_weights(&made->across, kernel, in.width, out.width) &&
                                      make_weights(&made->down, kernel, in.height, out.height));
    if (is_made)
        return made;
    free_resampler(made);
    return NULL;
}

void free_resampler(Resampler *resampler)
{
    free_weights(&resampler->across);
    free_weights(&resampler->down);
    free(resampler->batch);
    free(resampler->pairs);
    free(resampler->products);
    free(resampler->sums);
    free(resampler->finished);
    free(resampler);
}
