/* The coefficients of a progressive file that are needed, of the whole picture. */
#ifndef RAYTHUMBS_BLOCKS_H
#define RAYTHUMBS_BLOCKS_H

#include "decoder.h"

enum { NEVER_SENT = 64 }; /* in place of a bit */

/* The blocks of a component: `across` are in memory, of which a scan of this component alone sends `own_across`. */
typedef struct {
    int across, down, own_across, own_down;
    int kept;                         /* coefficients of a block */
    uint8_t slots[COEFFICIENTS];      /* of each coefficient among the kept ones, or NOWHERE */
    uint8_t kept_ones[COEFFICIENTS];  /* the coefficient of each slot */
    int low[COEFFICIENTS];            /* the lowest bit that was sent of each coefficient */
    int16_t *values;
    uint64_t *known;                  /* a bit for each coefficient that is not zero */
} Blocks;

/* Gives each component memory for its coefficients, all zero. Returns false if there is not enough. */
bool allocate_blocks(const Picture *picture, Blocks all[MOST_COMPONENTS]);

void free_blocks(Blocks all[MOST_COMPONENTS]);

/* Returns whether all bits of all coefficients of `count` components were sent. */
bool are_complete(const Blocks *all, int count);

/* Makes the pixels of the whole picture. */
void put_blocks(const Picture *picture, const Blocks *all, Output output);

#endif
