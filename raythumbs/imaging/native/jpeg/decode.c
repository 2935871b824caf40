/* Decodes a JPEG straight to 1/8, 1/4, 3/8 or 1/2 of its sides, for thumbnails.
 *
 * libjpeg decodes every coefficient of every block, and drops those that a small picture does not need. This decoder
 * looks at the needed ones only, and passes over the others several at a time. It reads Huffman JPEGs of 8 bits: baseline
 * and extended ones of one scan, which cameras and phones write, and progressive ones. It leaves all others to libjpeg,
 * and also every file that is not sound from its first byte to its end marker.
 *
 *     head.c         the segments between the scans    frame.c    what follows from the frame's head
 *     tables.c       Huffman tables                    bits.h     the bits of a scan, and their symbols
 *     scan.c         the scan of a baseline file       pixels.h   from coefficients to samples
 *     progressive.c  the scans of a progressive file   waves.c    the waves that coefficients stand for
 *     blocks.c       what is kept between these        colours.c  from samples to colours
 *
 * Nothing here trusts the file. Each read is before `end`; each write is in a plane or in `pixels`, whose sizes follow
 * from the picture's. */
#define _GNU_SOURCE /* for MAP_POPULATE */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "decoder.h"

/* Gives each component memory for a row of MCUs. Blocks may be put 8 samples wide, and so beyond the last column. */
static float *allocate_planes(Picture *picture)
{
    size_t stride = (size_t)mcus_across(picture) * (size_t)(picture->eighths * picture->most_across) + BLOCK;
    size_t plane = stride * (size_t)(picture->eighths * picture->most_down);
    float *memory = malloc(plane * (size_t)picture->count * sizeof *memory);
    for (int n = 0; memory && n < picture->count; n++) {
        picture->components[n].plane = memory + plane * (size_t)n;
        picture->components[n].stride = stride;
    }
    return memory;
}

static Outcome decode_into(
    Picture *picture, const uint8_t *file, size_t size, Output output, size_t bytes, bool is_part)
{
    picture->at = file + 2;
    picture->end = file + size;
    if (size < 2 || file[0] != 0xff || file[1] != START_OF_IMAGE)
        return LEFT_TO_OTHERS;
    if (read_segments(picture) != A_SCAN || !picture->count || !set_up(picture))
        return LEFT_TO_OTHERS;
    int width = (picture->width * picture->eighths + BLOCK - 1) / BLOCK;
    int height = (picture->height * picture->eighths + BLOCK - 1) / BLOCK;
    size_t needed = (size_t)width * (size_t)height * (picture->colours == GREY ? 1 : 4);
    if (width != output.width || height != output.height || bytes != needed)
        return LEFT_TO_OTHERS;
    float *planes = allocate_planes(picture);
    if (!planes)
        return NO_MEMORY;
    Outcome outcome =
        picture->is_progressive ? decode_progressive(picture, output, is_part) : decode_scan(picture, output);
    free(planes);
    return outcome;
}

/* Decodes the file to `eighths` (1 to 4) of its sides, into `bytes` bytes of `pixels`, which are `width` by `height`
 * pixels: of one byte for a grey picture, else of four, in the order of Pillow's modes RGBX and CMYK. `is_part` says that the
 * file has only those scans of a progressive one that suffice.
 * Returns an Outcome. */
EXPORTED int raythumbs_decode_jpeg(
    const uint8_t *file, size_t size, bool is_part, int eighths, uint8_t *pixels, size_t bytes, int width, int height)
{
    if (eighths < 1 || eighths > 4 || width < 1 || height < 1)
        return LEFT_TO_OTHERS;
    Picture *picture = calloc(1, sizeof *picture);
    if (!picture)
        return NO_MEMORY;
    picture->eighths = eighths;
    Outcome outcome = decode_into(picture, file, size, (Output){pixels, width, height}, bytes, is_part);
    free(picture);
    return outcome;
}

/* Does the same for the file of a descriptor, which is neither copied nor moved. */
EXPORTED int raythumbs_decode_jpeg_file(
    int descriptor, int eighths, uint8_t *pixels, size_t bytes, int width, int height)
{
    struct stat about;
    if (fstat(descriptor, &about) || about.st_size < 1)
        return LEFT_TO_OTHERS;
    size_t size = (size_t)about.st_size;
    void *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor, 0);
    if (file == MAP_FAILED)
        return LEFT_TO_OTHERS;
    int outcome = raythumbs_decode_jpeg(file, size, false, eighths, pixels, bytes, width, height);
    munmap(file, size);
    return outcome;
}
