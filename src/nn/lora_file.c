/* Opening LoRA files: tensors become modules by the ends of their names. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"
#include "nn/lora_impl.h"

#define ARENA_CAP ((size_t)2 << 30)

/* How trainers end the names of their tensors. */
static const struct ending {
    const char *text;
    fc_lora_part part;
} endings[] = {
    {".lora_up.weight", FC_LORA_UP},
    {".lora_down.weight", FC_LORA_DOWN},
    {".lora_mid.weight", FC_LORA_MID},
    {".lora_up", FC_LORA_UP},
    {".lora_down", FC_LORA_DOWN},
    {"_lora.up.weight", FC_LORA_UP},
    {"_lora.down.weight", FC_LORA_DOWN},
    {".lora_linear_layer.up.weight", FC_LORA_UP},
    {".lora_linear_layer.down.weight", FC_LORA_DOWN},
    {".lora.up.weight", FC_LORA_UP},
    {".lora.down.weight", FC_LORA_DOWN},
    {".lora_B.weight", FC_LORA_UP},
    {".lora_A.weight", FC_LORA_DOWN},
    {".lora_B", FC_LORA_UP},
    {".lora_A", FC_LORA_DOWN},
    {".alpha", FC_LORA_ALPHA},
    {".dora_scale", FC_LORA_DORA},
    {".lora_magnitude_vector", FC_LORA_DORA},
    {".lora_magnitude_vector.weight", FC_LORA_DORA},
    {".hada_w1_a", FC_LORA_HADA_A1},
    {".hada_w1_b", FC_LORA_HADA_B1},
    {".hada_w2_a", FC_LORA_HADA_A2},
    {".hada_w2_b", FC_LORA_HADA_B2},
    {".hada_t1", FC_LORA_HADA_T1},
    {".hada_t2", FC_LORA_HADA_T2},
    {".lokr_w1", FC_LORA_KRON_W1},
    {".lokr_w1_a", FC_LORA_KRON_A1},
    {".lokr_w1_b", FC_LORA_KRON_B1},
    {".lokr_w2", FC_LORA_KRON_W2},
    {".lokr_w2_a", FC_LORA_KRON_A2},
    {".lokr_w2_b", FC_LORA_KRON_B2},
    {".lokr_t2", FC_LORA_KRON_T2},
    {".a1.weight", FC_LORA_GLORA_A1},
    {".a2.weight", FC_LORA_GLORA_A2},
    {".b1.weight", FC_LORA_GLORA_B1},
    {".b2.weight", FC_LORA_GLORA_B2},
    {".diff", FC_LORA_DIFF},
    {".diff_b", FC_LORA_DIFF_BIAS},
    {".w_norm", FC_LORA_DIFF},
    {".b_norm", FC_LORA_DIFF_BIAS},
    {".oft_blocks", FC_LORA_OFT},
    {".rescale", FC_LORA_OFT_RESCALE},
    {".on_input", FC_LORA_IA3_INPUT},
    {".oft_R.weight", FC_LORA_OTHER},
    {".oft_diag", FC_LORA_OTHER},
};

/* PEFT puts the adapter's name before the last part: ".lora_A.NAME.weight". */
static const struct ending named[] = {
    {".lora_A.", FC_LORA_DOWN}, {".lora_B.", FC_LORA_UP}, {".lora_magnitude_vector.", FC_LORA_DORA}};

/* Length of the ending of a PEFT name; 0: it is none. */
static size_t named_ending(const char *name, size_t length, fc_lora_part *part)
{
    static const char last[] = ".weight";
    if (!fc_str_ends(name, last)) return 0;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        const char *hit = strstr(name, named[i].text);
        if (!hit || hit == name) continue;
        const char *adapter = hit + strlen(named[i].text), *dot = strchr(adapter, '.');
        if (!dot || dot == adapter || strcmp(dot, last) != 0) continue;
        *part = named[i].part;
        return length - (size_t)(hit - name);
    }
    return 0;
}

/* Length of the longest ending that fits; 0: a tensor of no known kind. */
static size_t ending_of(const char *name, size_t length, fc_lora_part *part)
{
    size_t best = named_ending(name, length, part);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t n = strlen(endings[i].text);
        if (n <= best || n >= length || memcmp(name + length - n, endings[i].text, n) != 0) continue;
        *part = endings[i].part;
        best = n;
    }
    /* IA3 calls its one factor "weight", which only its mark beside it tells from anything else */
    static const char weight[] = ".weight";
    if (best || length < sizeof weight || !fc_str_ends(name, weight)) return best;
    *part = FC_LORA_IA3;
    return sizeof weight - 1;
}

/* Alphas may be whole numbers, marks anything. */
static bool type_fits(const fc_st_tensor *t, fc_lora_part part)
{
    return fc_dtype_is_float(t->dtype) || part == FC_LORA_ALPHA || part == FC_LORA_IA3_INPUT;
}

static void note_strange(fc_lora *l, const char *name)
{
    if (!l->strange++) l->strange_name = name;
}

static fc_status sort_tensors(fc_lora *l, fc_strmap *index, fc_err *err)
{
    l->modules = fc_arena_array(&l->arena, l->count ? l->count : 1, sizeof *l->modules);
    if (!l->modules) return fc_fail(err, FC_NOMEM, "out of memory");
    for (size_t i = 0; i < l->count; i++) {
        const fc_st_tensor *t = &l->tensors[i];
        fc_lora_part part = FC_LORA_PARTS;
        if (fc_str_starts(t->name, FC_LORA_BUNDLE)) continue; /* a textual inversion, engine/embeddings.h */
        size_t length = strlen(t->name), end = ending_of(t->name, length, &part);
        if (!end || !type_fits(t, part) || t->count == 0 || t->count > INT32_MAX) {
            note_strange(l, t->name);
            continue;
        }
        length -= end;
        uint32_t at;
        if (!fc_strmap_get(index, t->name, length, &at)) {
            at = (uint32_t)l->module_count++;
            l->modules[at] = (fc_lora_module){.name = t->name, .name_length = length};
            if (fc_strmap_put(index, t->name, length, at, NULL))
                return fc_fail(err, FC_NOMEM, "out of memory");
        }
        l->modules[at].part[part] = t;
    }
    return FC_OK;
}

/* "x.weight" alone was no part of a LoRA after all. */
static void drop_plain_weights(fc_lora *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->module_count; i++) {
        fc_lora_module m = l->modules[i];
        if (m.part[FC_LORA_IA3] && !m.part[FC_LORA_IA3_INPUT]) {
            note_strange(l, m.part[FC_LORA_IA3]->name);
            m.part[FC_LORA_IA3] = NULL;
        }
        bool empty = true;
        for (int p = 0; p < FC_LORA_PARTS; p++) empty = empty && !m.part[p];
        if (!empty) l->modules[kept++] = m;
    }
    l->module_count = kept;
}

/* ---- alphas in the metadata ---- */

/* A number that the file does not hold as a tensor. */
static fc_st_tensor *make_scalar(fc_lora *l, double value)
{
    fc_st_tensor *t = fc_arena_alloc(&l->arena, sizeof *t);
    float *data = fc_arena_alloc(&l->arena, sizeof *data);
    if (!t || !data) return NULL;
    *data = (float)value;
    *t = (fc_st_tensor){.name = ".alpha", .dtype = FC_F32, .count = 1, .size = sizeof *data, .data = data};
    return t;
}

static const json_t *config_member(const json_t *config, const char *component, const char *name)
{
    char key[100];
    snprintf(key, sizeof key, "%s.%s", component, name);
    const json_t *value = fc_json_member(config, key);   /* diffusers: "unet.lora_alpha" */
    return value ? value : fc_json_member(config, name); /* PEFT: "lora_alpha" */
}

/* alpha / rank, or with rank-stabilised LoRA alpha / sqrt(rank) */
static void set_alpha(fc_lora *l, fc_lora_module *m, const json_t *config)
{
    static const char *const components[] = {"text_encoder_2", "text_encoder", "unet"};
    const char *component = "unet", *name = m->name;
    char module[256];
    if (m->part[FC_LORA_ALPHA] || !m->part[FC_LORA_DOWN]) return;
    for (size_t i = 0; i < sizeof components / sizeof components[0]; i++) {
        size_t n = strlen(components[i]);
        if (strncmp(m->name, components[i], n) != 0 || m->name[n] != '.') continue;
        component = components[i];
        name += n + 1;
        break;
    }
    snprintf(module, sizeof module, "%.*s", (int)(m->name_length - (size_t)(name - m->name)), name);
    const json_t *alpha = fc_json_member(config_member(config, component, "alpha_pattern"), module);
    if (!alpha) alpha = config_member(config, component, "lora_alpha");
    if (!json_is_number(alpha)) return;
    double rank = m->part[FC_LORA_DOWN]->ndim > 0 ? (double)m->part[FC_LORA_DOWN]->shape[0] : 1;
    bool stabilised = json_is_true(config_member(config, component, "use_rslora"));
    m->part[FC_LORA_ALPHA] = make_scalar(l, json_number_value(alpha) * (stabilised ? sqrt(rank) : 1));
}

static fc_status read_metadata(fc_lora *l, fc_err *err)
{
    json_t *config;
    const char *text = fc_safetensors_metadata(&l->st, "lora_adapter_metadata");
    if (!text || fc_json_read(text, strlen(text), FC_JSON_OBJECT, &config, NULL) != FC_OK) return FC_OK;
    for (size_t i = 0; i < l->module_count; i++) set_alpha(l, &l->modules[i], config);
    json_decref(config);
    return l->arena.status ? fc_fail(err, FC_NOMEM, "out of memory") : FC_OK;
}

/* ---- the file ---- */

uint64_t fc_lora_key(const fc_lora *l)
{
    return l->key;
}

/* PyTorch wrote LoRAs, too; the pickle is read by the reader that executes nothing. */
static fc_status open_tensors(fc_lora *l, const char *path, fc_err *err)
{
    fc_status status;
    if (fc_ckpt_is_file(path)) {
        status = fc_ckpt_open(&l->ckpt, path, err);
        l->tensors = l->ckpt.tensors;
        l->count = l->ckpt.count;
    } else {
        status = fc_safetensors_open(&l->st, path, err);
        l->tensors = l->st.tensors;
        l->count = l->st.count;
    }
    return status;
}

static fc_lora *new_lora(void)
{
    fc_lora *l = fc_calloc(1, sizeof *l);
    if (l) fc_arena_init(&l->arena, ARENA_CAP);
    return l;
}

/* Makes modules of the tensors; gives l away, or closes it. */
static fc_status finish(fc_lora *l, fc_lora **out, fc_err *err)
{
    fc_strmap index;
    fc_strmap_init(&index);
    fc_status status = sort_tensors(l, &index, err);
    fc_strmap_fini(&index);
    if (!status) drop_plain_weights(l);
    if (status != FC_OK) goto out;
    status = read_metadata(l, err);
    if (status != FC_OK) goto out;
    if (l->module_count == 0)
        status = fc_fail(err, FC_UNSUPPORTED,
                         "this file is not a LoRA of a kind this program knows (it has tensors like %.80s)",
                         l->count ? l->tensors[0].name : "none at all");
out:
    if (status)
        fc_lora_close(l);
    else
        *out = l;
    return status;
}

fc_status fc_lora_open(fc_lora **out, const char *path, fc_err *err)
{
    *out = NULL;
    fc_lora *l = new_lora();
    if (!l) return fc_fail(err, FC_NOMEM, "out of memory while opening %s", path);
    l->key = fc_weights_file_key(path);
    fc_status status = open_tensors(l, path, err);
    if (status) {
        fc_lora_close(l);
        return status;
    }
    status = finish(l, out, err);
    if (status) fc_fail_prefix(err, "%s", path);
    return status;
}

fc_status fc_lora_parse(fc_lora **out, const void *data, size_t size, fc_err *err)
{
    *out = NULL;
    fc_lora *l = new_lora();
    if (!l) return fc_fail(err, FC_NOMEM, "out of memory for a LoRA");
    fc_status status = fc_safetensors_parse(&l->st, data, size, err);
    l->tensors = l->st.tensors;
    l->count = l->st.count;
    if (!status) return finish(l, out, err);
    fc_lora_close(l);
    return status;
}

void fc_lora_close(fc_lora *l)
{
    if (!l) return;
    fc_arena_fini(&l->arena);
    fc_safetensors_close(&l->st);
    fc_ckpt_close(&l->ckpt);
    fc_free(l);
}

/* ---- blame ---- */

enum { BLAME_BLOCK = 4096 };

static bool is_finite(const fc_st_tensor *t)
{
    float block[BLAME_BLOCK];
    size_t size = fc_dtype_size(t->dtype);
    for (size_t at = 0; at < t->count; at += BLAME_BLOCK) {
        size_t n = t->count - at < BLAME_BLOCK ? t->count - at : BLAME_BLOCK;
        fc_to_f32(block, (const char *)t->data + at * size, t->dtype, n);
        for (size_t i = 0; i < n; i++)
            if (!isfinite(block[i])) return false;
    }
    return true;
}

const char *fc_lora_damage(const fc_lora *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (fc_dtype_is_float(l->tensors[i].dtype) && !is_finite(&l->tensors[i])) return l->tensors[i].name;
    return NULL;
}
