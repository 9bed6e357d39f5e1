/* Numbers as Python's float() reads them; the weights in prompts are defined by it. */
#ifndef FC_TEXT_PYFLOAT_H
#define FC_TEXT_PYFLOAT_H

#include <stddef.h>
#include "base/status.h"

/* The whole of text (UTF-8) must be a number: white space around it, a sign, digits of any script with single
 * underscores between, an exponent, or inf, infinity, nan in any case. Too large values give infinity.
 * FC_ARG when it is no number. */
fc_status fc_pyfloat_parse(const char *text, size_t size, double *out) FC_MUST_USE;

#endif
