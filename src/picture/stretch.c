/* Values stretched to 0..255 between two percentiles. See stretch.h. */
#include "picture/stretch.h"

#include <string.h>
#include "base/mem.h"

/* A float32's bits in an order that is that of its values. */
static uint32_t rank(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

static float value_of(uint32_t rank)
{
    uint32_t bits = rank >> 31 ? rank & 0x7fffffffu : ~rank;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

enum { HALVES = 1 << 16 };

/* Value number `index` of the sorted values: first the upper half of its bits by counting, then the lower. */
static float nth(const float *values, size_t count, size_t index, size_t *counts)
{
    uint32_t high = 0, low = 0;
    memset(counts, 0, HALVES * sizeof *counts);
    for (size_t i = 0; i < count; i++) counts[rank(values[i]) >> 16]++;
    while (index >= counts[high]) index -= counts[high++];
    memset(counts, 0, HALVES * sizeof *counts);
    for (size_t i = 0; i < count; i++) {
        uint32_t r = rank(values[i]);
        if (r >> 16 == high) counts[r & 0xffff]++;
    }
    while (index >= counts[low]) index -= counts[low++];
    return value_of(high << 16 | low);
}

fc_status fc_stretch_percentile(double *out, const float *values, size_t count, double p, fc_err *err)
{
    size_t *counts = fc_calloc(HALVES, sizeof *counts);
    if (!counts) return fc_fail(err, FC_NOMEM, "out of memory for a percentile");
    double position = p * (double)(count - 1);
    size_t index = (size_t)position, next = index + 1 < count ? index + 1 : index;
    double part = position - (double)index;
    float a = nth(values, count, index, counts), b = nth(values, count, next, counts), difference = b - a;
    *out = part < 0.5 ? (double)a + (double)difference * part : (double)b - (double)difference * (1.0 - part);
    fc_free(counts);
    return FC_OK;
}

fc_status fc_stretch_u8(uint8_t *out, const float *values, size_t count, double p, fc_err *err)
{
    double low = 0.0, high = 0.0;
    fc_status status = fc_stretch_percentile(&low, values, count, p, err);
    if (status != FC_OK) return status;
    status = fc_stretch_percentile(&high, values, count, 1.0 - p, err);
    if (status != FC_OK) return status;
    const float zero = (float)low, range = (float)(high - low);
    for (size_t i = 0; i < count; i++) {
        float v = (values[i] - zero) / range * 255.0f;
        out[i] = (uint8_t)(!(v > 0.0f) ? 0.0f : v > 255.0f ? 255.0f : v); /* 0/0 becomes 0 */
    }
    return FC_OK;
}
