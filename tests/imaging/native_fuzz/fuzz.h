/* What the fuzzers of all formats share. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns a number below another one, at random. */
uint32_t chance(uint32_t below);

/* Changes a file at random, and returns its new size, which is no larger. */
size_t damage_jpeg(uint8_t *file, size_t size);
size_t damage_png(uint8_t *file, size_t size);

/* Decodes a file. Returns 0 if the decoder took it. */
int decode_jpeg(const uint8_t *bytes, size_t size);
int decode_png(const uint8_t *bytes, size_t size);

#endif
