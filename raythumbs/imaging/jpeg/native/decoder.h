/* The parts of the decoder, and what they hand to one another. See decode.c for the whole.
 *
 * T.81 is the standard of JPEG (ITU-T T.81, ISO 10918-1). A picture is made of MCUs; each has blocks of all
 * components; each block is 64 coefficients in zigzag order. The first is the block's mean (DC), the others waves (AC).
 */
#ifndef RAYTHUMBS_DECODER_H
#define RAYTHUMBS_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

/* Functions that take most of the time exist twice on x86-64: for every processor, and for those that have AVX2. Both
 * give the same pixels: floats are never contracted (-ffp-contract=off). */
#if defined(__x86_64__)
#define HAS_TWINS 1
#define FOR_AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt")))
#else
#define HAS_TWINS 0
#endif

enum {
    MOST_COMPONENTS = 4,
    MOST_BLOCKS = 10,      /* of an MCU (T.81, B.2.3) */
    BLOCK = 8,             /* the side of a block */
    COEFFICIENTS = 64,
    LOOK_BITS = 11,        /* that a table is asked for at a time: more would not stay in the L1 cache */
    LOOKS = 1 << LOOK_BITS,
    LONGEST_CODE = 16,
    LONGEST_AC = 10,       /* bits of a value, with samples of 8 bits (T.81, tables F.1 and F.2) */
    LONGEST_DC = 11,
};

/* A Huffman table, ready for use (tables.c). */
typedef struct {
    bool is_set, is_ac;
    uint8_t counts[LONGEST_CODE + 1]; /* of the codes of each length, as the file has them */
    uint8_t bytes[256];               /* of the symbols, in the order of their codes */
    uint32_t ends[LONGEST_CODE + 1];  /* the code behind the last one of each length, in the high bits of 16 */
    int32_t offsets[LONGEST_CODE + 1];
    uint16_t symbols[LOOKS];          /* the first symbol of the next bits */
    uint16_t skips[2 * LOOKS];        /* all symbols of the next bits; the second half is used, the first builds it */
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

typedef struct {
    int width, height;               /* of the whole picture */
    int eighths;                     /* of its sides, that are decoded: 1 to 4 */
    int count;
    Component components[MOST_COMPONENTS];
    int most_across, most_down;
    int restart_interval;            /* in MCUs; 0 if there are no restarts */
    Colours colours;
    const uint8_t *scan, *end;       /* the coded data, and the end of the file */
    uint16_t quantisation[4][COEFFICIENTS];
    bool has_quantisation[4];
    Huffman huffman[2][4];           /* DC, AC */
} Picture;

/* Pixels of Pillow's memory: a byte each for GREY, else four. Rows lie one behind the other. */
typedef struct {
    uint8_t *pixels;
    int width, height;
} Output;

/* Reads the file's head up to its scan. Returns false for a file that this decoder leaves to another one. */
bool read_head(Picture *picture, const uint8_t *file, size_t size);

/* Fills the waves of a block that becomes `count` pixels. */
void make_waves(float waves[BLOCK][BLOCK], int count);

/* Makes the tables `symbols` and `skips`. Returns false if the codes are against the rules. */
bool prepare(Huffman *huffman);

/* What comes of a file. The numbers are those that Python gets. */
typedef enum { DECODED = 0, LEFT_TO_OTHERS = 1, NO_MEMORY = 2, DECODED_WITHOUT_END = 3 } Outcome;

/* Decodes the scan, if its data is whole and sound from its first bit to the end of the picture. Behind it may be the end
 * marker, or nothing at all. */
Outcome decode_scan(const Picture *picture, Output output);

/* Converts a row of pixels from the samples of each component. */
void convert_row(Colours colours, const float *const samples[], uint8_t *pixels, int width);

bool has_avx2(void);

#endif
