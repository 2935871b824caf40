/* Eight numbers at a time, for samples of 8 bits and their differences. */
#ifndef RAYTHUMBS_LANES_H
#define RAYTHUMBS_LANES_H

#include "../shared.h"

typedef uint8_t Bytes8 __attribute__((vector_size(8)));
typedef uint32_t Words2 __attribute__((vector_size(8)));
typedef int16_t Shorts8 __attribute__((vector_size(16)));
typedef uint64_t Halves __attribute__((vector_size(16))); /* the first four of them, and the others */

#if defined __SSE2__
#include <emmintrin.h>

INLINE Shorts8 smaller(Shorts8 one, Shorts8 other) { return (Shorts8)_mm_min_epi16((__m128i)one, (__m128i)other); }
INLINE Shorts8 larger(Shorts8 one, Shorts8 other) { return (Shorts8)_mm_max_epi16((__m128i)one, (__m128i)other); }
#elif defined __ARM_NEON
#include <arm_neon.h>

INLINE Shorts8 smaller(Shorts8 one, Shorts8 other) { return (Shorts8)vminq_s16((int16x8_t)one, (int16x8_t)other); }
INLINE Shorts8 larger(Shorts8 one, Shorts8 other) { return (Shorts8)vmaxq_s16((int16x8_t)one, (int16x8_t)other); }
#else
INLINE Shorts8 smaller(Shorts8 one, Shorts8 other)
{
    Shorts8 is_one = one < other;
    return (one & is_one) | (other & ~is_one);
}

INLINE Shorts8 larger(Shorts8 one, Shorts8 other) { return one ^ other ^ smaller(one, other); }
#endif

#endif
