/* What tells the sources of this library from others. compiler.py defines SOURCES. */
#include "shared.h"

#ifndef SOURCES
#define SOURCES "unknown"
#endif

EXPORTED const char *raythumbs_sources(void)
{
    return SOURCES;
}
