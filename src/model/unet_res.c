/* Residual block of the UNet. Must match sgm openaimodel.ResBlock. */
#include "model/unet_parts.h"

enum { GROUPS = 32 };
static const float EPS = 1e-5f;

void unet_res_bind(fc_binder *b, struct unet_res *r, const char *name, int32_t cin, int32_t cout,
                   int32_t time_width)
{
    fc_bind_norm(b, &r->norm1, cin, GROUPS, EPS, "%s.in_layers.0", name);
    fc_bind_conv(b, &r->conv1, cin, cout, 3, 1, FC_BIAS, "%s.in_layers.2", name);
    fc_bind_linear(b, &r->emb, time_width, cout, FC_BIAS, "%s.emb_layers.1", name);
    fc_bind_norm(b, &r->norm2, cout, GROUPS, EPS, "%s.out_layers.0", name);
    fc_bind_conv(b, &r->conv2, cout, cout, 3, 1, FC_BIAS, "%s.out_layers.3", name);
    r->has_skip = cin != cout;
    if (r->has_skip) fc_bind_linear(b, &r->skip, cin, cout, FC_BIAS, "%s.skip_connection", name);
}

void unet_res_run(fc_cx *cx, const struct unet_res *r, fc_tensor y, fc_tensor x, fc_tensor emb)
{
    fc_mark m = fc_enter(cx, NULL);
    fc_tensor t = fc_linear(cx, emb, &r->emb, FC_PLAIN);
    fc_probe(cx, "emb_layers", t);
    fc_tensor h = fc_group_norm(cx, x, &r->norm1, FC_ACT_SILU);
    fc_probe(cx, "in_layers.0", h);
    h = fc_conv2d(cx, h, &r->conv1, (fc_epi){.rowadd = t});
    fc_probe(cx, "in_layers", h);
    h = fc_group_norm(cx, h, &r->norm2, FC_ACT_SILU);
    fc_tensor skip = r->has_skip ? fc_linear(cx, x, &r->skip, FC_PLAIN) : x;
    fc_conv2d_to(cx, y, h, &r->conv2, (fc_epi){.add = skip});
    fc_leave(cx, m);
}
