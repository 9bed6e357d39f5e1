/* Strings: strict parsing and small helpers. All functions take UTF-8; none depends on the locale. */
#ifndef FC_BASE_STR_H
#define FC_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool fc_utf8_valid(const char *s, size_t n); /* no overlong forms, no surrogates, <= U+10FFFF */
/* Decodes one code point at s (n bytes left, n > 0); returns its length; malformed bytes give U+FFFD and
 * length 1. */
size_t fc_utf8_decode(const char *s, size_t n, uint32_t *code_point);
size_t fc_utf8_encode(uint32_t code_point, char out[4]);

/* The whole string must be a number in the C locale: no blanks, no hex; i64 and f64 may have a sign. *out is
 * untouched when the answer is false. */
bool fc_parse_i64(const char *s, int64_t *out);
bool fc_parse_u64(const char *s, uint64_t *out);
bool fc_parse_f64(const char *s, double *out); /* rejects inf and nan */
bool fc_parse_f64_saturating(const char *s,
                             double *out); /* as fc_parse_f64, but too large values give infinity */

bool fc_str_eq_nocase(const char *a, const char *b); /* ASCII case only */
bool fc_str_starts(const char *s, const char *prefix);
bool fc_str_ends(const char *s, const char *suffix);
bool fc_str_ends_nocase(const char *s, const char *suffix);
/* The candidate closest to `wanted` by edit distance, for "did you mean"; NULL when none is close. */
const char *fc_str_closest(const char *wanted, const char *const *candidates, size_t count);

#endif
