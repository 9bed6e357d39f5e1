/* From a latent to pixels: the VAE in one piece or in strips, the small decoder for previews and in a hurry.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine_impl.h"

/* Stack bytes a decode may take before it goes in strips, which are slower. 1024x1024 in bf16 takes 1.09 GB
 * in one piece and 0.55 GB in strips, a guided step 0.6 GB. */
#define DECODE_BYTES_LOW  ((uint64_t)3 << 28)
#define DECODE_BYTES_MOST ((uint64_t)6 << 30)
/* A preview may slow a run down by this share at most, and comes at most this often. */
#define PREVIEW_SHARE  0.1
#define PREVIEW_PERIOD 0.7

static void planes_to_pixels(const float *planes, float *pixels, size_t plane, size_t channels)
{
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < channels; c++) pixels[i * channels + c] = planes[c * plane + i];
}

/* One run of a decoder: z [h][w][channels] -> image [8h][8w][3] */
struct decoding {
    const fc_vae *vae;
    const fc_taesd *taesd; /* NULL: the VAE */
    const float *z;
    float *image;
    int32_t h, w;
    bool strips;
};

static void decode_on(fc_cx *cx, void *user)
{
    const struct decoding *d = user;
    fc_mark m = fc_enter(cx, d->taesd ? "taesd" : NULL);
    int32_t channels = d->taesd ? 4 : fc_vae_latent_channels(d->vae);
    fc_tensor x = fc_upload(cx, FC_F32, d->z, 1, d->h, d->w, channels);
    x = d->taesd ? fc_taesd_decode(cx, d->taesd, x) : fc_vae_decode(cx, d->vae, x, d->strips);
    fc_download(cx, x, d->image);
    fc_leave(cx, m);
}

static fc_status run_decoding(fc_engine *e, struct decoding *d, fc_err *err)
{
    fc_status status = fc_engine_reserve(e, decode_on, d, err);
    if (status) return status;
    decode_on(&e->cx, d);
    return fc_cx_status(&e->cx, err);
}

static fc_status decode_fast(fc_engine *e, const float *z, int32_t h, int32_t w, float *image, fc_err *err)
{
    size_t count = (size_t)h * (size_t)w * 4;
    float *scaled = fc_alloc(count * sizeof *scaled);
    if (!scaled) return fc_fail(err, FC_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) scaled[i] = z[i] * FC_VAE_SCALE;
    struct decoding d = {.taesd = e->model[FC_ROLE_PREVIEW]->taesd, .z = scaled, .h = h, .w = w};
    d.image = image;
    fc_engine_make_resident(e, e->model[FC_ROLE_PREVIEW], e->act);
    fc_status status = run_decoding(e, &d, err);
    fc_free(scaled);
    /* 0..1 -> -1..1, the VAE's scale */
    for (size_t i = 0; i < count / 4 * 64 * 3; i++) image[i] = image[i] * 2 - 1;
    return status;
}

/* By the memory that the device has, not by what is free now: the same picture today and tomorrow. */
static uint64_t decode_bytes(const fc_engine *e)
{
    fc_device_memory memory;
    if (e->memory == FC_MEMORY_LOW) return DECODE_BYTES_LOW;
    e->backend->memory(e->dev, &memory);
    uint64_t share = memory.total / 4;
    if (e->memory == FC_MEMORY_FAST || !memory.total || share > DECODE_BYTES_MOST) return DECODE_BYTES_MOST;
    return share > DECODE_BYTES_LOW ? share : DECODE_BYTES_LOW;
}

fc_status fc_engine_decode_vae(fc_engine *e, const float *z, int32_t h, int32_t w, bool strips, float *image,
                               fc_err *err)
{
    fc_model *m = fc_engine_vae_model(e);
    struct decoding d = {.vae = m->vae, .z = z, .image = image, .h = h, .w = w, .strips = strips};
    fc_engine_make_resident(e, m, e->act_wide);
    return run_decoding(e, &d, err);
}

bool fc_engine_is_large(const fc_engine *e, uint64_t bytes)
{
    return e->small || bytes > decode_bytes(e);
}

/* As Fooocus decodes what it has enlarged. */
static fc_status decode_tiles(fc_engine *e, const float *z, int32_t h, int32_t w, float *image, fc_err *err)
{
    fc_model *m = fc_engine_vae_model(e);
    const fc_vae_tiles tiles = {.tilings = fc_vae_decode_tilings, .count = 3};
    fc_engine_make_resident(e, m, e->act_wide);
    fc_vae_decode_tiled(&e->cx, m->vae, z, h, w, &tiles, image);
    return fc_cx_status(&e->cx, err);
}

static fc_status decode_full(fc_engine *e, const float *z, int32_t h, int32_t w, bool tiles, float *image,
                             fc_err *err)
{
    const fc_model *m = fc_engine_vae_model(e);
    if (!m->vae) return fc_fail(err, FC_UNSUPPORTED, "%s has no VAE: choose one with --vae FILE", m->path);
    if (tiles) return decode_tiles(e, z, h, w, image, err);
    bool strips = fc_engine_is_large(e, fc_vae_decode_bytes(m->vae, e->act_wide, 1, h, w, false));
    return fc_engine_decode_vae(e, z, h, w, strips, image, err);
}

/* Weights that are no numbers show here last; 8-bit pixels would hide them. */
static fc_status check_numbers(const float *image, size_t count, fc_err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(image[i]))
            return fc_fail(err, FC_NUMERIC, "the decoder's output has values that are not numbers");
    return FC_OK;
}

fc_status fc_engine_decode(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_picture *picture,
                           fc_err *err)
{
    int32_t h = picture->latent_height, w = picture->latent_width;
    size_t plane = (size_t)h * (size_t)w, pixels = plane * 64;
    fc_emit_phase(hooks, FC_PHASE_DEVELOPING);
    float *z = fc_alloc(plane * 4 * sizeof *z), *image = fc_alloc(pixels * 3 * sizeof *image);
    picture->rgb = fc_alloc(pixels * 3);
    fc_status status = z && image && picture->rgb
                           ? FC_OK
                           : fc_fail(err, FC_NOMEM, "out of memory while decoding the picture");
    if (!status) {
        planes_to_pixels(picture->latent, z, plane, 4);
        bool fast = task->fast_vae && e->model[FC_ROLE_PREVIEW];
        status = fast ? decode_fast(e, z, h, w, image, err)
                      : decode_full(e, z, h, w, task->work.kind == FC_WORK_UPSCALE, image, err);
        if (!status) status = check_numbers(image, pixels * 3, err);
    }
    if (!status) {
        fc_vae_to_u8(image, picture->rgb, pixels * 3);
        picture->width = w * 8;
        picture->height = h * 8;
    }
    fc_free(z);
    fc_free(image);
    return status;
}

void fc_engine_preview(fc_engine *e, const fc_task *task, const fc_hooks *hooks, const float *denoised,
                       fc_arena *arena)
{
    fc_model *m = e->model[FC_ROLE_PREVIEW];
    int32_t h = task->height / 8, w = task->width / 8;
    if (!m || !hooks || !hooks->on_event || !hooks->want_preview) return;
    if (!__atomic_load_n(hooks->want_preview, __ATOMIC_RELAXED)) return;
    double now = fc_now();
    if (now - e->preview_time < PREVIEW_PERIOD || now - e->preview_time < e->preview_cost / PREVIEW_SHARE)
        return;
    size_t plane = (size_t)h * (size_t)w;
    if (!e->preview_pixels) e->preview_pixels = fc_arena_array(arena, plane, 4 * sizeof(float));
    if (!e->preview_rgb) e->preview_rgb = fc_arena_array(arena, plane, 16 * 3);
    if (!e->preview_pixels || !e->preview_rgb) return; /* a preview is not worth a failure */
    planes_to_pixels(denoised, e->preview_pixels, plane, 4);
    fc_packcache *packs = e->cx.packs;
    m->packs.budget = SIZE_MAX; /* five megabytes */
    e->cx.packs = &m->packs;
    fc_taesd_preview(&e->cx, m->taesd, e->preview_pixels, h, w, e->preview_rgb);
    e->cx.packs = packs;
    e->preview_time = fc_now();
    e->preview_cost = e->preview_time - now;
    if (e->cx.status) return;
    fc_emit(hooks, &(fc_event){.kind = FC_EVENT_PREVIEW,
                               .rgb = e->preview_rgb,
                               .width = 4 * (w & ~1),
                               .height = 4 * (h & ~1),
                               .image = task->image,
                               .images = task->images,
                               .seed = task->seed,
                               .seconds_left = -1});
}
