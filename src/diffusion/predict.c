/* Predictor: see predict.h. Must match calc_cond_uncond_batch of ComfyUI 2bc12d3d: one batch [negative,
 * positive] with texts repeated to a common length, or two runs, positive first, when that would make a text
 * more than four times longer. */
#include "diffusion/predict.h"
#include "diffusion/model_sampling.h"

#include <string.h>

enum { MAX_REPEAT = 4 };

static int32_t gcd(int32_t a, int32_t b)
{
    while (b) {
        int32_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* The sides as [side][tokens][width] on the device, each repeated to `tokens`. */
static fc_tensor upload_contexts(fc_cx *cx, const fc_prompt_side *const *sides, int32_t n, int32_t tokens,
                                 int32_t width, fc_arena *arena)
{
    fc_tensor none = {0};
    size_t row = (size_t)width;
    float *all = fc_arena_array(arena, (size_t)n * (size_t)tokens, row * sizeof *all);
    if (!all) {
        fc_cx_fail(cx, arena->status, "not enough memory for the texts");
        return none;
    }
    for (int32_t i = 0; i < n; i++)
        for (int32_t t = 0; t < tokens; t++)
            memcpy(all + ((size_t)i * (size_t)tokens + (size_t)t) * row,
                   sides[i]->context + (size_t)(t % sides[i]->tokens) * row, row * sizeof *all);
    return fc_upload(cx, cx->act, all, n, 1, tokens, width);
}

static void set_labels(fc_cx *cx, const fc_unet *unet, const fc_prompt_side *const *sides, int32_t n,
                       bool later, fc_arena *arena, fc_unet_cond *cond)
{
    size_t width = (size_t)fc_unet_layout_get(unet)->label_width;
    float *all = fc_arena_array(arena, (size_t)n, width * sizeof *all);
    if (!all) {
        fc_cx_fail(cx, arena->status, "not enough memory for the labels");
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        const float *label = later && sides[i]->label_later ? sides[i]->label_later : sides[i]->label;
        memcpy(all + (size_t)i * width, label, width * sizeof *all);
    }
    fc_unet_set_label(cx, unet, all, n, cond);
}

/* What n sides tell a network, with either label. */
static void set_cond(fc_cx *cx, const fc_unet *unet, fc_tensor context, const fc_prompt_side *const *sides,
                     int32_t n, fc_arena *arena, fc_unet_cond cond[2])
{
    fc_unet_set_context(cx, unet, context, &cond[0]);
    cond[1] = cond[0];
    set_labels(cx, unet, sides, n, false, arena, &cond[0]);
    set_labels(cx, unet, sides, n, true, arena, &cond[1]);
}

static fc_unet_cond *control_cond(const fc_predictor *p, int32_t call, int32_t control)
{
    return p->control_cond + ((size_t)call * (size_t)p->control_count + (size_t)control) * 2;
}

/* One run of the network for n sides; side: the first one's number. */
static void add_call(fc_predictor *p, const fc_prompt_side *const *sides, int32_t side, int32_t n,
                     int32_t tokens, fc_arena *arena)
{
    int32_t width = fc_unet_layout_get(p->unet)->context_width, call = p->calls++;
    fc_tensor context = upload_contexts(p->cx, sides, n, tokens, width, arena);
    set_cond(p->cx, p->unet, context, sides, n, arena, p->cond[call]);
    for (int32_t i = 0; i < p->control_count; i++)
        set_cond(p->cx, fc_controlnet_encoder(p->controls[i].net), context, sides, n, arena,
                 control_cond(p, call, i));
    p->batch[call] = n;
    p->side[call] = side;
}

static fc_status take_extra(fc_predictor *p, const fc_predictor_extra *extra, fc_arena *arena, fc_err *err)
{
    if (extra) {
        p->fixed = extra->fixed;
        p->extra = extra->unet;
        p->controls = extra->controls;
        p->control_count = extra->control_count;
    }
    if (p->inputs > p->channels && !p->fixed)
        return fc_fail(err, FC_ARG, "this model needs a picture and a mask: it is made for inpainting");
    if (!p->control_count) return FC_OK;
    p->control_cond =
        fc_arena_array(arena, (size_t)(FC_PREDICT_CALLS * 2 * p->control_count), sizeof *p->control_cond);
    return p->control_cond ? FC_OK : fc_fail(err, arena->status, "not enough memory for control networks");
}

fc_status fc_predictor_init(fc_predictor *p, fc_cx *cx, const fc_unet *unet, int32_t h, int32_t w,
                            const fc_prompt_side *positive, const fc_prompt_side *negative,
                            const fc_predictor_extra *extra, fc_arena *arena, fc_err *err)
{
    const fc_unet_layout *l = fc_unet_layout_get(unet);
    *p = (fc_predictor){
        .cx = cx, .unet = unet, .h = h, .w = w, .channels = FC_LATENT_CHANNELS, .inputs = l->in_channels};
    if (l->in_channels < FC_LATENT_CHANNELS || l->out_channels != FC_LATENT_CHANNELS)
        return fc_fail(err, FC_UNSUPPORTED,
                       "a UNet of %d channels in and %d out; 4 or 9 in and 4 out are wanted",
                       (int)l->in_channels, (int)l->out_channels);
    p->guided = negative != NULL;
    fc_status status = take_extra(p, extra, arena, err);
    if (status) return status;
    size_t pixels = 2 * (size_t)h * (size_t)w;
    p->input = fc_arena_array(arena, pixels * (size_t)p->inputs, sizeof(float));
    p->output = fc_arena_array(arena, pixels * (size_t)p->channels, sizeof(float));
    if (!p->input || !p->output)
        return fc_fail(err, arena->status, "not enough memory for the picture's latent");
    fc_mark m = fc_enter(cx, NULL); /* its memory stays */
    if (!negative) {
        add_call(p, &positive, 1, 1, positive->tokens, arena);
    } else {
        int32_t a = positive->tokens, b = negative->tokens, shorter = a < b ? a : b;
        int32_t common = a / gcd(a, b) * b;
        bool joint = common / shorter <= MAX_REPEAT;
        if (joint && !(extra && extra->apart)) {
            add_call(p, (const fc_prompt_side *[]){negative, positive}, 0, 2, common, arena);
        } else {
            add_call(p, &positive, 1, 1, joint ? common : a, arena);
            add_call(p, &negative, 0, 1, joint ? common : b, arena);
        }
    }
    size_t top = cx->top;
    fc_leave(cx, m);
    cx->top = top;
    return fc_cx_status(cx, err);
}

/* [c][h*w] -> channels [first, first + c) of [h*w][stride] */
static void to_pixels(const float *planes, size_t c, float *pixels, size_t first, size_t stride, size_t plane)
{
    for (size_t i = 0; i < plane; i++)
        for (size_t k = 0; k < c; k++) pixels[i * stride + first + k] = planes[k * plane + i];
}

static void to_planes(const float *pixels, float *planes, size_t plane, size_t channels)
{
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < plane; i++) planes[c * plane + i] = pixels[i * channels + c];
}

/* What the control networks that are on add to the UNet's blocks; false: none is on. */
static bool run_controls(fc_predictor *p, int32_t call, fc_tensor x, const float *timesteps, bool later,
                         fc_tensor residual[FC_UNET_MAX_BLOCKS])
{
    bool any = false;
    for (int32_t i = 0; i < p->control_count; i++) {
        const fc_predictor_control *c = &p->controls[i];
        if (!c->on) continue;
        const fc_control_run run = {c->hint, &control_cond(p, call, i)[later], c->weight, c->softness};
        fc_controlnet_run(p->cx, c->net, &run, x, timesteps, residual);
        any = true;
    }
    return any;
}

/* Runs call number `call` on p->input into p->output. */
static void run_call(fc_predictor *p, int32_t call, float timestep, bool later)
{
    int32_t n = p->batch[call];
    const float timesteps[2] = {timestep, timestep};
    fc_mark m = fc_enter(p->cx, NULL);
    fc_tensor x = fc_upload(p->cx, FC_F32, p->input, n, p->h, p->w, p->inputs);
    fc_tensor residual[FC_UNET_MAX_BLOCKS] = {0};
    fc_unet_extra extra = p->extra ? *p->extra : (fc_unet_extra){0};
    extra.side = p->side[call];
    if (run_controls(p, call, x, timesteps, later, residual)) extra.residual = residual;
    fc_tensor y = fc_unet_forward(p->cx, p->unet, x, timesteps, &p->cond[call][later], &extra);
    fc_download(p->cx, y, p->output);
    fc_leave(p->cx, m);
}

fc_status fc_predictor_eval(fc_predictor *p, const float *x, float timestep, bool later_label,
                            float *positive, float *negative, fc_err *err)
{
    size_t plane = (size_t)p->h * (size_t)p->w, channels = (size_t)p->channels, size = plane * channels;
    size_t inputs = (size_t)p->inputs, input_size = plane * inputs;
    to_pixels(x, channels, p->input, 0, inputs, plane);
    if (inputs > channels) to_pixels(p->fixed, inputs - channels, p->input, channels, inputs, plane);
    memcpy(p->input + input_size, p->input, input_size * sizeof *p->input);
    run_call(p, 0, timestep, later_label);
    if (p->guided && p->calls == 1) {
        to_planes(p->output, negative, plane, channels);
        to_planes(p->output + size, positive, plane, channels);
    } else {
        to_planes(p->output, positive, plane, channels);
    }
    if (p->calls == 2) {
        run_call(p, 1, timestep, later_label);
        to_planes(p->output, negative, plane, channels);
    }
    return fc_cx_status(p->cx, err);
}
