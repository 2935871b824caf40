/* What each pixel of a side counts in a smaller picture. */
#ifndef RAYTHUMBS_WEIGHTS_H
#define RAYTHUMBS_WEIGHTS_H

#include "resample.h"

/* For each pixel that comes out: which ones it is made of, and what each of these counts. */
typedef struct {
    int *starts, *counts;
    float *weights; /* `most` for each pixel that comes out */
    int most;
} Weights;

/* Returns whether there was memory. */
bool make_weights(Weights *weights, Kernel kernel, int in, int out);

void free_weights(Weights *weights);

#endif
