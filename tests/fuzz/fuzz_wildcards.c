/* Wildcards in prompts, with the built-in files: first byte: seed, second: line number in order mode (255:
 * draw). */
#include <stdlib.h>
#include <string.h>

#include "app/prompt/wildcards.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static void resolve(fc_wildcards *w, const char *text, uint8_t seed, uint8_t order, fc_buf *out)
{
    fc_pyrandom random;
    fc_err err = {0};
    fc_pyrandom_seed(&random, seed);
    fc_wildcard_draw draw = {.random = &random, .in_order = order != 255, .image = order};
    fc_status s = fc_wildcards_apply(w, text, &draw, out, &err);
    check(s == FC_OK ? out->len <= FC_WILDCARD_MAX_TEXT : s == FC_LIMIT && err.message[0] && out->len == 0);
    if (!s && !strstr(text, "__")) check(!strcmp(fc_buf_cstr(out), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fc_wildcards *w; /* kept: opening is slower than everything else */
    char *text = size >= 2 && size < 1 << 14 ? fc_strndup((const char *)data + 2, size - 2) : NULL;
    if (!text) return 0;
    if (!w) check(fc_wildcards_open(NULL, 0, (fc_warn){0}, &w, NULL) == FC_OK);
    fc_buf once, again;
    fc_buf_init(&once, FC_WILDCARD_MAX_TEXT);
    fc_buf_init(&again, FC_WILDCARD_MAX_TEXT);
    resolve(w, text, data[0], data[1], &once);
    resolve(w, text, data[0], data[1], &again);
    check(!strcmp(fc_buf_cstr(&once), fc_buf_cstr(&again)));
    fc_buf_fini(&once);
    fc_buf_fini(&again);
    fc_free(text);
    return 0;
}
