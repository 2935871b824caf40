/* The slow waves of a small picture, for its ThumbHash: see raythumbs/imaging/placeholder.py, which does the same. */
#include "shared.h"

enum { MOST_WAVES = 8, MOST_SIDE = 128 };

static double sum_of(const double *numbers, const double *weights, int count)
{
    double sum = 0;
    for (int n = 0; n < count; n++)
        sum += numbers[n] * weights[n];
    return sum;
}

/* Sums a band of a picture (samples row by row, `bands` for each pixel) by each wave across and each wave down of which the
 * ThumbHash has the product. `across_waves` has `across` waves of `width` numbers, `down_waves` has `down` of `height`.
 * Returns the number of sums, or -1 for more waves or a longer side than a ThumbHash has. */
EXPORTED int raythumbs_sum_waves(
    const uint8_t *samples, int band, int bands, int width, int height, const double *across_waves, int across,
    const double *down_waves, int down, double *sums)
{
    double by_wave[MOST_WAVES][MOST_SIDE], row[MOST_SIDE];
    if (across > MOST_WAVES || down > MOST_WAVES || width > MOST_SIDE || height > MOST_SIDE)
        return -1;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++, samples += bands)
            row[x] = samples[band];
        for (int wave = 0; wave < across; wave++)
            by_wave[wave][y] = sum_of(row, across_waves + wave * width, width);
    }
    int count = 0;
    for (int y = 0; y < down; y++)
        for (int x = 0; x < across && x * down < across * (down - y); x++)
            sums[count++] = sum_of(by_wave[x], down_waves + y * height, height);
    return count;
}
