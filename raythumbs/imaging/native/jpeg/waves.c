/* The waves that the coefficients of a block stand for. */
#include "decoder.h"

enum { QUARTER = 24 }; /* of a turn, in steps of pi / 48: every angle that occurs is a multiple of it */

static const double COSINES[QUARTER + 1] = {
    1.0, 0.99785892323860348, 0.99144486137381038, 0.98078528040323043, 0.96592582628906831, 0.94693012949510569,
    0.92387953251128674, 0.89687274153268837, 0.86602540378443871, 0.83146961230254524, 0.79335334029123517,
    0.75183980747897738, 0.70710678118654757, 0.65934581510006895, 0.60876142900872066, 0.55557023301960229,
    0.50000000000000011, 0.44228869021900125, 0.38268343236508984, 0.32143946530316159, 0.25881904510252074,
    0.19509032201612833, 0.13052619222005157, 0.06540312923014327, 0.0,
};

static double cosine(int angle)
{
    angle %= 4 * QUARTER;
    if (angle > 2 * QUARTER)
        angle = 4 * QUARTER - angle;
    return angle > QUARTER ? -COSINES[2 * QUARTER - angle] : COSINES[angle];
}

/* A block of 8 becomes `count` pixels by the inverse transform of its first `count` coefficients alone (T.81, A.3.3,
 * with `count` in place of 8). That is a sharper low-pass than the mean of pixels, which libjpeg-turbo makes. */
void make_waves(float waves[BLOCK][BLOCK], int count)
{
    for (int wave = 0; wave < BLOCK; wave++)
        for (int at = 0; at < BLOCK; at++) {
            double height = wave ? 0.5 : 0.35355339059327379; /* half of the root of a half */
            bool is_there = wave < count && at < count;
            waves[wave][at] = is_there ? (float)(height * cosine((2 * at + 1) * wave * (QUARTER / count))) : 0.0f;
        }
}
