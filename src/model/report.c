/* The report of one model file for people: see fc_model_report. */
#include "model/detect.h"

#include "base/file.h"
#include "base/str.h"
#include "model/clip.h"
#include "model/taesd.h"
#include "model/unet.h"
#include "model/vae.h"

enum { MAX_NAMES = 20 };

static void report_dtypes(fc_weights *w, fc_buf *out)
{
    size_t tensors[FC_DTYPE_COUNT] = {0};
    uint64_t bytes[FC_DTYPE_COUNT] = {0};
    for (size_t i = 0; i < fc_weights_count(w); i++) {
        const fc_weight *t = fc_weights_at(w, i);
        tensors[t->dtype]++;
        bytes[t->dtype] += (uint64_t)(fc_weight_rows(t) * fc_weight_cols(t)) * fc_dtype_size(t->dtype);
    }
    for (int d = 0; d < FC_DTYPE_COUNT; d++)
        if (tensors[d])
            fc_buf_printf(out, "%-10s %zu tensors, %.1f MB\n", fc_dtype_name((fc_dtype)d), tensors[d],
                          (double)bytes[d] / 1e6);
}

/* One part of a file: how it opened. It is closed at once; what stays is that its tensors are marked as used.
 */
static void report_part(fc_buf *out, const char *name, fc_status status, const fc_err *err)
{
    if (status)
        fc_buf_printf(out, "%-10s cannot be used: %s\n", name, err->message);
    else
        fc_buf_printf(out, "%-10s complete\n", name);
    if (status == FC_NOMEM) out->status = status; /* says nothing about the file: the report fails */
}

static void report_unet(fc_weights *w, fc_buf *out)
{
    fc_err err = {0};
    fc_unet *u = NULL;
    fc_status status = fc_model_check_unet(w, &err); /* says more than what does not fit together then */
    if (status != FC_OK) goto out;
    status = fc_unet_open(&u, w, &err);
out:
    report_part(out, "UNet", status, &err);
    fc_unet_close(u);
}

static void report_clip(fc_weights *w, const char *name, const char *prefix, fc_buf *out)
{
    fc_err err = {0};
    fc_clip *c;
    report_part(out, name, fc_clip_open(&c, w, prefix, &err), &err);
    fc_clip_close(c);
}

static void report_vae(fc_weights *w, const char *name, fc_vae_parts part, fc_buf *out)
{
    fc_err err = {0};
    fc_vae *v;
    report_part(out, name, fc_vae_open(&v, w, part, &err), &err);
    fc_vae_close(v);
}

static void report_taesd(fc_weights *w, fc_buf *out)
{
    fc_err err = {0};
    fc_taesd *t;
    report_part(out, "TAESD", fc_taesd_open(&t, w, &err), &err);
    fc_taesd_close(t);
}

/* True when the file is of a kind whose parts are known, so that "unused" means something. */
static bool report_parts(fc_weights *w, const fc_model_info *m, fc_buf *out)
{
    bool base = m->kind == FC_MODEL_SDXL_BASE, refiner = m->kind == FC_MODEL_SDXL_REFINER;
    if (base || refiner) report_unet(w, out);
    if (base) report_clip(w, "CLIP-L", FC_CLIP_L_PREFIX, out);
    if (base || refiner) report_clip(w, "CLIP-G", base ? FC_CLIP_G_PREFIX : FC_CLIP_G_REFINER_PREFIX, out);
    bool vae = m->kind == FC_MODEL_VAE || ((base || refiner) && m->vae > 0);
    if (vae) {
        report_vae(w, "decoder", FC_VAE_DECODER, out);
        report_vae(w, "encoder", FC_VAE_ENCODER, out);
    }
    if (m->kind == FC_MODEL_TAESD) report_taesd(w, out);
    return base || refiner || vae || m->kind == FC_MODEL_TAESD;
}

/* Constants and leftovers of training that checkpoints carry and nobody reads. */
static bool is_expected_leftover(const char *name)
{
    static const char *const ends[] = {"position_ids",
                                       "logit_scale",
                                       "alphas_cumprod",
                                       "betas",
                                       "v_pred",
                                       "ztsnr",
                                       "edm_mean",
                                       "edm_std",
                                       "denoiser.sigmas",
                                       "edm_vpred.sigma_min",
                                       "edm_vpred.sigma_max"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (fc_str_ends(name, ends[i])) return true;
    return fc_str_starts(name, "model_ema.");
}

static void report_unused(fc_weights *w, fc_buf *out)
{
    size_t unused = 0;
    for (size_t i = 0; i < fc_weights_count(w); i++) {
        const fc_weight *t = fc_weights_at(w, i);
        if (t->used || is_expected_leftover(t->name)) continue;
        if (unused++ < MAX_NAMES) fc_buf_printf(out, "unused     %.160s\n", t->name);
    }
    if (unused > MAX_NAMES) fc_buf_printf(out, "unused     and %zu more\n", unused - MAX_NAMES);
}

fc_status fc_model_report(const char *path, fc_buf *out, fc_err *err)
{
    fc_weights *w;
    fc_model_info info;
    fc_status status = fc_weights_open(&w, path, err);
    if (status) return status;
    fc_model_describe(w, &info);
    fc_buf_printf(out, "%s\n%s: %s\n", info.line, fc_path_basename(path), fc_model_kind_name(info.kind));
    report_dtypes(w, out);
    if (report_parts(w, &info, out)) report_unused(w, out);
    fc_weights_close(w);
    return out->status ? fc_fail(err, out->status, "out of memory while reporting on %s", path) : FC_OK;
}
