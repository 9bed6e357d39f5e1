/* See vae_canvas.h. */
#include "model/vae_canvas.h"

enum { GROUP = 32 }; /* channels are multiples of it */

static void raise_to(int64_t *most, int64_t amount)
{
    if (amount > *most) *most = amount;
}

static int64_t pixels(const struct vae_plan *p)
{
    return (int64_t)p->n * p->h * p->w;
}

void vae_plan_next(struct vae_plan *p, int32_t channels)
{
    raise_to(&p->buffer[p->turn], pixels(p) * channels);
    p->turn ^= 1;
}

void vae_plan_in_place(struct vae_plan *p, int32_t channels)
{
    raise_to(&p->buffer[p->turn], 2 * pixels(p) * channels);
}

void vae_plan_scratch(struct vae_plan *p, int64_t channels)
{
    raise_to(&p->scratch, pixels(p) * channels);
}

void vae_plan_scratch_fixed(struct vae_plan *p, int64_t elements)
{
    raise_to(&p->scratch, elements);
}

struct vae_canvas vae_canvas_new(fc_cx *cx, const struct vae_plan *p)
{
    struct vae_canvas c = {0};
    for (int i = 0; i < 2; i++) { /* any shape will do */
        int64_t rows = p->buffer[i] / GROUP;
        c.buffer[i] = fc_new(cx, cx->act, 1, 1, rows > 0 ? (int32_t)rows : 1, GROUP);
    }
    return c;
}

fc_tensor vae_canvas_next(struct vae_canvas *c, int32_t n, int32_t h, int32_t w, int32_t channels)
{
    fc_tensor t = c->buffer[c->turn];
    c->turn ^= 1;
    return (fc_tensor){
        .data = t.data, .dtype = t.dtype, .n = n, .h = h, .w = w, .c = channels, .ld = channels};
}

fc_tensor vae_canvas_beside(const struct vae_canvas *c, fc_tensor x, int which)
{
    size_t bytes = (size_t)fc_tensor_rows(x) * (size_t)x.c * fc_dtype_size(x.dtype);
    char *data = c->buffer[c->turn].data;
    x.data = data ? data + (size_t)which * bytes : NULL;
    return x;
}
