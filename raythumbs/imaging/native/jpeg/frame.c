/* What follows from a frame's head: colours, scales, and the number of MCUs. */
#include "decoder.h"

static const uint8_t ROW_BY_ROW[COEFFICIENTS] = { /* the place of each coefficient of the zigzag order (T.81, A.6) */
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};

static int larger(int one, int other)
{
    return one > other ? one : other;
}

static int divided(int value, int by)
{
    return (value + by - 1) / by;
}

int mcus_across(const Picture *picture)
{
    return divided(picture->width, BLOCK * picture->most_across);
}

int mcus_down(const Picture *picture)
{
    return divided(picture->height, BLOCK * picture->most_down);
}

static Colours colours_of(const Picture *picture)
{
    const Hints *hints = &picture->hints;
    const Component *first = picture->components;
    switch (picture->count) {
    case 1: return GREY;
    case 4: return hints->is_adobes && hints->transform != 0 ? YCCK : CMYK;
    default:
        if (hints->is_jfif)
            return YCC;
        if (hints->is_adobes)
            return hints->transform == 0 ? RGB : YCC;
        return first[0].id == 'R' && first[1].id == 'G' && first[2].id == 'B' ? RGB : YCC;
    }
}

/* Sets what a block of the component becomes. Returns false if its samples would have to be doubled. */
static bool scale(const Picture *picture, Component *one)
{
    int width = picture->eighths * picture->most_across, height = picture->eighths * picture->most_down;
    if (width % one->across || height % one->down || picture->most_across % one->across
        || picture->most_down % one->down)
        return false;
    width /= one->across;
    height /= one->down;
    if (width > BLOCK || height > BLOCK)
        return false;
    one->width = (uint8_t)width;
    one->height = (uint8_t)height;
    for (int k = 0, corner = 0; k < COEFFICIENTS; k++) {
        int place = ROW_BY_ROW[k];
        bool is_needed = place % BLOCK < width && place / BLOCK < height;
        if (is_needed)
            corner = larger(corner, larger(place % BLOCK, place / BLOCK) + 1);
        one->corners[k + 1] = (uint8_t)(corner == 5 ? 6 : corner == 7 ? BLOCK : corner);
        one->places[k] = is_needed ? (uint8_t)place : NOWHERE;
        one->last = is_needed ? (uint8_t)k : one->last;
        one->steps[k] = picture->quantisation[one->quantisation][k];
    }
    make_waves(one->across_waves, width);
    make_waves(one->down_waves, height);
    return true;
}

bool set_up(Picture *picture)
{
    int blocks = 0;
    for (int n = 0; n < picture->count; n++) {
        Component *one = &picture->components[n];
        if (picture->count == 1)
            one->across = one->down = 1; /* an MCU of one component is one block (T.81, A.2.2) */
        picture->most_across = larger(picture->most_across, one->across);
        picture->most_down = larger(picture->most_down, one->down);
        blocks += one->across * one->down;
    }
    if (blocks > MOST_BLOCKS)
        return false;
    for (int n = 0; n < picture->count; n++) {
        Component *one = &picture->components[n];
        if (!picture->has_quantisation[one->quantisation] || !scale(picture, one))
            return false;
    }
    picture->colours = colours_of(picture);
    return true;
}

