/* See inpaint_head.h. */
#include "model/inpaint_head.h"

#include "base/mem.h"

enum { LATENT = 4, INPUTS = LATENT + 1, MAX_WIDTH = 8192 };
#define ARENA_CAP ((size_t)1 << 16)

struct fc_inpaint_head {
    fc_arena arena;
    fc_slot *slots;
    fc_conv_w conv;
};

fc_status fc_inpaint_head_open(fc_inpaint_head **out, fc_weights *w, fc_err *err)
{
    int64_t width = fc_weights_dim(w, "head", 0);
    fc_binder b;
    *out = NULL;
    if (width < 1 || width > MAX_WIDTH || fc_weights_dim(w, "head", 1) != INPUTS)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this is no head of an inpainting engine; fetch fooocus_inpaint_head.pth");
    fc_inpaint_head *head = fc_calloc(1, sizeof *head);
    if (!head) return fc_fail(err, FC_NOMEM, "out of memory while opening the inpainting engine");
    fc_arena_init(&head->arena, ARENA_CAP);
    fc_binder_init(&b, w, &head->arena);
    fc_bind_conv_named(&b, &head->conv, INPUTS, (int32_t)width, 3, "head", NULL);
    head->conv.geom = (fc_conv_geom){3, 3, 1, 0, 0, 0, 0, 0}; /* its input brings its own edges */
    fc_status status = fc_binder_finish(&b, err);
    head->slots = b.slots;
    if (status) {
        fc_inpaint_head_close(head);
        return status;
    }
    *out = head;
    return FC_OK;
}

void fc_inpaint_head_close(fc_inpaint_head *head)
{
    if (!head) return;
    fc_slots_forget(head->slots);
    fc_arena_fini(&head->arena);
    fc_free(head);
}

int32_t fc_inpaint_head_width(const fc_inpaint_head *head)
{
    return head->conv.cout;
}

static int32_t inside(int32_t i, int32_t size)
{
    return i < 0 ? 0 : i < size ? i : size - 1;
}

/* [h + 2][w + 2][INPUTS] */
static void fill(float *out, const float *mask, const float *latent, int32_t h, int32_t w)
{
    size_t plane = (size_t)h * (size_t)w;
    for (int32_t y = -1; y <= h; y++)
        for (int32_t x = -1; x <= w; x++) {
            size_t from = (size_t)inside(y, h) * (size_t)w + (size_t)inside(x, w);
            *out++ = mask[from];
            for (size_t k = 0; k < LATENT; k++) *out++ = latent[k * plane + from];
        }
}

fc_tensor fc_inpaint_head_run(fc_cx *cx, const fc_inpaint_head *head, const float *mask, const float *latent,
                              int32_t h, int32_t w)
{
    fc_tensor feature = fc_new(cx, cx->act, 1, h, w, head->conv.cout);
    fc_mark m = fc_enter(cx, "inpaint_head");
    float *padded = fc_calloc((size_t)(h + 2) * (size_t)(w + 2) * INPUTS, sizeof *padded);
    if (padded) {
        fill(padded, mask, latent, h, w);
        fc_tensor x = fc_convert(cx, fc_upload(cx, FC_F32, padded, 1, h + 2, w + 2, INPUTS), cx->act);
        fc_conv2d_to(cx, feature, x, &head->conv, FC_PLAIN);
        fc_probe(cx, NULL, feature);
    } else {
        fc_cx_fail(cx, FC_NOMEM, "out of memory");
    }
    fc_free(padded);
    fc_leave(cx, m);
    return feature;
}
