/* What the tokenizers need to know about Unicode characters, as Python 3.10 (the reference's) sees them.
 *
 * Which code points exist is fixed to Unicode 13.0 by a table of our own, so that a prompt has the same
 * tokens whatever version of utf8proc is installed; categories, case and decompositions of existing
 * characters come from utf8proc. */
#ifndef FC_TEXT_UNICODE_H
#define FC_TEXT_UNICODE_H

#include <stdbool.h>
#include <stdint.h>
#include "text/codes.h"

bool fc_unicode_is_other(uint32_t c);       /* category C*: control, format, private use, unassigned */
bool fc_unicode_is_space(uint32_t c);       /* str.isspace() */
bool fc_unicode_is_letter(uint32_t c);      /* L* */
bool fc_unicode_is_number(uint32_t c);      /* N* */
bool fc_unicode_is_punctuation(uint32_t c); /* P* and the ASCII symbols such as $ + < = > ^ ` | ~ */
bool fc_unicode_is_nonspacing(uint32_t c);  /* Mn */
bool fc_unicode_is_ideograph(uint32_t c);   /* the blocks that BERT's tokenizer calls Chinese characters */
int fc_unicode_decimal(uint32_t c); /* value of a decimal digit of any script, -1 for other characters */

/* These write to out, which must be empty, and leave in alone. One code becomes at most 2 codes in lower
 * case, 4 in NFD. */
void fc_unicode_lower(const fc_codes *in, fc_codes *out);     /* str.lower(), final sigma included */
void fc_unicode_decompose(const fc_codes *in, fc_codes *out); /* NFD */
void fc_unicode_compose(const fc_codes *in, fc_codes *out);   /* NFC */

#endif
