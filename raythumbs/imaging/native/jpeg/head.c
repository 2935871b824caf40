/* Reads a JPEG's segments. What is unusual is left to libjpeg, and so is everything that is wrong. */
#include <string.h>

#include "decoder.h"

/* The content of a marker's segment, behind its length. */
typedef struct {
    const uint8_t *at;
    size_t left;
} Segment;

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
        huffman->is_ready = false;
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

/* Returns the number of the component with that id, or -1. */
static int number_of(const Picture *picture, int id)
{
    for (int n = 0; n < picture->count; n++)
        if (picture->components[n].id == id)
            return n;
    return -1;
}

/* Reads a scan's head, whose components must be in the frame's order. */
static bool read_scan(Picture *picture, Segment segment)
{
    ScanHead *scan = &picture->scan;
    int before = -1;
    scan->count = segment.left ? segment.at[0] : 0;
    if (!scan->count || scan->count > picture->count || segment.left != 4 + 2 * (size_t)scan->count)
        return false;
    for (int n = 0; n < scan->count; n++) {
        const uint8_t *at = segment.at + 1 + 2 * n;
        int number = number_of(picture, at[0]);
        if (number <= before || at[1] >> 4 > 3 || (at[1] & 15) > 3)
            return false;
        picture->components[number].dc = at[1] >> 4;
        picture->components[number].ac = at[1] & 15;
        scan->components[n] = before = number;
    }
    const uint8_t *last = segment.at + 1 + 2 * scan->count;
    scan->first = last[0];
    scan->last = last[1];
    scan->above = last[2] >> 4;
    scan->low = last[2] & 15;
    return true;
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

static bool read_segment(Picture *picture, int code, Segment segment)
{
    switch (code) {
    case 0xc0:
    case 0xc1:
    case 0xc2: picture->is_progressive = code == 0xc2; return read_frame(picture, segment);
    case 0xc4: return read_huffman(picture, segment);
    case START_OF_SCAN: return read_scan(picture, segment);
    case 0xdb: return !picture->most_across && read_quantisation(picture, segment);
    case 0xdd: return read_restarts(picture, segment);
    default:
        read_hints(&picture->hints, code, segment);
        return (code >= 0xe0 && code <= 0xef) || code == 0xfe; /* of applications; comments */
    }
}

Next read_segments(Picture *picture)
{
    const uint8_t *end = picture->end;
    for (;;) {
        const uint8_t *at = picture->at;
        while (end - at > 1 && at[0] == 0xff && at[1] == 0xff)
            at++; /* fill bytes */
        if (end - at < 2 || at[0] != 0xff)
            return NOTHING_KNOWN;
        if (at[1] == END_OF_IMAGE)
            return THE_END;
        if (end - at < 4)
            return NOTHING_KNOWN;
        int code = at[1], length = word(at + 2);
        if (length < 2 || end - at < 2 + length || !read_segment(picture, code, (Segment){at + 4, (size_t)length - 2}))
            return NOTHING_KNOWN;
        picture->at = at + 2 + length;
        if (code == START_OF_SCAN)
            return A_SCAN;
    }
}
