/* Makes a picture smaller while its rows come, one after the other. Only the rows that come out are kept. */
#ifndef RAYTHUMBS_RESAMPLE_H
#define RAYTHUMBS_RESAMPLE_H

#include "shared.h"

/* How a sample's weight falls with its distance: Lanczos with three lobes is exact, and may overshoot beside edges; the
 * triangle never overshoots, for pictures that are made smaller again. COPY is for pictures that keep their size. */
typedef enum { COPY = 0, TRIANGLE = 1, LANCZOS = 2 } Kernel;

/* The samples of a pixel that comes in. With ALPHA the fourth is the alpha, and else it does not count. */
typedef enum { ONE = 1, THREE = 3, FOUR_SAMPLES = 4 } Samples;

typedef struct {
    int width, height;
} Size;

typedef struct Resampler Resampler;

/* Returns what puts a picture of size `in` into `pixels`, with size `out`: one byte for each pixel if it has one sample,
 * else four. No side of `out` is larger. Returns NULL if there is no memory. */
Resampler *new_resampler(Kernel kernel, Samples samples, bool has_alpha, Size in, Size out, uint8_t *pixels);

/* Takes the next row. There are `in.height` of them. */
void take_row(Resampler *resampler, const uint8_t *row);

void free_resampler(Resampler *resampler);

#endif
