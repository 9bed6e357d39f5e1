/* Growable array of 32-bit codes. */
#include "text/codes.h"

#include "base/mem.h"

void fc_codes_init(fc_codes *c, size_t max_codes)
{
    *c = (fc_codes){.max = max_codes};
}

void fc_codes_fini(fc_codes *c)
{
    fc_free(c->data);
    *c = (fc_codes){0};
}

void fc_codes_reset(fc_codes *c)
{
    c->len = 0;
    c->status = FC_OK;
}

static void reserve(fc_codes *c, size_t len)
{
    if (c->status || len <= c->cap) return;
    if (len > c->max) {
        c->status = FC_LIMIT;
        return;
    }
    size_t cap = c->cap > c->max / 2 ? c->max : c->cap * 2;
    if (cap < len) cap = len;
    if (cap < 64 && c->max >= 64) cap = 64;
    size_t bytes;
    uint32_t *data = fc_size_mul(cap, sizeof *data, &bytes) ? fc_realloc(c->data, bytes) : NULL;
    if (!data) {
        c->status = FC_NOMEM;
        return;
    }
    c->data = data;
    c->cap = cap;
}

void fc_codes_push(fc_codes *c, uint32_t code)
{
    reserve(c, c->len + 1);
    if (!c->status) c->data[c->len++] = code;
}
