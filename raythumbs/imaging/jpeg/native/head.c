/* Reads a JPEG's head. What is unusual is left to libjpeg, and so is everything that is wrong. */
#include <string.h>

#include "decoder.h"

static const uint8_t ROW_BY_ROW[COEFFICIENTS] = { /* the place of each coefficient of the zigzag order (T.81, A.6) */
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};

/* The content of a marker's segment, behind its length. */
typedef struct {
    const uint8_t *at;
    size_t left;
} Segment;

/* What the head says of the colours. */
typedef struct {
    bool is_jfif, is_adobes;
    int transform; /* Adobe's */
} Hints;

static int larger(int one, int other)
{
    return one > other ? one : other;
}

static int word(const uint8_t *at)
{
    return at[0] << 8 | at[1];
}

static bool read_quantisation(Picture *picture, Segment segment)
{
    while (segment.left) {
        int wide = segment.at[0] >> 4, number = segment.at[0] & 15;
        size_t size = 1 + COEFFICIENTS * (size_t)(wide + 1);
        if (wide > 1 || number > 3 || segment.left < size)
            return false;
        for (int k = 0; k < COEFFICIENTS; k++)
            picture->quantisation[number][k] =
                (uint16_t)(wide ? word(segment.at + 1 + 2 * k) : segment.at[1 + k]);
        picture->has_quantisation[number] = true;
        segment.at += size;
        segment.left -= size;
    }
    return true;
}

static bool read_huffman(Picture *picture, Segment segment)
{
    while (segment.left) {
        int class = segment.at[0] >> 4, number = segment.at[0] & 15;
        if (class > 1 || number > 3 || segment.left < 1 + LONGEST_CODE)
            return false;
        Huffman *huffman = &picture->huffman[class][number];
        size_t count = 0;
        for (int n = 1; n <= LONGEST_CODE; n++)
            count += huffman->counts[n] = segment.at[n];
        if (count > sizeof huffman->bytes || segment.left < 1 + LONGEST_CODE + count)
            return false;
        memset(huffman->bytes, 0, sizeof huffman->bytes);
        memcpy(huffman->bytes, segment.at + 1 + LONGEST_CODE, count);
        huffman->is_set = true;
        huffman->is_ac = class == 1;
        segment.at += 1 + LONGEST_CODE + count;
        segment.left -= 1 + LONGEST_CODE + count;
    }
    return true;
}

static bool read_frame(Picture *picture, Segment segment)
{
    if (picture->count || segment.left < 6 || segment.at[0] != 8)
        return false;
    picture->height = word(segment.at + 1);
    picture->width = word(segment.at + 3);
    int count = segment.at[5];
    if (!picture->height || !picture->width || segment.left != 6 + 3 * (size_t)count)
        return false;
    if (count != 1 && count != 3 && count != 4)
        return false;
    for (int n = 0; n < count; n++) {
        const uint8_t *at = segment.at + 6 + 3 * n;
        Component *one = &picture->components[n];
        one->id = at[0];
        one->across = at[1] >> 4;
        one->down = at[1] & 15;
        one->quantisation = at[2];
        if (!one->across || one->across > 4 || !one->down || one->down > 4 || one->quantisation > 3)
            return false;
        for (int before = 0; before < n; before++)
            if (picture->components[before].id == one->id)
                return false;
    }
    picture->count = count;
    return true;
}

static bool read_restarts(Picture *picture, Segment segment)
{
    if (segment.left != 2)
        return false;
    picture->restart_interval = word(segment.at);
    return true;
}

/* Reads the head of the scan, which must have all components, in the frame's order, and all coefficients. */
static bool read_scan(Picture *picture, Segment segment)
{
    int count = picture->count;
    if (!count || segment.left != 4 + 2 * (size_t)count || segment.at[0] != count)
        return false;
    const uint8_t *last = segment.at + 1 + 2 * count;
    if (last[0] != 0 || last[1] != COEFFICIENTS - 1 || last[2] != 0)
        return false;
    for (int n = 0; n < count; n++) {
        Component *one = &picture->components[n];
        const uint8_t *at = segment.at + 1 + 2 * n;
        one->dc = at[1] >> 4;
        one->ac = at[1] & 15;
        if (at[0] != one->id || one->dc > 3 || one->ac > 3 || !picture->has_quantisation[one->quantisation])
            return false;
        if (!picture->huffman[0][one->dc].is_set || !picture->huffman[1][one->ac].is_set)
            return false;
    }
    picture->scan = segment.at + segment.left;
    return true;
}

static Colours colours_of(const Picture *picture, const Hints *hints)
{
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

static void read_hints(Hints *hints, int code, Segment segment)
{
    if (code == 0xe0 && segment.left >= 14 && !memcmp(segment.at, "JFIF", 5))
        hints->is_jfif = true;
    if (code == 0xee && segment.left >= 12 && !memcmp(segment.at, "Adobe", 5)) {
        hints->is_adobes = true;
        hints->transform = segment.at[11];
    }
}

static bool read_segment(Picture *picture, Hints *hints, int code, Segment segment)
{
    switch (code) {
    case 0xc0:
    case 0xc1: return read_frame(picture, segment);
    case 0xc4: return read_huffman(picture, segment);
    case 0xda: return read_scan(picture, segment);
    case 0xdb: return read_quantisation(picture, segment);
    case 0xdd: return read_restarts(picture, segment);
    default:
        read_hints(hints, code, segment);
        return (code >= 0xe0 && code <= 0xef) || code == 0xfe; /* of applications; comments */
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

static bool set_up(Picture *picture)
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
        one->dc_table = &picture->huffman[0][one->dc];
        one->ac_table = &picture->huffman[1][one->ac];
        if (!scale(picture, one))
            return false;
    }
    return true;
}

/* Makes the tables that the scan uses, each once. */
static bool prepare_tables(Picture *picture)
{
    for (int class = 0; class < 2; class++)
        for (int number = 0; number < 4; number++) {
            bool is_used = false;
            for (int n = 0; n < picture->count; n++) {
                const Component *one = &picture->components[n];
                is_used = is_used || (class ? one->ac : one->dc) == number;
            }
            if (is_used && !prepare(&picture->huffman[class][number]))
                return false;
        }
    return true;
}

bool read_head(Picture *picture, const uint8_t *file, size_t size)
{
    const uint8_t *at = file + 2, *end = file + size;
    Hints hints = {0};
    picture->end = end;
    if (size < 4 || file[0] != 0xff || file[1] != 0xd8)
        return false;
    while (!picture->scan) {
        while (end - at > 1 && at[0] == 0xff && at[1] == 0xff)
            at++; /* fill bytes */
        if (end - at < 4 || at[0] != 0xff)
            return false;
        int length = word(at + 2);
        if (length < 2 || end - at < 2 + length)
            return false;
        if (!read_segment(picture, &hints, at[1], (Segment){at + 4, (size_t)length - 2}))
            return false;
        at += 2 + length;
    }
    picture->colours = colours_of(picture, &hints);
    return set_up(picture) && prepare_tables(picture);
}
