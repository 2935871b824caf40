"""HEIC and AVIF: boxes of ISO/IEC 14496-12, which hold the items of ISO/IEC 23008-12. Both standards are cited by
their short names, ISOBMFF and HEIF."""
