/* See work.h. Must match the values that Fooocus 2.5.5 sets per mode. */
#include "app/plan/work.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "diffusion/solvers/solvers.h"
#include "picture/fit.h"
#include "picture/inpaint.h"

/* Strengths, and the largest size that is drawn over, as a part of what the model was made for. */
#define SUBTLE          0.5
#define STRONG          0.85
#define UPSCALED        0.382
#define FIELD           0.618
#define LARGEST_OF_1024 2800
#define MARGIN          "30%"
enum { MARGIN_MOST = 8192 };

static bool given(const fc_request *request, fc_param_id id)
{
    return request && fc_request_is_set(request, id);
}

/* ---- outpainting ---- */

/* "256" or "30%" of side */
static bool read_margin(const char *text, int32_t side, int32_t *out)
{
    char number[32];
    double value;
    size_t n = strlen(text);
    bool percent = n > 0 && text[n - 1] == '%';
    if (percent) n--;
    if (n == 0 || n >= sizeof number) return false;
    memcpy(number, text, n);
    number[n] = '\0';
    if (!fc_parse_f64(number, &value) || !(value >= 0)) return false;
    if (percent && value > 400) return false;
    *out = percent ? fc_inpaint_margin(side, value / 100) : value <= MARGIN_MOST ? (int32_t)value : -1;
    return *out >= 0;
}

/* One of "left=256", "left" */
static bool read_side(const char *text, int32_t width, int32_t height, int32_t margin[4])
{
    static const char *const sides[] = {"top", "bottom", "left", "right"};
    const char *value = strchr(text, '=');
    size_t n = value ? (size_t)(value - text) : strlen(text);
    for (int i = 0; i < 4; i++)
        if (strlen(sides[i]) == n && memcmp(text, sides[i], n) == 0)
            return read_margin(value ? value + 1 : MARGIN, i < 2 ? height : width, &margin[i]);
    return false;
}

fc_status fc_work_margins(const char *text, int32_t width, int32_t height, int32_t margin[4], fc_err *err)
{
    memset(margin, 0, 4 * sizeof *margin);
    while (*text) {
        char side[40];
        size_t n = strcspn(text, ", ");
        if (n > 0) {
            snprintf(side, sizeof side, "%.*s", (int)(n < sizeof side ? n : sizeof side - 1), text);
            if (n >= sizeof side || !read_side(side, width, height, margin))
                return fc_fail(
                    err, FC_ARG,
                    "outpaint: \"%.40s\" is no margin; write left, right, top, bottom, or one of them with "
                    "pixels or a part: left=256,top=30%%",
                    text);
        }
        text += n;
        if (*text) text++;
    }
    return FC_OK;
}

fc_status fc_work_freeu(const char *text, fc_freeu_numbers *out, bool *on, fc_err *err)
{
    double *const numbers[] = {&out->b1, &out->b2, &out->s1, &out->s2};
    *on = *text != '\0';
    for (int i = 0; i < 4 && *on; i++) {
        char number[32];
        size_t n = strcspn(text, ",");
        bool last = i == 3;
        snprintf(number, sizeof number, "%.*s", (int)(n < sizeof number ? n : 0), text);
        if ((text[n] == '\0') != last || !fc_parse_f64(number, numbers[i]) ||
            !(*numbers[i] >= 0 && *numbers[i] <= 10))
            return fc_fail(err, FC_ARG,
                           "freeu: write four numbers from 0 to 10, Fooocus's are 1.01,1.02,0.99,0.95");
        text += n + (last ? 0 : 1);
    }
    return FC_OK;
}

/* ---- modes ---- */

static bool has_margin(const fc_image_work *work)
{
    return work->margin[0] || work->margin[1] || work->margin[2] || work->margin[3];
}

static void set_inpaint(const fc_params *params, fc_image_work *out)
{
    bool detail = strcmp(params->edit, "detail") == 0, modify = strcmp(params->edit, "modify") == 0;
    out->kind = FC_WORK_INPAINT;
    out->denoise = detail ? 0.5 : 1;
    out->field = detail || modify  ? 0
                 : has_margin(out) ? 1
                                   : FIELD; /* what goes on beyond an edge needs all of it */
    out->forget = modify;
    out->engine = !detail;
#define FC_WORK_SETTING(type, name) out->name = params->name;
#include "engine/image_work.def"
#undef FC_WORK_SETTING
}

static void set_kind(const fc_params *params, bool paints, fc_image_work *out)
{
    if (params->upscale > 0) {
        out->kind = params->fast_upscale ? FC_WORK_ENLARGE : FC_WORK_UPSCALE;
        out->factor = params->upscale;
        out->denoise = UPSCALED;
    } else if (paints) {
        set_inpaint(params, out);
    } else if (strcmp(params->vary, "none") != 0 || params->strength > 0) {
        out->kind = FC_WORK_VARY;
        out->denoise = strcmp(params->vary, "subtle") == 0 ? SUBTLE : STRONG;
    }
    if (params->strength > 0) out->denoise = params->strength;
    if (params->field >= 0) out->field = params->field;
}

/* Models are made for pictures of one size, which the settings (or the model's card) tell. */
static void set_sizes(const fc_params *params, fc_image_work *out)
{
    out->least = fc_fit_shape_ceil(params->width, params->height);
    out->most = 2 * out->least;
    out->largest = (int32_t)((int64_t)LARGEST_OF_1024 * out->least / 1024);
}

static fc_status without_picture(const fc_params *params, const fc_request *request, fc_err *err)
{
    static const fc_param_id ids[] = {FC_P_vary, FC_P_upscale, FC_P_mask, FC_P_outpaint};
    const bool wanted[] = {strcmp(params->vary, "none") != 0, params->upscale > 0, *params->mask != '\0',
                           *params->outpaint != '\0'};
    for (int i = 0; i < 4; i++)
        if (given(request, ids[i]) && wanted[i])
            return fc_fail(err, FC_ARG, "%s: there is no picture, give one with --image FILE",
                           fc_param_table[ids[i]].name);
    return FC_OK;
}

fc_status fc_work_make(const fc_params *params, const fc_request *request, const fc_work_picture *picture,
                       fc_warn warn, fc_image_work *out, fc_err *err)
{
    *out = (fc_image_work){0};
    if (picture->width == 0) return without_picture(params, request, err);
    fc_status status = fc_work_margins(params->outpaint, picture->width, picture->height, out->margin, err);
    if (status != FC_OK) return status;
    bool varies = strcmp(params->vary, "none") != 0, enlarges = params->upscale > 0;
    bool paints = has_margin(out) || (picture->masked && !varies && !enlarges) || *params->mask;
    if (varies + enlarges + paints > 1)
        return fc_fail(err, FC_ARG,
                       "vary, upscale and mask or outpaint are different things to do: choose one");
    set_kind(params, paints, out);
    set_sizes(params, out);
    if (out->kind == FC_WORK_NONE)
        return fc_fail(
            err, FC_ARG,
            "image: say what to do with the picture: --vary subtle or strong, --upscale 2, --mask FILE or "
            "--outpaint SIDES");
    const fc_recipe *recipe = fc_recipe_of(fc_recipe_from_name(params->recipe));
    const fc_sampler *sampler = fc_sampler_find(params->sampler, recipe);
    if (paints && sampler && (sampler->flags & FC_SAMPLER_UNMASKED))
        fc_warn_emit(
            warn,
            "the sampler %s does not see the mask while it draws; dpmpp_2m_sde_gpu does, and what is "
            "painted fits better",
            sampler->name);
    if (params->count > 1 && (out->kind == FC_WORK_ENLARGE))
        fc_warn_emit(warn, "enlarging alone gives one picture, count was not used");
    return FC_OK;
}
