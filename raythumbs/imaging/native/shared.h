/* What the decoders of this library share. */
#ifndef RAYTHUMBS_SHARED_H
#define RAYTHUMBS_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define EXPORTED __attribute__((visibility("default"))) /* Python calls it */

/* Functions that take most of the time exist twice on x86-64: for every processor, and for those that have AVX2. Both
 * give the same pixels: floats are never contracted (-ffp-contract=off). */
#ifndef HAS_TWINS
#ifdef __x86_64__
#define HAS_TWINS 1
#else
#define HAS_TWINS 0
#endif
#endif
#if HAS_TWINS
#define FOR_AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt")))
#endif

/* Returns whether the twins for AVX2 may run: processor.c. */
bool has_avx2(void);

/* What comes of a file. The numbers are those that Python gets. */
typedef enum { DECODED = 0, LEFT_TO_OTHERS = 1, NO_MEMORY = 2, DECODED_WITHOUT_END = 3 } Outcome;

#endif
