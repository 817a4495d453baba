/* quant_fit.c: which step tells a handful of weights best, in the few codes that a block has.
 *
 * The step that just reaches the greatest weight wastes codes on one outlier; so a few steps around it are tried, each is bettered
 * once by least squares against the codes it leads to, and the one that loses least is taken. */
#include "engine/quant_priv.h"
#include <math.h>

static int nearest(float steps, int low, int high)
{
    float r = rintf(steps);
    return r <= (float)low ? low : r >= (float)high ? high : (int)r; /* NaN cannot come: weights are finite */
}

int quant_code_signed(float x, float step, int half)
{
    return step == 0 ? 0 : nearest(x / step, -half, half - 1);
}

int quant_code_affine(float x, float step, float floor_, int top)
{
    return step == 0 ? 0 : nearest((x + floor_) / step, 0, top);
}

int quant_code_nl(float x, float step)
{
    float steps = step == 0 ? 0 : x / step;
    int code = 0;
    while (code < 15 && steps > (float)(quant_nl[code] + quant_nl[code + 1]) / 2)
        code++;
    return code;
}

/* The one of greatest size, with its sign. */
static float greatest(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
    return most;
}

/* Codes that are symmetric but for one: values of a code through value_of. What is lost is Σx² − (Σxv)²/Σv² with the best
 * step Σxv/Σv² for these codes, so the greatest (Σxv)²/Σv² wins. */
static float fit(const float *x, size_t n, float first, float (*value)(float x, float step, int half), int half)
{
    float best_step = first, best = 0;
    for (int k = -4; first != 0 && k <= 4; k++) {
        float step = first * (1 + 0.03f * (float)k), xv = 0, vv = 0;
        for (size_t i = 0; i < n; i++) {
            float v = value(x[i], step, half);
            xv += x[i] * v;
            vv += v * v;
        }
        if (vv > 0 && xv * xv > best * vv) {
            best = xv * xv / vv;
            best_step = xv / vv;
        }
    }
    return best_step;
}

static float value_signed(float x, float step, int half)
{
    return (float)quant_code_signed(x, step, half);
}

static float value_nl(float x, float step, int half)
{
    (void)half;
    return (float)quant_nl[quant_code_nl(x, step)];
}

float quant_fit_signed(const float *x, size_t n, int half)
{
    return fit(x, n, greatest(x, n) / (float)-half, value_signed, half);
}

float quant_fit_nl(const float *x, size_t n)
{
    return fit(x, n, greatest(x, n) / (float)quant_nl[0], value_nl, 0);
}

static float lost_affine(const float *x, size_t n, int top, float step, float floor_)
{
    float lost = 0;
    for (size_t i = 0; i < n; i++) {
        float off = step * (float)quant_code_affine(x[i], step, floor_, top) - floor_ - x[i];
        lost += off * off;
    }
    return lost;
}

/* Least squares of x against the codes that (step, floor) lead to; false where it has no answer that a block can hold. */
static bool better_affine(const float *x, size_t n, int top, float *step, float *floor_)
{
    float q_sum = 0, qq = 0, x_sum = 0, qx = 0, count = (float)n;
    for (size_t i = 0; i < n; i++) {
        float q = (float)quant_code_affine(x[i], *step, *floor_, top);
        q_sum += q;
        qq += q * q;
        x_sum += x[i];
        qx += q * x[i];
    }
    float det = count * qq - q_sum * q_sum;
    float slope = det > 0 ? (count * qx - q_sum * x_sum) / det : 0,
          base = det > 0 ? (qq * x_sum - q_sum * qx) / det : 0;
    if (slope <= 0 || base > 0)
        return false;
    *step = slope;
    *floor_ = -base;
    return true;
}

void quant_fit_affine(const float *x, size_t n, int top, float *step, float *floor_)
{
    float low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    *step = (high - low) / (float)top;
    *floor_ = -low;
    float best = lost_affine(x, n, top, *step, *floor_), s = *step, f = *floor_;
    for (int round = 0; round < 4 && best > 0 && better_affine(x, n, top, &s, &f); round++) {
        float lost = lost_affine(x, n, top, s, f);
        if (lost >= best)
            break;
        best = lost;
        *step = s;
        *floor_ = f;
    }
}
