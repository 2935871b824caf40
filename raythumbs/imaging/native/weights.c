/* The weights of Lanczos and of the triangle, as Pillow has them (Resample.c, precompute_coeffs). */
#include "weights.h"

#include <stdlib.h>

static const double PI = 3.14159265358979323846;
static const double DIVISORS[] = {1. / (14 * 15), 1. / (12 * 13), 1. / (10 * 11), 1. / (8 * 9), 1. / (6 * 7), 1. / (4 * 5), 1. / (2 * 3)};

/* Returns sin(pi x) / (pi x) for x from -3 to 3: without the C library, whose last digit differs between machines. */
static double sinc(double x)
{
    int turns = (int)(x < 0 ? x - 0.5 : x + 0.5);
    double angle = PI * (x - turns), square = angle * angle, sum = 1;
    for (size_t n = 0; n < sizeof DIVISORS / sizeof *DIVISORS; n++)
        sum = 1 - square * DIVISORS[n] * sum;
    if (!turns)
        return sum;
    return (turns & 1 ? -1 : 1) * angle * sum / (PI * x);
}

static double weight_at(Kernel kernel, double x)
{
    double distance = x < 0 ? -x : x;
    if (kernel == TRIANGLE)
        return distance < 1 ? 1 - distance : 0;
    return distance < 3 ? sinc(x) * sinc(x / 3) : 0;
}

/* Fills the weights of one pixel that comes out. They sum up to 1. */
static void fill(const Weights *weights, int at, Kernel kernel, double scale)
{
    float *into = weights->weights + (size_t)at * (size_t)weights->most;
    double centre = (at + 0.5) * scale, sum = 0;
    for (int n = 0; n < weights->counts[at]; n++) {
        double weight = weight_at(kernel, (weights->starts[at] + n + 0.5 - centre) / scale);
        into[n] = (float)weight;
        sum += weight;
    }
    for (int n = 0; n < weights->counts[at]; n++)
        into[n] = (float)(into[n] / sum);
}

bool make_weights(Weights *weights, Kernel kernel, int in, int out)
{
    double scale = (double)in / out, support = (kernel == LANCZOS ? 3 : 1) * scale;
    weights->most = 2 * (int)(support + 1) + 1;
    weights->starts = malloc((size_t)out * sizeof *weights->starts);
    weights->counts = malloc((size_t)out * sizeof *weights->counts);
    weights->weights = malloc((size_t)out * (size_t)weights->most * sizeof *weights->weights);
    if (!weights->starts || !weights->counts || !weights->weights)
        return false;
    for (int at = 0; at < out; at++) {
        double centre = (at + 0.5) * scale;
        int start = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
        start = centre - support + 0.5 < 0 ? 0 : start;
        end = end > in ? in : end;
        weights->starts[at] = start;
        weights->counts[at] = end - start;
        fill(weights, at, kernel, scale);
    }
    return true;
}

void free_weights(Weights *weights)
{
    free(weights->starts);
    free(weights->counts);
    free(weights->weights);
}
