/* The parts of the decoder, and what they hand to one another. See decode.c for the whole.
 *
 * T.81 is the standard of JPEG (ITU-T T.81, ISO 10918-1). A picture is made of MCUs; each has blocks of all
 * components; each block is 64 coefficients in zigzag order. The first is the block's mean (DC), the others waves (AC).
 */
#ifndef RAYTHUMBS_DECODER_H
#define RAYTHUMBS_DECODER_H

#include "../shared.h"

enum {
    MOST_COMPONENTS = 4,
    MOST_BLOCKS = 10,      /* of an MCU (T.81, B.2.3) */
    BLOCK = 8,             /* the side of a block */
    COEFFICIENTS = 64,
    LOOK_BITS = 10,        /* that the table `symbols` is asked for at a time: more would not stay in the L1 cache */
    LOOKS = 1 << LOOK_BITS,
    SKIP_BITS = 12,        /* the same of the table `skips` */
    SKIPS = 1 << SKIP_BITS,
    LONGEST_CODE = 16,
    FIRST_RESTART = 0xd0,  /* markers */
    START_OF_IMAGE = 0xd8,
    END_OF_IMAGE = 0xd9,
    START_OF_SCAN = 0xda,
    LONGEST_AC = 10,       /* bits of a value, with samples of 8 bits (T.81, tables F.1 and F.2) */
    LONGEST_DC = 11,
    LARGEST_MEAN = 1 << 13, /* of a block, before quantisation: 2^11 is the largest of a sound file */
};

/* A Huffman table, ready for use (tables.c). */
typedef struct {
    bool is_set, is_ac, is_progressive;
    bool is_ready;                    /* whether the tables below are made */
    uint8_t counts[LONGEST_CODE + 1]; /* of the codes of each length, as the file has them */
    uint8_t bytes[256];               /* of the symbols, in the order of their codes */
    uint32_t ends[LONGEST_CODE + 1];  /* the code behind the last one of each length, in the high bits of 16 */
    int32_t offsets[LONGEST_CODE + 1];
    uint32_t symbols[LOOKS];          /* the first symbol of the next bits */
    uint16_t skips[2 * SKIPS];        /* all symbols of the next bits; the second half is used, the first builds it */
} Huffman;

typedef struct {
    uint8_t id, across, down, quantisation, dc, ac; /* sampling factors, numbers of tables */
    uint8_t width, height;           /* pixels that a block becomes, 1 to 8 */
    uint8_t last;                    /* the last coefficient, in zigzag order, that such a block needs */
    uint8_t places[COEFFICIENTS];    /* of each coefficient in a block of rows of 8; those not needed go to NOWHERE */
    uint8_t corners[COEFFICIENTS + 1]; /* the sides of the square that the first so many coefficients lie in */
    int32_t steps[COEFFICIENTS];     /* of quantisation, in zigzag order */
    float across_waves[BLOCK][BLOCK], down_waves[BLOCK][BLOCK]; /* of each coefficient, at each pixel (waves.c) */
    const Huffman *dc_table, *ac_table;
    float *plane;                    /* the samples of a row of MCUs: 0 is the middle, and they are not limited yet */
    size_t stride;
} Component;

enum { NOWHERE = COEFFICIENTS };

/* How the samples become colours, as libjpeg chooses it (jdapimin.c, default_decompress_parms). */
typedef enum { GREY, YCC, RGB, CMYK, YCCK } Colours;

/* What a scan has: components by their number in the frame, coefficients, and bits of these (T.81, B.2.3). */
typedef struct {
    int count, components[MOST_COMPONENTS];
    int first, last;                 /* coefficients, in zigzag order */
    int above, low;                  /* the bit that was sent before, 0 for none; the bit that is sent now */
} ScanHead;

/* What the head says of the colours. */
typedef struct {
    bool is_jfif, is_adobes;
    int transform; /* Adobe's */
} Hints;

typedef struct {
    int width, height;               /* of the whole picture */
    int eighths;                     /* of its sides, that are decoded: 1 to 4 */
    int count;
    Component components[MOST_COMPONENTS];
    int most_across, most_down;
    int restart_interval;            /* in MCUs; 0 if there are no restarts */
    Colours colours;
    bool is_progressive;
    Hints hints;
    ScanHead scan;
    const uint8_t *at, *end;         /* the next byte to read, and the end of the file */
    uint16_t quantisation[4][COEFFICIENTS];
    bool has_quantisation[4];
    Huffman huffman[2][4];           /* DC, AC */
} Picture;

/* Pixels of Pillow's memory: a byte each for GREY, else four. Rows lie one behind the other. */
typedef struct {
    uint8_t *pixels;
    int width, height;
} Output;

/* What is read next in a file. */
typedef enum { NOTHING_KNOWN, A_SCAN, THE_END } Next;

/* Reads segments up to the data of the next scan, whose head is in `scan` then, or up to the end marker. Returns
 * NOTHING_KNOWN for a file that this decoder leaves to another one. */
Next read_segments(Picture *picture);

/* Sets what follows from the frame, once it is known. Returns false for a file that is left to another decoder. */
bool set_up(Picture *picture);

/* Fills the waves of a block that becomes `count` pixels. */
void make_waves(float waves[BLOCK][BLOCK], int count);

/* Makes the tables `symbols` and, unless the file is progressive, `skips`. Returns false if the codes are against the
 * rules. */
bool prepare(Huffman *huffman, bool is_progressive);

/* The number of MCUs in a row and of rows of MCUs. */
int mcus_across(const Picture *picture);
int mcus_down(const Picture *picture);

/* Decodes the scan of a file that is not progressive, if its data is whole and sound from its first bit to the end of the
 * picture. Behind it may be the end marker, or nothing at all. */
Outcome decode_scan(Picture *picture, Output output);

/* Converts a row of MCUs from the planes to its place in the output. */
void convert_mcus(const Picture *picture, int row, Output output);

/* Decodes all scans of a progressive file, beginning with the one whose head was read. If `is_part`, coefficients may lack
 * bits, or be left out. */
Outcome decode_progressive(Picture *picture, Output output, bool is_part);

#endif
