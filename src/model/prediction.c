/* Signs, by who writes them:
 *   tensors  v_pred, ztsnr (a mark each, often empty)      trainers of v models, ComfyUI
 *            edm_vpred.sigma_min, edm_vpred.sigma_max       CosXL
 *            edm_mean, edm_std                              Playground v2.5
 *   metadata modelspec.prediction_type, .predict_key        the ModelSpec standard: sd-scripts, ComfyUI,
 * OneTrainer ss_zero_terminal_snr                           sd-scripts folder scheduler/scheduler_config.json
 * diffusers A tensor counts more than a text. */
#include "model/prediction.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "format/json.h"

enum { MAX_CONFIG = 1 << 20 };

/* ---- words ---- */

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (fc_str_eq_nocase(word, *words)) return true;
    return false;
}

/* A prediction's name as people write it. */
static fc_status take_word(const char *word, fc_prediction *out, fc_err *err)
{
    static const char *const velocity[] = {"v", "v_prediction", "v-prediction", "v_pred", "velocity", NULL};
    static const char *const others[] = {"sample", "x0", "flow", "flow_prediction", "rectified_flow", NULL};
    if (!word) return FC_OK;
    if (is_one_of(word, velocity)) out->kind = FC_PREDICTS_V;
    if (!is_one_of(word, others)) return FC_OK;
    return fc_fail(
        err, FC_UNSUPPORTED,
        "this model predicts '%.40s', which this program cannot sample; choose a version of it that predicts "
        "noise (eps) or velocity (v)",
        word);
}

static bool is_true(const char *word)
{
    return word && (fc_str_eq_nocase(word, "true") || strcmp(word, "1") == 0);
}

/* ---- metadata ---- */

static fc_status read_metadata(const fc_weights *w, fc_prediction *out, fc_err *err)
{
    fc_status status = take_word(fc_weights_metadata(w, "modelspec.predict_key"), out, err);
    if (status != FC_OK) goto out;
    status = take_word(fc_weights_metadata(w, "modelspec.prediction_type"), out, err);
out:
    if (is_true(fc_weights_metadata(w, "ss_zero_terminal_snr"))) out->zero_snr = true;
    return status;
}

/* ---- the scheduler of a folder ---- */

static fc_status take_scheduler(const json_t *config, fc_prediction *out, fc_err *err)
{
    const char *class = json_string_value(json_object_get(config, "_class_name"));
    const char *type = json_string_value(json_object_get(config, "prediction_type"));
    if (class && fc_str_starts(class, "FlowMatch"))
        return fc_fail(err, FC_UNSUPPORTED,
                       "this model was trained by flow matching, which this program cannot sample; choose a "
                       "version of it "
                       "that predicts noise (eps) or velocity (v)");
    fc_status status = take_word(type, out, err);
    out->zero_snr = json_is_true(fc_json_member(config, "rescale_betas_zero_snr"));
    if (status != FC_OK || !class || !fc_str_starts(class, "EDM")) return status;
    out->kind = out->kind == FC_PREDICTS_V ? FC_PREDICTS_EDM_V : FC_PREDICTS_EDM;
    if (out->kind != FC_PREDICTS_EDM_V) return FC_OK;
    out->sigma_min = json_number_value(json_object_get(config, "sigma_min"));
    out->sigma_max = json_number_value(json_object_get(config, "sigma_max"));
    return FC_OK;
}

static fc_status read_scheduler(const fc_weights *w, fc_prediction *out, fc_err *err)
{
    char path[4096];
    json_t *config;
    if (!fc_weights_is_folder(fc_weights_path(w))) return FC_OK;
    if (fc_path_join(path, sizeof path, fc_weights_path(w), "scheduler/scheduler_config.json") != FC_OK ||
        !fc_path_exists(path))
        return FC_OK;
    fc_status status = fc_json_read_file(path, MAX_CONFIG, FC_JSON_OBJECT, &config, err);
    if (status != FC_OK) goto out;
    status = take_scheduler(config, out, err);
out:
    json_decref(config);
    return status;
}

/* ---- tensors ---- */

static bool read_number(fc_weights *w, const char *name, double *out)
{
    float value;
    const fc_weight *t = fc_weights_find(w, name);
    bool one = t && fc_weight_rows(t) == 1 && fc_weight_cols(t) == 1 && fc_dtype_is_float(t->dtype);
    if (!one || fc_weight_read(t, 0, 1, &value) != FC_OK) return false;
    *out = (double)value;
    return true;
}

static void read_tensors(fc_weights *w, fc_prediction *out)
{
    if (fc_weights_find(w, "v_pred")) out->kind = FC_PREDICTS_V;
    if (fc_weights_find(w, "ztsnr")) out->zero_snr = true;
    if (fc_weights_find(w, "edm_mean")) out->kind = FC_PREDICTS_EDM;
    if (!read_number(w, "edm_vpred.sigma_max", &out->sigma_max)) return;
    out->kind = FC_PREDICTS_EDM_V;
    if (!read_number(w, "edm_vpred.sigma_min", &out->sigma_min)) out->sigma_min = 0.002;
}

/* Below and above, float32 has no room for the squares that samplers need. */
static bool makes_sense(const fc_prediction *p)
{
    bool is_given = p->sigma_min != 0 || p->sigma_max != 0;
    return !is_given || (p->sigma_min >= 1e-6 && p->sigma_min < p->sigma_max && p->sigma_max <= 1e6);
}

fc_status fc_prediction_read(fc_weights *w, fc_prediction *out, fc_err *err)
{
    *out = (fc_prediction){.kind = FC_PREDICTS_EPS};
    fc_status status = read_metadata(w, out, err);
    if (status != FC_OK) return status;
    status = read_scheduler(w, out, err);
    if (status != FC_OK) return status;
    read_tensors(w, out);
    if (out->kind != FC_PREDICTS_V) out->zero_snr = false; /* noise cannot be predicted where all is noise */
    if (makes_sense(out)) return FC_OK;
    return fc_fail(err, FC_FORMAT,
                   "this model tells noise levels from %g to %g, which makes no sense; fetch it again",
                   out->sigma_min, out->sigma_max);
}

const char *fc_prediction_name(const fc_prediction *p)
{
    switch (p->kind) {
    case FC_PREDICTS_V:
        return p->zero_snr ? "v, zero terminal SNR" : "v";
    case FC_PREDICTS_EDM:
        return "edm";
    case FC_PREDICTS_EDM_V:
        return "edm v";
    default:
        return "eps";
    }
}
