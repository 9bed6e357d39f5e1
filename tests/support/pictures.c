#include "support/pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/sha256.h"

json_t *tp_open(const char *part, fc_safetensors *pictures, fc_safetensors *golden)
{
    char name[64];
    fc_test_golden_open_full(pictures, "v25_pixels_pictures.safetensors");
    snprintf(name, sizeof name, "v25_pixels_%s.safetensors", part);
    fc_test_golden_open_full(golden, name);
    snprintf(name, sizeof name, "v25_pixels_%s.json", part);
    return fc_test_golden_json(name);
}

int tp_close(fc_safetensors *pictures, fc_safetensors *golden, json_t *cases)
{
    json_decref(cases);
    fc_safetensors_close(pictures);
    fc_safetensors_close(golden);
    return 0;
}

fc_pixels tp_picture(const fc_safetensors *st, const char *name)
{
    const fc_st_tensor *t = fc_safetensors_find(st, name);
    if (!t) fail_msg("no tensor \"%s\" in the file", name);
    if (t->dtype != FC_U8 || t->ndim < 2 || t->ndim > 3) fail_msg("\"%s\" is no picture", name);
    return (fc_pixels){.data = (uint8_t *)(uintptr_t)t->data,
                       .w = (int32_t)t->shape[1],
                       .h = (int32_t)t->shape[0],
                       .channels = t->ndim == 3 ? (int32_t)t->shape[2] : 1};
}

void tp_check_tensor(const fc_pixels *got, const fc_safetensors *st, const char *name, int32_t every)
{
    fc_pixels want = tp_picture(st, name);
    size_t different = 0;
    int worst = 0;
    if ((got->w + every - 1) / every != want.w || (got->h + every - 1) / every != want.h ||
        got->channels != want.channels)
        fail_msg("%s: %d x %d x %d instead of %d x %d x %d", name, got->w, got->h, got->channels, want.w,
                 want.h, want.channels);
    for (int32_t y = 0; y < want.h; y++)
        for (int32_t x = 0; x < want.w; x++)
            for (int32_t c = 0; c < want.channels; c++) {
                int d = abs(fc_pixels_row(got, y * every)[x * every * got->channels + c] -
                            fc_pixels_row(&want, y)[x * want.channels + c]);
                different += d > 0;
                worst = d > worst ? d : worst;
            }
    if (different)
        fail_msg("%s: %zu of %zu bytes differ, by up to %d", name, different, fc_pixels_size(&want), worst);
}

void tp_check_sum(const fc_pixels *got, const json_t *sums, const char *name)
{
    const json_t *entry = json_object_get(sums, name), *shape = json_object_get(entry, "shape");
    if (!shape) fail_msg("no checksum of \"%s\"", name);
    if (json_integer_value(json_array_get(shape, 0)) != got->h ||
        json_integer_value(json_array_get(shape, 1)) != got->w)
        fail_msg("%s: %d x %d is the wrong size", name, got->w, got->h);
    tp_check_sha256(got, tp_string(entry, "sha256"), name);
}

void tp_check_sha256(const fc_pixels *got, const char *sha256, const char *what)
{
    fc_sha256 sum;
    fc_err err;
    assert_ok(fc_sha256_bytes(got->data, fc_pixels_size(got), &sum, &err), &err);
    if (!sha256 || strcmp(sum.hex, sha256) != 0) fail_msg("%s: other bytes", what);
}

fc_pixels tp_pattern(int32_t w, int32_t h, int32_t channels)
{
    fc_pixels p;
    fc_err err;
    assert_ok(fc_pixels_init(&p, w, h, channels, &err), &err);
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < w; x++) {
            const int values[4] = {x * 13 + y * 7, x * x + 3 * y, x * y * 5 + 40, x * 3 + y * 11};
            for (int32_t c = 0; c < channels; c++)
                fc_pixels_row(&p, y)[x * channels + c] = (uint8_t)values[c];
        }
    return p;
}

static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!value) fail_msg("no member \"%s\"", key);
    return value;
}

int32_t tp_int(const json_t *object, const char *key)
{
    return (int32_t)json_number_value(member(object, key)); /* some are written as 64.0 */
}

double tp_number(const json_t *object, const char *key)
{
    return json_number_value(member(object, key));
}

const char *tp_string(const json_t *object, const char *key)
{
    return json_string_value(member(object, key));
}
