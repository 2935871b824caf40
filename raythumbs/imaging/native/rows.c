/* Samples without alpha are added as whole numbers, two products at a time; with alpha as floats, because products of colours and
 * alpha have 16 bits. */
#include "rows.h"

#if HAS_TWINS
#include <immintrin.h>
#endif

INLINE void pair_inline(int16_t *restrict pairs, const uint8_t *restrict one, const uint8_t *restrict other, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        pairs[2 * n] = one[n];
        pairs[2 * n + 1] = other[n];
    }
}

INLINE void add_pairs_inline(
    int32_t *restrict sums, const int16_t *restrict pairs, size_t stride, const int16_t weights[BATCH])
{
    const int16_t *later = pairs + 2 * stride;
    for (size_t n = 0; n < stride; n++)
        sums[n] += pairs[2 * n] * weights[0] + pairs[2 * n + 1] * weights[1] + later[2 * n] * weights[2] +
                   later[2 * n + 1] * weights[3];
}

INLINE void multiply_inline(float *restrict into, const uint8_t *restrict row, size_t samples)
{
    for (size_t n = 0; n < samples; n += 4) {
        float alpha = row[n + 3];
        into[n] = row[n] * alpha;
        into[n + 1] = row[n + 1] * alpha;
        into[n + 2] = row[n + 2] * alpha;
        into[n + 3] = alpha;
    }
}

INLINE void add_rows_inline(float *restrict sums, const float *restrict rows, size_t stride, const float weights[BATCH])
{
    const float *second = rows + stride, *third = second + stride, *fourth = third + stride;
    for (size_t n = 0; n < stride; n++)
        sums[n] += rows[n] * weights[0] + second[n] * weights[1] + third[n] * weights[2] + fourth[n] * weights[3];
}

#if HAS_TWINS
static FOR_AVX2 void pair_avx2(int16_t *pairs, const uint8_t *one, const uint8_t *other, size_t count)
{
    pair_inline(pairs, one, other, count);
}

/* Returns two weights, again and again. */
static FOR_AVX2 __m256i both_of(const int16_t *weights)
{
    return _mm256_set1_epi32((int32_t)((uint32_t)(uint16_t)weights[0] | (uint32_t)(uint16_t)weights[1] << 16));
}

static FOR_AVX2 void add_pairs_avx2(int32_t *sums, const int16_t *pairs, size_t stride, const int16_t weights[BATCH])
{
    __m256i early_weights = both_of(weights);
    __m256i late_weights = both_of(weights + 2);
    for (size_t n = 0; n < stride; n += EIGHT) {
        __m256i early = _mm256_loadu_si256((const __m256i *)(pairs + 2 * n));
        __m256i late = _mm256_loadu_si256((const __m256i *)(pairs + 2 * (stride + n)));
        __m256i sum = _mm256_loadu_si256((const __m256i *)(sums + n));
        early = _mm256_madd_epi16(early, early_weights);
        late = _mm256_madd_epi16(late, late_weights);
        _mm256_storeu_si256((__m256i *)(sums + n), _mm256_add_epi32(sum, _mm256_add_epi32(early, late)));
    }
}

static FOR_AVX2 void multiply_avx2(float *into, const uint8_t *row, size_t samples)
{
    multiply_inline(into, row, samples);
}

static FOR_AVX2 void add_rows_avx2(float *sums, const float *rows, size_t stride, const float weights[BATCH])
{
    add_rows_inline(sums, rows, stride, weights);
}
#else
#define pair_avx2 pair_inline
#define add_pairs_avx2 add_pairs_inline
#define multiply_avx2 multiply_inline
#define add_rows_avx2 add_rows_inline
#endif

void pair_rows(int16_t *pairs, const uint8_t *rows, size_t stride)
{
    for (int n = 0; n < BATCH; n += 2, rows += 2 * stride, pairs += 2 * stride)
        if (has_avx2())
            pair_avx2(pairs, rows, rows + stride, stride);
        else
            pair_inline(pairs, rows, rows + stride, stride);
}

void add_pairs(int32_t *sums, const int16_t *pairs, size_t stride, const int16_t weights[BATCH])
{
    if (has_avx2())
        add_pairs_avx2(sums, pairs, stride, weights);
    else
        add_pairs_inline(sums, pairs, stride, weights);
}

void multiply_row(float *into, const uint8_t *row, size_t samples)
{
    if (has_avx2())
        multiply_avx2(into, row, samples);
    else
        multiply_inline(into, row, samples);
}

void add_rows(float *sums, const float *rows, size_t stride, const float weights[BATCH])
{
    if (has_avx2())
        add_rows_avx2(sums, rows, stride, weights);
    else
        add_rows_inline(sums, rows, stride, weights);
}
