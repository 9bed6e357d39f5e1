/* Contrast by percentiles, in NumPy's arithmetic. */
#ifndef FC_PICTURE_STRETCH_H
#define FC_PICTURE_STRETCH_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

/* The value below which the fraction p (0 .. 1) of values [count] lies, linear between two of them. Values
 * must be numbers; count at least 1. NOMEM. */
fc_status fc_stretch_percentile(double *out, const float *values, size_t count, double p,
                                fc_err *err) FC_MUST_USE;

/* values -> 0 .. 255, with 0 at the percentile p and 255 at 1 - p; what lies outside is cut off. When both
 * percentiles are equal, what is above becomes 255, the rest 0. */
fc_status fc_stretch_u8(uint8_t *out, const float *values, size_t count, double p, fc_err *err) FC_MUST_USE;

#endif
