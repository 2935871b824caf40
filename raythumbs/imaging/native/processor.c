/* What this machine's processor can do. */
#include "shared.h"

#if HAS_TWINS
#include <cpuid.h>

/* Returns whether the processor has AVX2, BMI1, BMI2 and LZCNT, and whether the system saves their registers. */
static bool looked_for_avx2(void)
{
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return false;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return false;
    bool has_most = (b & bit_AVX2) && (b & bit_BMI) && (b & bit_BMI2);
    return has_most && __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT);
}

bool has_avx2(void)
{
    static int known; /* 0: not looked yet. Threads may look at once: they find the same. */
    if (!__atomic_load_n(&known, __ATOMIC_RELAXED))
        __atomic_store_n(&known, looked_for_avx2() ? 2 : 1, __ATOMIC_RELAXED);
    return __atomic_load_n(&known, __ATOMIC_RELAXED) == 2;
}
#else
bool has_avx2(void) { return false; }
#endif
