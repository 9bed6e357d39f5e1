/* See ip_adapter.h. Must match PerceiverAttention and Resampler of the adapter's publication. */
#include "model/ip_adapter.h"

#include <stdio.h>

#include "base/mem.h"

enum { HEAD_WIDTH = 64, MAX_LAYERS = 16, MAX_TOKENS = 1024, MAX_WIDTH = 8192, NAME_SIZE = 64 };
static const float EPS = 1e-5f;
#define ARENA_CAP ((size_t)1 << 20)
#define RESAMPLER "image_proj."

/* Latents look at the picture and at themselves, then go through a feed-forward; each adds to them. */
struct layer {
    char name[20];
    fc_norm_w norm_picture, norm_latents, norm_mlp;
    fc_linear_w q, kv, out, mlp_in, mlp_out;
};

struct fc_ip_adapter {
    fc_arena arena;
    fc_slot *slots;
    const fc_weight *latents; /* [1][tokens][inside] */
    int32_t tokens, inside, picture_width, width, heads, mlp, layers, crosses;
    fc_linear_w proj_in, proj_out;
    fc_norm_w norm_out;
    struct layer layer[MAX_LAYERS];
    fc_linear_w cross[FC_UNET_MAX_CROSS]; /* keys and values */
};

/* ---- what the file holds ---- */

static int32_t dim(fc_weights *w, const char *name, int32_t d)
{
    int64_t n = fc_weights_dim(w, name, d);
    return n > INT32_MAX ? 0 : (int32_t)n;
}

static bool has_layer(fc_weights *w, int32_t i)
{
    char q[NAME_SIZE], mlp[NAME_SIZE];
    snprintf(q, sizeof q, RESAMPLER "layers.%d.0.to_q.weight", i);
    snprintf(mlp, sizeof mlp, RESAMPLER "layers.%d.1.3.weight", i);
    return dim(w, q, 0) >= 0 || dim(w, mlp, 0) >= 0;
}

static bool in_range(int32_t n, int32_t max)
{
    return n > 0 && n <= max;
}

static fc_status read_sizes(fc_ip_adapter *a, fc_weights *w, const fc_unet_layout *l, fc_err *err)
{
    static const char latents[] = RESAMPLER "latents";
    int32_t text = dim(w, "ip_adapter.1.to_k_ip.weight", 1);
    int32_t inner = dim(w, RESAMPLER "layers.0.0.to_q.weight", 0);
    a->latents = fc_weights_find(w, latents);
    if (!a->latents || text < 0)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this is no image prompt adapter of the \"plus\" kind; use "
                       "ip-adapter-plus_sdxl_vit-h.bin");
    if (text != l->context_width)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this image prompt adapter is made for texts %d wide, those of the model are %d wide: "
                       "choose an adapter for SDXL",
                       (int)text, (int)l->context_width);
    a->tokens = dim(w, latents, 1);
    a->inside = dim(w, latents, 2);
    a->picture_width = dim(w, RESAMPLER "proj_in.weight", 1);
    a->mlp = dim(w, RESAMPLER "layers.0.1.1.weight", 0);
    a->width = text;
    a->heads = inner / HEAD_WIDTH;
    a->crosses = l->cross_count;
    while (a->layers <= MAX_LAYERS && has_layer(w, a->layers)) a->layers++;
    bool sane = a->latents->ndim == 3 && a->latents->shape[0] == 1 && a->latents->data &&
                fc_dtype_is_float(a->latents->dtype) && in_range(a->tokens, MAX_TOKENS) &&
                in_range(a->inside, MAX_WIDTH) && in_range(a->picture_width, MAX_WIDTH) &&
                in_range(inner, MAX_WIDTH) && inner % HEAD_WIDTH == 0 && in_range(a->mlp, 8 * MAX_WIDTH) &&
                in_range(a->layers, MAX_LAYERS);
    if (sane) return FC_OK;
    return fc_fail(err, FC_FORMAT, "the image prompt adapter has impossible sizes; download the file again");
}

/* ---- binding ---- */

static void bind_layer(fc_binder *b, const fc_ip_adapter *a, struct layer *l, int32_t number)
{
    char p[NAME_SIZE];
    int32_t inner = a->heads * HEAD_WIDTH;
    snprintf(l->name, sizeof l->name, "layers.%d", (int)number);
    snprintf(p, sizeof p, RESAMPLER "%s", l->name);
    fc_bind_norm(b, &l->norm_picture, a->inside, 0, EPS, "%s.0.norm1", p);
    fc_bind_norm(b, &l->norm_latents, a->inside, 0, EPS, "%s.0.norm2", p);
    fc_bind_linear(b, &l->q, a->inside, inner, FC_NO_BIAS, "%s.0.to_q", p);
    fc_bind_linear(b, &l->kv, a->inside, 2 * inner, FC_NO_BIAS, "%s.0.to_kv", p);
    fc_bind_linear(b, &l->out, inner, a->inside, FC_NO_BIAS, "%s.0.to_out", p);
    fc_bind_norm(b, &l->norm_mlp, a->inside, 0, EPS, "%s.1.0", p);
    fc_bind_linear(b, &l->mlp_in, a->inside, a->mlp, FC_NO_BIAS, "%s.1.1", p);
    fc_bind_linear(b, &l->mlp_out, a->mlp, a->inside, FC_NO_BIAS, "%s.1.3", p);
}

/* Keys and values of the cross attentions of blocks [first, end); *number counts through the file, where they
 * have odd numbers. */
static void bind_crosses(fc_binder *b, fc_ip_adapter *a, const fc_unet_layout *l, int32_t first, int32_t end,
                         int32_t *number)
{
    static const char *const kv[] = {"to_k_ip", "to_v_ip", NULL};
    for (int32_t i = first; i < end; i++)
        for (int32_t k = 0; k < l->block[i].layer_count; k++) {
            const fc_unet_layer *y = &l->block[i].layer[k];
            for (int32_t j = 0; y->kind == FC_UNET_ATTN && j < y->depth; j++) {
                char prefix[NAME_SIZE];
                snprintf(prefix, sizeof prefix, "ip_adapter.%d", 2 * (*number)++ + 1);
                fc_bind_linear_stack(b, &a->cross[y->cross + j], a->width, y->cin, FC_NO_BIAS, prefix, kv);
            }
        }
}

static fc_status bind_all(fc_ip_adapter *a, fc_weights *w, const fc_unet_layout *l, fc_err *err)
{
    int32_t number = 0, middle = l->inputs, outputs = l->inputs + l->middles;
    fc_binder b;
    fc_binder_init(&b, w, &a->arena);
    fc_bind_linear(&b, &a->proj_in, a->picture_width, a->inside, FC_BIAS, RESAMPLER "proj_in");
    fc_bind_linear(&b, &a->proj_out, a->inside, a->width, FC_BIAS, RESAMPLER "proj_out");
    fc_bind_norm(&b, &a->norm_out, a->width, 0, EPS, RESAMPLER "norm_out");
    for (int32_t i = 0; i < a->layers; i++) bind_layer(&b, a, &a->layer[i], i);
    bind_crosses(&b, a, l, 0, middle, &number); /* in the file's order: the middle comes last */
    bind_crosses(&b, a, l, outputs, outputs + l->outputs, &number);
    bind_crosses(&b, a, l, middle, outputs, &number);
    fc_status status = fc_binder_finish(&b, err);
    a->slots = b.slots;
    return status;
}

fc_status fc_ip_adapter_open(fc_ip_adapter **out, fc_weights *w, const fc_unet_layout *layout, fc_err *err)
{
    *out = NULL;
    fc_ip_adapter *a = fc_calloc(1, sizeof *a);
    if (!a) return fc_fail(err, FC_NOMEM, "out of memory while opening the image prompt adapter");
    fc_arena_init(&a->arena, ARENA_CAP);
    fc_status status = read_sizes(a, w, layout, err);
    if (status != FC_OK) goto out;
    status = bind_all(a, w, layout, err);
out:
    if (status) {
        fc_ip_adapter_close(a);
        return status;
    }
    *out = a;
    return FC_OK;
}

void fc_ip_adapter_close(fc_ip_adapter *a)
{
    if (!a) return;
    fc_slots_forget(a->slots);
    fc_arena_fini(&a->arena);
    fc_free(a);
}

void fc_ip_adapter_rest(fc_ip_adapter *a)
{
    if (a) fc_slots_forget(a->slots);
}

int32_t fc_ip_adapter_tokens(const fc_ip_adapter *a)
{
    return a->tokens;
}

int32_t fc_ip_adapter_width(const fc_ip_adapter *a)
{
    return a->width;
}

int32_t fc_ip_adapter_picture_width(const fc_ip_adapter *a)
{
    return a->picture_width;
}

/* ---- running ---- */

static fc_tensor upload_latents(fc_cx *cx, const fc_ip_adapter *a)
{
    fc_tensor x = {0};
    float *host = fc_calloc((size_t)a->tokens * (size_t)a->inside, sizeof *host);
    fc_status status = host ? fc_weight_read(a->latents, 0, 1, host) : FC_NOMEM;
    if (status)
        fc_cx_fail(cx, status, "cannot read the latents of the image prompt adapter");
    else
        x = fc_upload(cx, cx->act, host, 1, 1, a->tokens, a->inside);
    fc_free(host);
    return x;
}

/* x += to_out(attention(x, picture and x)); x += mlp(x) */
static void run_layer(fc_cx *cx, const fc_ip_adapter *a, const struct layer *l, fc_tensor x,
                      fc_tensor picture)
{
    fc_mark m = fc_enter(cx, l->name);
    int32_t inner = a->heads * HEAD_WIDTH;
    fc_tensor kv = fc_new(cx, x.dtype, 1, 1, picture.w + x.w, 2 * inner);
    fc_tensor latents = fc_layer_norm(cx, x, &l->norm_latents);
    fc_linear_to(cx, fc_tensor_positions(kv, 0, picture.w), fc_layer_norm(cx, picture, &l->norm_picture),
                 &l->kv, FC_PLAIN);
    fc_linear_to(cx, fc_tensor_positions(kv, picture.w, x.w), latents, &l->kv, FC_PLAIN);
    fc_tensor q = fc_linear(cx, latents, &l->q, FC_PLAIN);
    fc_tensor h = fc_attention(cx, q, fc_tensor_channels(kv, 0, inner), fc_tensor_channels(kv, inner, inner),
                               a->heads, false);
    fc_linear_to(cx, x, h, &l->out, (fc_epi){.add = x});
    fc_probe(cx, "attn", x);
    h = fc_layer_norm(cx, x, &l->norm_mlp);
    h = fc_linear(cx, h, &l->mlp_in, (fc_epi){.act = FC_ACT_GELU});
    fc_linear_to(cx, x, h, &l->mlp_out, (fc_epi){.add = x});
    fc_probe(cx, NULL, x);
    fc_leave(cx, m);
}

fc_tensor fc_ip_adapter_resample(fc_cx *cx, const fc_ip_adapter *a, fc_tensor state)
{
    fc_tensor tokens = fc_new(cx, cx->act, 1, 1, a->tokens, a->width);
    fc_mark m = fc_enter(cx, "ip_adapter");
    fc_tensor picture = fc_linear(cx, fc_convert(cx, state, cx->act), &a->proj_in, FC_PLAIN);
    fc_tensor x = upload_latents(cx, a);
    for (int32_t i = 0; i < a->layers; i++) run_layer(cx, a, &a->layer[i], x, picture);
    x = fc_linear(cx, x, &a->proj_out, FC_PLAIN);
    fc_copy_to(cx, tokens, fc_layer_norm(cx, x, &a->norm_out));
    fc_probe(cx, "tokens", tokens);
    fc_leave(cx, m);
    return tokens;
}

void fc_ip_adapter_keys(fc_cx *cx, const fc_ip_adapter *a, fc_tensor tokens, fc_tensor *kv)
{
    for (int32_t i = 0; i < a->crosses; i++)
        kv[i] = fc_new(cx, cx->act, tokens.n, 1, tokens.w, a->cross[i].cout);
    fc_mark m = fc_enter(cx, "ip_adapter");
    tokens = fc_convert(cx, tokens, cx->act);
    for (int32_t i = 0; i < a->crosses; i++) fc_linear_to(cx, kv[i], tokens, &a->cross[i], FC_PLAIN);
    fc_leave(cx, m);
}

fc_status fc_ip_adapter_negative(const fc_ip_adapter *a, fc_weights *w, float *out, fc_err *err)
{
    const fc_weight *data = fc_weights_find(w, "data");
    bool fits = data && data->data && fc_dtype_is_float(data->dtype) && data->ndim == 3 &&
                data->shape[0] == 1 && data->shape[1] == a->tokens && data->shape[2] == a->width;
    if (!fits)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this file does not hold the %d tokens of width %d that image prompts need on the "
                       "negative side; fetch fooocus_ip_negative.safetensors",
                       (int)a->tokens, (int)a->width);
    return fc_weight_read(data, 0, 1, out);
}
