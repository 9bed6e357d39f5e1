/* Golden pictures: tensors of 8 bits, [h][w] or [h][w][channels], and SHA-256 sums of those that are not
 * stored. */
#ifndef FC_TESTS_PICTURES_H
#define FC_TESTS_PICTURES_H

#include "format/pixels.h"
#include "support/support.h"

/* References of one part of src/picture - "canny" -> v25_pixels_canny.safetensors and, returned, .json - and
 * the pictures that all parts share. */
json_t *tp_open(const char *part, fc_safetensors *pictures, fc_safetensors *golden);
int tp_close(fc_safetensors *pictures, fc_safetensors *golden, json_t *cases); /* 0 */

/* A tensor of an open file as a borrowed picture (not to be freed or changed); fails the test when it does
 * not exist or is no picture. */
fc_pixels tp_picture(const fc_safetensors *st, const char *name);

/* Whether the picture equals the tensor; prints how many bytes differ and by how much when not. `every` > 1:
 * the tensor holds every n-th row and column. */
void tp_check_tensor(const fc_pixels *got, const fc_safetensors *st, const char *name, int32_t every);
/* The same against {"shape": [...], "sha256": "..."}, the entry `name` of a JSON object. */
void tp_check_sum(const fc_pixels *got, const json_t *sums, const char *name);

/* The same against the sum itself; `what` names the picture. */
void tp_check_sha256(const fc_pixels *got, const char *sha256, const char *what);

/* The same arithmetic as pattern() in tests/data/images/make.py for three channels: full of edges. */
fc_pixels tp_pattern(int32_t w, int32_t h, int32_t channels);

/* Members of a JSON object; a missing one fails the test. */
int32_t tp_int(const json_t *object, const char *key);
double tp_number(const json_t *object, const char *key);
const char *tp_string(const json_t *object, const char *key);

#endif
