/* From pixels to a latent: the VAE's encoder in one piece or in tiles, and samples of what it gives. */
#include "base/mem.h"
#include "engine/engine_impl.h"

enum { CHANNELS = FC_LATENT_CHANNELS };

/* One run of the encoder: image [h][w][3] -> moments [h / 8][w / 8][8] */
struct encoding {
    const fc_vae *vae;
    const float *image;
    int32_t h, w;
    float *moments;
};

static void encode_on(fc_cx *cx, void *user)
{
    const struct encoding *d = user;
    fc_mark m = fc_enter(cx, NULL);
    fc_download(cx, fc_vae_encode(cx, d->vae, fc_upload(cx, FC_F32, d->image, 1, d->h, d->w, 3)), d->moments);
    fc_leave(cx, m);
}

/* Standard normal values, drawn plane by plane as the reference draws them; without a generator zeros, which
 * make a sample the mean. */
static void draw(void *user, float *noise, int32_t h, int32_t w, int32_t channels)
{
    const fc_encode_opts *opts = user;
    size_t plane = (size_t)h * (size_t)w, c = (size_t)channels;
    float *planes = opts->rng ? fc_alloc(plane * c * sizeof *planes) : NULL;
    if (planes) fc_rng_normal(opts->rng, planes, plane * c);
    for (size_t i = 0; i < plane * c; i++) noise[i] = planes ? planes[i % c * plane + i / c] : 0.0f;
    fc_free(planes);
}

static fc_status encode_whole(fc_engine *e, const fc_vae *vae, const float *image, int32_t h, int32_t w,
                              const fc_encode_opts *opts, float *z, fc_err *err)
{
    size_t pixels = (size_t)(h / 8) * (size_t)(w / 8);
    float *moments = fc_alloc(pixels * 2 * CHANNELS * sizeof *moments), *noise = NULL;
    if (opts->rng) noise = fc_alloc(pixels * CHANNELS * sizeof *noise);
    fc_status status = moments && (noise || !opts->rng) ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
    if (!status) {
        struct encoding d = {vae, image, h, w, moments};
        status = fc_engine_reserve(e, encode_on, &d, err);
        if (!status) encode_on(&e->cx, &d);
        if (!status) status = fc_cx_status(&e->cx, err);
    }
    if (!status) {
        if (noise) draw((void *)(uintptr_t)opts, noise, h / 8, w / 8, CHANNELS);
        fc_vae_sample(moments, noise, z, pixels, CHANNELS);
    }
    fc_free(moments);
    fc_free(noise);
    return status;
}

static fc_status encode_tiles(fc_engine *e, const fc_vae *vae, const float *image, int32_t h, int32_t w,
                              const fc_encode_opts *opts, float *z, fc_err *err)
{
    const fc_vae_tiles tiles = {.tilings = fc_vae_encode_tilings,
                                .count = opts->tiles ? 3 : 1,
                                .draw = draw,
                                .user = (void *)(uintptr_t)opts};
    fc_vae_encode_tiled(&e->cx, vae, image, h / 8, w / 8, &tiles, z);
    return fc_cx_status(&e->cx, err);
}

fc_status fc_engine_encode(fc_engine *e, const float *image, int32_t h, int32_t w, const fc_encode_opts *opts,
                           float *planes, fc_err *err)
{
    fc_model *m = fc_engine_vae_model(e);
    size_t plane = (size_t)(h / 8) * (size_t)(w / 8);
    if (!m->vae || !m->encodes)
        return fc_fail(err, FC_UNSUPPORTED,
                       "%s has no VAE that reads pictures: choose a complete VAE with --vae FILE", m->path);
    float *z = fc_alloc(plane * CHANNELS * sizeof *z);
    if (!z) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_engine_make_resident(e, m, e->act_wide);
    bool large = h % 8 == 0 && w % 8 == 0 &&
                 fc_engine_is_large(e, fc_vae_encode_bytes(m->vae, e->act_wide, 1, h / 8, w / 8));
    fc_status status =
        (opts->tiles || large ? encode_tiles : encode_whole)(e, m->vae, image, h, w, opts, z, err);
    for (size_t i = 0; i < plane * CHANNELS && !status; i++) planes[i] = z[i % plane * CHANNELS + i / plane];
    fc_free(z);
    return status;
}
