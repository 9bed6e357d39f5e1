/* Model files: see model_file.h. */
#include "engine/model_file.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

static bool identity(const char *path, int64_t *size, int64_t *time)
{
    struct stat st;
    if (stat(path, &st) != 0) return false;
    *size = (int64_t)st.st_size;
    *time = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return true;
}

bool fc_model_is(const fc_model *m, const char *path)
{
    int64_t size, time;
    return strcmp(m->path, path) == 0 && identity(path, &size, &time) && size == m->file_size &&
           time == m->file_time;
}

static fc_status read_vocabulary(fc_model *m, fc_err *err)
{
    const char *merges = fc_weights_metadata(m->weights, FC_VOCABULARY_KEY);
    m->vocab = merges ? &m->own_vocab : &fc_clip_vocab_builtin;
    return merges ? fc_clip_vocab_init(&m->own_vocab, merges, strlen(merges), err) : FC_OK;
}

/* Tokens without a row in the encoder's table would be refused much later, prompt by prompt. */
static fc_status bind_encoder(fc_model *m, fc_clip **clip, const char *prefix, fc_err *err)
{
    fc_status status = fc_clip_open(clip, m->weights, prefix, err);
    long long tokens = (long long)fc_clip_vocab_end(m->vocab) + 1;
    if (status != FC_OK) return status;
    if (fc_clip_words(*clip) < tokens)
        status = fc_fail(
            err, FC_UNSUPPORTED,
            "its text encoder knows %lld tokens, its vocabulary has %lld: the file must carry one that fits, "
            "in its metadata under " FC_VOCABULARY_KEY,
            (long long)fc_clip_words(*clip), tokens);
    return status;
}

static fc_status bind_text(fc_model *m, fc_err *err)
{
    fc_status status = bind_encoder(m, &m->clip_l, FC_CLIP_L_PREFIX, err);
    return status ? status : bind_encoder(m, &m->clip_g, FC_CLIP_G_PREFIX, err);
}

/* Pictures have eight pixels a side for each of the latent's, and that has four channels: all buffers rely on
 * it. */
static fc_status bind_vae(fc_model *m, fc_err *err)
{
    m->encodes = fc_weights_has_prefix(m->weights, "first_stage_model.encoder.") ||
                 fc_weights_has_prefix(m->weights, "encoder.down.");
    fc_status status = fc_vae_open(&m->vae, m->weights, m->encodes ? FC_VAE_BOTH : FC_VAE_DECODER, err);
    if (status || (fc_vae_latent_channels(m->vae) == 4 && fc_vae_factor(m->vae) == 8)) return status;
    return fc_fail(
        err, FC_UNSUPPORTED,
        "its VAE has %d channels and a factor of %d, SDXL's has 4 and 8; choose an SDXL VAE with --vae "
        "FILE",
        (int)fc_vae_latent_channels(m->vae), (int)fc_vae_factor(m->vae));
}

static fc_status bind_base(fc_model *m, fc_err *err)
{
    bool texts = m->info.kind == FC_MODEL_SDXL_BASE || m->info.clip_g > 0;
    fc_status status = texts ? bind_text(m, err) : FC_OK;
    if (status != FC_OK) return status;
    status = fc_unet_open(&m->unet, m->weights, err);
    if (status != FC_OK) return status;
    if (fc_weights_has_prefix(m->weights, "first_stage_model.decoder.")) status = bind_vae(m, err);
    return status;
}

static fc_status bind_refiner(fc_model *m, fc_err *err)
{
    fc_status status = FC_OK;
    if (m->info.kind == FC_MODEL_SDXL_REFINER)
        status = bind_encoder(m, &m->clip_g, FC_CLIP_G_REFINER_PREFIX, err);
    return status ? status : fc_unet_open(&m->unet, m->weights, err);
}

static fc_status bind_preview(fc_model *m, fc_err *err)
{
    return fc_taesd_open(&m->taesd, m->weights, err);
}

static fc_status bind_upscaler(fc_model *m, fc_err *err)
{
    return fc_esrgan_open(&m->esrgan, m->weights, err);
}

static fc_status bind_head(fc_model *m, fc_err *err)
{
    return fc_inpaint_head_open(&m->head, m->weights, err);
}

static fc_status bind_vision(fc_model *m, fc_err *err)
{
    return fc_clip_vision_open(&m->vision, m->weights, err);
}

static fc_status bind_control(fc_model *m, fc_err *err)
{
    return fc_controlnet_open(&m->control, m->weights, m->base->weights, m->base->unet, err);
}

static fc_status bind_adapter(fc_model *m, fc_err *err)
{
    return fc_ip_adapter_open(&m->adapter, m->weights, fc_unet_layout_get(m->base->unet), err);
}

/* ---- the kinds ---- */

typedef struct module {
    fc_model_role last; /* of its places */
    size_t chosen;      /* offset in fc_model_choice */
    fc_model_use use;
    fc_status (*bind)(fc_model *m, fc_err *err);
    bool leans;
    const char *phase;
} module;

enum { ALONE = false, ON_BASE = true };
#define FOUND         SIZE_MAX
#define CHOSEN(field) offsetof(fc_model_choice, field)
static const module modules[] = {
#define FC_MODULE(kind, most, chosen, use, bind, leans, phase)                                               \
    {FC_ROLE_##kind##_LAST, chosen, use, bind, leans, phase},
#include "engine/module.def"
#undef FC_MODULE
};

static const module *module_of(fc_model_role role)
{
    const module *m = modules;
    while (m->last < role) m++;
    return m;
}

const char *fc_model_chosen(const fc_model_choice *choice, fc_model_role role)
{
    const module *m = module_of(role);
    size_t first = m == modules ? 0 : (size_t)m[-1].last + 1;
    if (m->chosen == FOUND || (m->leans && !choice->base)) return NULL;
    const char *const *paths = (const char *const *)(const void *)((const char *)choice + m->chosen);
    return paths[(size_t)role - first];
}

const char *fc_model_phase(fc_model_role role)
{
    return module_of(role)->phase;
}

bool fc_model_leans(fc_model_role role)
{
    return module_of(role)->leans;
}

/* ---- opening ---- */

static fc_status bind(fc_model *m, fc_err *err)
{
    const module *kind = module_of(m->role);
    fc_status status = fc_model_require(m->weights, kind->use, &m->info, err);
    if (status != FC_OK) return status;
    status = read_vocabulary(m, err);
    return status || !kind->bind ? status : kind->bind(m, err);
}

fc_status fc_model_open(fc_model **out, fc_model_role role, const char *path, fc_model *base,
                        const fc_backend *backend, fc_dev *dev, fc_err *err)
{
    static atomic_uint_fast64_t serials;
    *out = NULL;
    fc_model *m = fc_calloc(1, sizeof *m);
    if (!m) return fc_fail(err, FC_NOMEM, "out of memory while opening %s", path);
    m->role = role;
    m->base = module_of(role)->leans ? base : NULL;
    m->serial = atomic_fetch_add(&serials, 1) + 1;
    fc_packcache_init(&m->packs, backend, dev, SIZE_MAX);
    m->path = fc_strdup(path);
    fc_status status = m->path ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while opening %s", path);
    if (status != FC_OK) goto out;
    status = fc_weights_open(&m->weights, path, err);
    if (status != FC_OK) goto out;
    if (!identity(path, &m->file_size, &m->file_time))
        status = fc_fail(err, FC_IO, "%s has just disappeared", path);
    if (!status) {
        status = bind(m, err);
        if (status) fc_fail_prefix(err, "%s", path);
    }
out:
    if (status) {
        fc_model_close(m);
        return status;
    }
    *out = m;
    return FC_OK;
}

void fc_model_close(fc_model *m)
{
    if (!m) return;
    fc_clip_close(m->clip_l);
    fc_clip_close(m->clip_g);
    fc_unet_close(m->unet);
    fc_vae_close(m->vae);
    fc_taesd_close(m->taesd);
    fc_esrgan_close(m->esrgan);
    fc_inpaint_head_close(m->head);
    fc_clip_vision_close(m->vision);
    fc_controlnet_close(m->control);
    fc_ip_adapter_close(m->adapter);
    fc_clip_vocab_fini(&m->own_vocab);
    fc_packcache_fini(&m->packs);
    fc_weights_close(m->weights);
    fc_free(m->path);
    fc_free(m);
}

uint64_t fc_model_packed_estimate(const fc_model *m, fc_dtype dtype)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < fc_weights_count(m->weights); i++) {
        const fc_weight *w = fc_weights_at(m->weights, i);
        bool int8 = m->packs.int8 && strncmp(w->name, FC_UNET_PREFIX, strlen(FC_UNET_PREFIX)) == 0;
        uint64_t size = int8 ? 1 : fc_dtype_size(dtype);
        if (w->used) bytes += (uint64_t)fc_weight_rows(w) * (uint64_t)fc_weight_cols(w) * size;
    }
    return bytes;
}

/* Whether all values of the file are finite, whatever LoRAs add; reads a block of rows at a time. */
static bool tensor_is_finite(const fc_weight *w, float *block, int64_t block_size)
{
    int64_t cols = fc_weight_cols(w), rows = fc_weight_rows(w);
    int64_t step = cols > 0 && cols < block_size ? block_size / cols : 1;
    for (int64_t r = 0; r < rows; r += step) {
        int64_t n = rows - r < step ? rows - r : step;
        if (fc_weight_read_before(w, (int32_t)r, (int32_t)n, w->patches, block)) return false;
        for (int64_t i = 0; i < n * cols; i++)
            if (!isfinite(block[i])) return false;
    }
    return true;
}

fc_status fc_model_check_finite(const fc_model *m, fc_err *err)
{
    int64_t block_size = (int64_t)1 << 20;
    for (size_t i = 0; i < fc_weights_count(m->weights); i++)
        if (fc_weight_cols(fc_weights_at(m->weights, i)) > block_size)
            block_size = fc_weight_cols(fc_weights_at(m->weights, i));
    float *block = fc_alloc((size_t)block_size * sizeof *block);
    if (!block) return FC_NUMERIC;
    fc_status status = FC_NUMERIC;
    for (size_t i = 0; i < fc_weights_count(m->weights) && status == FC_NUMERIC; i++) {
        const fc_weight *w = fc_weights_at(m->weights, i);
        if (!w->used || !fc_dtype_is_float(w->dtype) || tensor_is_finite(w, block, block_size)) continue;
        status = fc_fail(
            err, FC_FORMAT,
            "%s is damaged: its tensor %.120s holds values that are not numbers; fetch the file again",
            m->path, w->name);
    }
    fc_free(block);
    return status;
}
