/* A1111's pictures from pictures: img2img with and without a mask. */
#include <string.h>
#include "app/common/json_text.h"
#include "base/str.h"
#include "server/compat/a1111.h"
#include "picture/mask.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

enum { FILL, ORIGINAL, LATENT_NOISE, LATENT_NOTHING };

typedef struct work {
    fc_http *h;
    const json_t *body;
    json_t *out; /* our parameters */
    fc_err *err;
} work;

static fc_fit_mode fit_mode(const work *w)
{
    int mode = (int)fc_a1111_number(w->body, "resize_mode", 0);
    if (mode == 3) fc_http_warn(w->h, "resize_mode: 3 (latent upscale) is not offered, 0 is used");
    return mode == 1 ? FC_FIT_COVER : mode == 2 ? FC_FIT_PAD : FC_FIT_STRETCH;
}

/* The picture in the size that was asked for; without one it keeps its own. */
static fc_status fit(const work *w, char id[FC_INPUT_ID_SIZE], bool mask)
{
    int32_t width, height;
    json_int_t wanted_w = json_integer_value(json_object_get(w->out, "width"));
    json_int_t wanted_h = json_integer_value(json_object_get(w->out, "height"));
    fc_status status = fc_compat_picture_size(w->h, id, &width, &height, w->err);
    if (status != FC_OK) return status;
    if (wanted_w == 0) wanted_w = width;
    if (wanted_h == 0) wanted_h = height;
    return fc_compat_picture_fit(w->h, id, (int32_t)wanted_w, (int32_t)wanted_h, fit_mode(w), mask, w->err);
}

/* Theirs is the sigma of a blur, of which no more than twice its width is seen outside. */
static int mask_fade(const work *w)
{
    double x = fc_a1111_number(w->body, "mask_blur_x", 4), y = fc_a1111_number(w->body, "mask_blur_y", 4);
    double sigma = fc_a1111_number(w->body, "mask_blur", x > y ? x : y), fade = 2 * sigma;
    return fade > FC_MASK_FADE ? FC_MASK_FADE : fade > 0 ? (int)fade : 0;
}

/* What of the mask's settings there is here: the fill, whether the part alone is looked at, the other side.
 */
static void read_inpaint(const work *w)
{
    int fill = (int)fc_a1111_number(w->body, "inpainting_fill", FILL);
    bool part = fc_a1111_number(w->body, "inpaint_full_res", 1) != 0;
    const char *mode = fill == ORIGINAL                                 ? "detail"
                       : fill == LATENT_NOISE || fill == LATENT_NOTHING ? "modify"
                                                                        : "inpaint";
    json_object_set_new(w->out, "edit", json_string(mode));
    json_object_set_new(w->out, "field", json_real(part ? 0 : 1));
    json_object_set_new(w->out, "mask_fade", json_integer(mask_fade(w)));
    json_object_set_new(w->out, "invert_mask",
                        json_boolean(fc_a1111_number(w->body, "inpainting_mask_invert", 0) != 0));
}

static fc_status read_pictures(const work *w)
{
    char id[FC_INPUT_ID_SIZE];
    const json_t *images = fc_json_member(w->body, "init_images"), *mask = fc_json_member(w->body, "mask");
    double strength = fc_a1111_number(w->body, "denoising_strength", 0.75);
    if (json_array_size(images) == 0)
        return fc_fail(w->err, FC_NOT_FOUND, "init_images: Init image not found");
    if (json_array_size(images) > 1) fc_http_warn(w->h, "init_images: only the first is used");
    if (strength < 0 || strength > 1)
        return fc_fail(w->err, FC_ARG, "denoising_strength: want a number from 0 to 1");
    fc_status status = fc_compat_picture(w->h, "init_images", json_array_get(images, 0), id, w->err);
    if (status != FC_OK) return status;
    status = fit(w, id, false);
    if (status != FC_OK) return status;
    json_object_set_new(w->out, "image", json_string(id));
    json_object_set_new(w->out, "strength", json_real(strength < 0.01 ? 0.01 : strength));
    if (!mask || (json_is_string(mask) && !*json_string_value(mask))) {
        json_object_set_new(w->out, "vary", json_string("subtle")); /* the strength says how much */
        return FC_OK;
    }
    status = fc_compat_picture(w->h, "mask", mask, id, w->err);
    if (status != FC_OK) return status;
    status = fit(w, id, true);
    if (status != FC_OK) return status;
    json_object_set_new(w->out, "mask", json_string(id));
    read_inpaint(w);
    return FC_OK;
}

static json_t *img2img_parameters(fc_http *h, fc_err *err)
{
    json_t *out = fc_a1111_parameters(h, err);
    work w = {h, out ? fc_compat_body(h, err) : NULL, out, err};
    if (out && w.body && read_pictures(&w) == FC_OK) return out;
    json_decref(out);
    return NULL;
}

void fc_a1111_img2img(fc_http *h)
{
    fc_a1111_run(h, img2img_parameters, fc_a1111_answer);
}
