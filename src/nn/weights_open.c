/* Opening models: single files as they are, what is of the many-files layout under canonical names. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"
#include "nn/names.h"
#include "nn/weights_impl.h"

enum { MAX_SHARDS = 64, MAX_INDEX = 16 << 20, PATH_SIZE = 4096 };
#define ARENA_CAP   ((size_t)256 << 20)
#define UNET_PREFIX "model.diffusion_model."

static fc_status no_memory(const fc_weights *w, fc_err *err)
{
    return fc_fail(err, FC_NOMEM, "out of memory while opening %s", w->path);
}

/* ---- entries ---- */

fc_status fc_weights_add(fc_weights *w, const fc_weight *entry, fc_err *err)
{
    bool twice = false;
    if (w->count == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 512;
        fc_weight *p = fc_realloc(w->entries, cap * sizeof *p);
        if (!p) return no_memory(w, err);
        w->entries = p;
        w->cap = cap;
    }
    w->entries[w->count] = *entry;
    if (fc_strmap_put(&w->index, entry->name, strlen(entry->name), (uint32_t)w->count, &twice))
        return no_memory(w, err);
    if (twice) return fc_fail(err, FC_FORMAT, "%s: two tensors are called %.100s", w->path, entry->name);
    w->count++;
    return FC_OK;
}

static fc_status make_entry(const fc_weights *w, const fc_st_tensor *t, fc_weight *e, fc_err *err)
{
    if (t->ndim > FC_MAX_DIMS)
        return fc_fail(err, FC_UNSUPPORTED,
                       "%s: the tensor %.100s has %d dimensions, at most %d are supported", w->path, t->name,
                       t->ndim, FC_MAX_DIMS);
    *e = (fc_weight){.name = t->name, .dtype = t->dtype, .ndim = t->ndim, .data = t->data};
    memcpy(e->shape, t->shape, (size_t)t->ndim * sizeof *e->shape);
    return FC_OK;
}

/* ---- files ---- */

static fc_status open_file(fc_weights *w, const char *path, const fc_weights_file **out, fc_err *err)
{
    fc_weights_file **files = fc_realloc(w->files, (w->file_count + 1) * sizeof *files);
    if (!files) return no_memory(w, err);
    w->files = files;
    fc_weights_file *f = fc_calloc(1, sizeof *f);
    if (!f) return no_memory(w, err);
    fc_status status =
        fc_ckpt_is_file(path) ? fc_ckpt_open(&f->ckpt, path, err) : fc_safetensors_open(&f->st, path, err);
    if (status) {
        fc_free(f);
        return status;
    }
    w->files[w->file_count++] = f;
    *out = f;
    return FC_OK;
}

static const fc_st_tensor *tensors_of(const fc_weights_file *f, size_t *count)
{
    bool ckpt = f->ckpt.count > 0;
    *count = ckpt ? f->ckpt.count : f->st.count;
    return ckpt ? f->ckpt.tensors : f->st.tensors;
}

/* ---- one tensor of a folder ---- */

/* q, k or v: a row of the stack, which is made when the first of them comes. */
static fc_status add_part(fc_weights *w, const fc_weight *part, int index, fc_err *err)
{
    fc_weight *stack = fc_weights_find(w, part->name);
    if (!stack) {
        fc_weight e = *part;
        e.data = NULL;
        e.shape[0] *= FC_WEIGHT_PARTS;
        fc_status status = fc_weights_add(w, &e, err);
        if (status) return status;
        stack = &w->entries[w->count - 1];
    }
    bool same = stack->dtype == part->dtype && stack->ndim == part->ndim && part->ndim > 0 && !stack->data &&
                stack->shape[0] == FC_WEIGHT_PARTS * part->shape[0] &&
                memcmp(stack->shape + 1, part->shape + 1, sizeof stack->shape - sizeof *stack->shape) == 0;
    if (!same || stack->part[index])
        return fc_fail(err, FC_FORMAT, "%s: the parts of %.100s do not fit together", w->path, part->name);
    stack->part[index] = part->data;
    return FC_OK;
}

/* A small matrix, laid out the other way round in memory of its own. */
static fc_status transpose(fc_weights *w, fc_weight *e, fc_err *err)
{
    size_t size = fc_dtype_size(e->dtype), bytes;
    if (e->ndim != 2) return fc_fail(err, FC_FORMAT, "%s: %.100s is no matrix", w->path, e->name);
    size_t rows = (size_t)e->shape[0], cols = (size_t)e->shape[1];
    if (!fc_size_mul(rows, cols, &bytes) || !fc_size_mul(bytes, size, &bytes)) return no_memory(w, err);
    char *to = fc_arena_alloc(&w->arena, bytes);
    if (!to) return no_memory(w, err);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            memcpy(to + (c * rows + r) * size, (const char *)e->data + (r * cols + c) * size, size);
    e->shape[0] = (int64_t)cols;
    e->shape[1] = (int64_t)rows;
    e->data = to;
    return FC_OK;
}

static fc_status add_named(fc_weights *w, const fc_st_tensor *t, const fc_canonical_name *name, fc_err *err)
{
    fc_weight e;
    fc_status status = make_entry(w, t, &e, err);
    if (status) return status;
    e.name = fc_arena_strdup(&w->arena, name->name);
    if (!e.name) return no_memory(w, err);
    if (name->form == FC_NAME_STACK) return add_part(w, &e, name->part, err);
    if (name->form == FC_NAME_TRANSPOSED) status = transpose(w, &e, err);
    if (name->form == FC_NAME_CONV)
        while (e.ndim < 4) e.shape[e.ndim++] = 1;
    return status ? status : fc_weights_add(w, &e, err);
}

static fc_status check_stacks(const fc_weights *w, fc_err *err)
{
    for (size_t i = 0; i < w->count; i++) {
        const fc_weight *e = &w->entries[i];
        bool whole =
            e->data || (e->part[0] && e->part[1] && e->part[2]) || fc_weight_rows(e) * fc_weight_cols(e) == 0;
        if (!whole) return fc_fail(err, FC_FORMAT, "%s: a part of %.100s is missing", w->path, e->name);
    }
    return FC_OK;
}

/* ---- a single file ---- */

/* A part of the many-files layout on its own: FC_COMPONENT_COUNT when it is none. */
static fc_component component_alone(const fc_st_tensor *t, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(t[i].name, "add_embedding.linear_1.weight") == 0) return FC_COMPONENT_UNET;
        if (strcmp(t[i].name, "decoder.mid_block.resnets.0.norm1.weight") == 0) return FC_COMPONENT_VAE;
    }
    return FC_COMPONENT_COUNT;
}

/* The other prefixes under which single files keep their parts. */
static const struct spelling {
    const char *prefix;
    fc_component component;
    bool refiner;
} spellings[] = {
    {"conditioner.embedders.1.model.", FC_COMPONENT_CLIP_G,
     false}, /* transformers' names below sgm's prefix */
    {"conditioner.embedders.1.transformer.", FC_COMPONENT_CLIP_G, false},
    {"conditioner.embedders.0.model.", FC_COMPONENT_CLIP_G, true},
    {"text_encoder_2.", FC_COMPONENT_CLIP_G, false}, /* a pipeline of diffusers saved as one file */
    {"text_encoder.", FC_COMPONENT_CLIP_L, false},
    {"unet.", FC_COMPONENT_UNET, false},
    {"vae.", FC_COMPONENT_VAE, false},
};
enum { SPELLINGS = sizeof spellings / sizeof *spellings };

/* What stands before the names of a UNet of SDXL, when it is not the usual prefix; NULL: the usual one. */
static char *other_unet_prefix(fc_weights *w, const fc_st_tensor *t, size_t count)
{
    static const char mark[] = "label_emb.0.0.weight";
    for (size_t i = 0; i < count; i++) {
        if (!fc_str_ends(t[i].name, mark)) continue;
        size_t n = strlen(t[i].name) - (sizeof mark - 1);
        bool usual = n == sizeof UNET_PREFIX - 1 && memcmp(t[i].name, UNET_PREFIX, n) == 0;
        bool whole = n == 0 || t[i].name[n - 1] == '.';
        bool control = fc_str_starts(t[i].name, "control_model.");
        return usual || !whole || control ? NULL : fc_arena_strndup(&w->arena, t[i].name, n);
    }
    return NULL;
}

static fc_status add_as_is(fc_weights *w, const fc_st_tensor *t, const char *prefix, fc_err *err)
{
    fc_weight e;
    fc_status status = make_entry(w, t, &e, err);
    if (!status && prefix && fc_str_starts(t->name, prefix)) {
        e.name = fc_arena_printf(&w->arena, UNET_PREFIX "%s", t->name + strlen(prefix));
        if (!e.name) return no_memory(w, err);
    }
    return status ? status : fc_weights_add(w, &e, err);
}

/* A tensor under one of the other prefixes gets its canonical name; the rest stays as it is. */
static fc_status add_single(fc_weights *w, const fc_names *names, const fc_st_tensor *t,
                            const char *unet_prefix, fc_err *err)
{
    for (size_t i = 0; i < SPELLINGS; i++) {
        fc_canonical_name name;
        if (!fc_str_starts(t->name, spellings[i].prefix)) continue;
        if (fc_names_map(&names[i], t->name + strlen(spellings[i].prefix), &name))
            return add_named(w, t, &name, err);
    }
    return add_as_is(w, t, unet_prefix, err);
}

static fc_status add_component(fc_weights *w, fc_component component, const fc_st_tensor *t, size_t count,
                               fc_err *err)
{
    fc_names names = {.component = component};
    fc_status status = FC_OK;
    for (size_t i = 0; i < count; i++) fc_names_learn(&names, t[i].name);
    for (size_t i = 0; i < count && !status; i++) {
        fc_canonical_name name;
        if (fc_names_map(&names, t[i].name, &name)) status = add_named(w, &t[i], &name, err);
    }
    return status ? status : check_stacks(w, err);
}

static fc_status open_single(fc_weights *w, fc_err *err)
{
    const fc_weights_file *f;
    size_t count = 0;
    fc_status status = open_file(w, w->path, &f, err);
    const fc_st_tensor *t = status ? NULL : tensors_of(f, &count);
    if (status) return status;
    fc_component component = component_alone(t, count);
    if (component != FC_COMPONENT_COUNT) return add_component(w, component, t, count, err);
    const char *unet_prefix = other_unet_prefix(w, t, count);
    fc_names names[SPELLINGS];
    for (size_t k = 0; k < SPELLINGS; k++) {
        names[k] = (fc_names){.component = spellings[k].component, .refiner = spellings[k].refiner};
        for (size_t i = 0; i < count; i++)
            if (fc_str_starts(t[i].name, spellings[k].prefix))
                fc_names_learn(&names[k], t[i].name + strlen(spellings[k].prefix));
    }
    for (size_t i = 0; i < count && !status; i++) status = add_single(w, names, &t[i], unet_prefix, err);
    return status ? status : check_stacks(w, err);
}

/* ---- one component of a folder ---- */

typedef struct shards {
    char names[MAX_SHARDS][256];
    int count;
} shards;

static fc_status add_shard(shards *s, const char *name, fc_err *err)
{
    bool plain = *name && *name != '.' && !strchr(name, '/') && strlen(name) < sizeof s->names[0];
    if (!plain)
        return fc_fail(err, FC_FORMAT, "the list of shards names '%.100s', which is no file name", name);
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->names[i], name) == 0) return FC_OK;
    if (s->count == MAX_SHARDS)
        return fc_fail(err, FC_LIMIT, "the model has more than %d shards", MAX_SHARDS);
    snprintf(s->names[s->count++], sizeof s->names[0], "%s", name);
    return FC_OK;
}

/* {"weight_map": {"tensor": "file", ...}} */
static fc_status read_index(shards *s, const char *path, fc_err *err)
{
    const char *tensor;
    json_t *file, *root;
    fc_status status = fc_json_read_file(path, MAX_INDEX, FC_JSON_OBJECT, &root, err);
    json_t *map = json_object_get(root, "weight_map");
    if (status != FC_OK) goto out;
    if (json_object_size(map) == 0)
        status = fc_fail(err, FC_FORMAT, "%s lists no tensors; download it again", path);
out:
    json_object_foreach(map, tensor, file)
    {
        if (status) break;
        status = add_shard(s, json_is_string(file) ? json_string_value(file) : "", err);
    }
    json_decref(root);
    return status;
}

/* The files of a component: full precision before fp16, safetensors before pickles, as the first that is
 * there. */
static fc_status find_shards(const char *folder, shards *s, fc_err *err)
{
    static const char *const stems[] = {"diffusion_pytorch_model", "model", "pytorch_model"};
    static const char *const endings[] = {".safetensors.index.json",
                                          ".safetensors",
                                          ".fp16.safetensors",
                                          ".bin.index.json",
                                          ".bin",
                                          ".fp16.bin",
                                          ".safetensors.index.fp16.json"};
    s->count = 0;
    for (size_t e = 0; e < sizeof endings / sizeof *endings; e++)
        for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
            char name[80], path[PATH_SIZE];
            snprintf(name, sizeof name, "%s%s", stems[i], endings[e]);
            if (fc_path_join(path, sizeof path, folder, name) || !fc_path_exists(path)) continue;
            return fc_str_ends(name, ".json") ? read_index(s, path, err) : add_shard(s, name, err);
        }
    return fc_fail(err, FC_NOT_FOUND, "%s holds no weights (diffusion_pytorch_model.safetensors or the like)",
                   folder);
}

static fc_status open_component(fc_weights *w, const char *folder, fc_names *names, fc_err *err)
{
    shards s;
    const fc_weights_file *files[MAX_SHARDS];
    fc_status status = find_shards(folder, &s, err);
    for (int i = 0; i < s.count && !status; i++) {
        char path[PATH_SIZE];
        size_t count = 0;
        if (fc_path_join(path, sizeof path, folder, s.names[i]))
            return fc_fail(err, FC_LIMIT, "the file name is too long: %s", s.names[i]);
        status = open_file(w, path, &files[i], err);
        const fc_st_tensor *t = status ? NULL : tensors_of(files[i], &count);
        for (size_t k = 0; k < count; k++) fc_names_learn(names, t[k].name);
    }
    for (int i = 0; i < s.count && !status; i++) {
        size_t count;
        const fc_st_tensor *t = tensors_of(files[i], &count);
        for (size_t k = 0; k < count && !status; k++) {
            fc_canonical_name name; /* what a single file does not have (position_ids) is left out */
            if (fc_names_map(names, t[k].name, &name)) status = add_named(w, &t[k], &name, err);
        }
    }
    return status;
}

bool fc_weights_is_folder(const char *path)
{
    char index[PATH_SIZE];
    return fc_path_is_dir(path) && !fc_path_join(index, sizeof index, path, "model_index.json") &&
           fc_path_exists(index);
}

static fc_status open_folder(fc_weights *w, fc_err *err)
{
    static const struct {
        const char *folder;
        fc_component component;
    } parts[] = {{"unet", FC_COMPONENT_UNET},
                 {"text_encoder", FC_COMPONENT_CLIP_L},
                 {"text_encoder_2", FC_COMPONENT_CLIP_G},
                 {"vae", FC_COMPONENT_VAE}};
    char folder[PATH_SIZE];
    bool has_clip_l = !fc_path_join(folder, sizeof folder, w->path, "text_encoder") && fc_path_is_dir(folder);
    fc_status status = FC_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++) {
        fc_names names = {.component = parts[i].component, .refiner = !has_clip_l};
        if (fc_path_join(folder, sizeof folder, w->path, parts[i].folder))
            return fc_fail(err, FC_LIMIT, "the path is too long: %s", w->path);
        if (fc_path_is_dir(folder)) status = open_component(w, folder, &names, err);
    }
    if (status != FC_OK) return status;
    if (w->count == 0)
        status = fc_fail(err, FC_FORMAT,
                         "%s holds none of the folders unet, text_encoder, text_encoder_2, vae", w->path);
    return status ? status : check_stacks(w, err);
}

/* ---- */

static bool is_inside(const fc_mapping *m, const void *p)
{
    return m->data && (const uint8_t *)p >= m->data && (const uint8_t *)p < m->data + m->size;
}

static bool is_mapped(const fc_weights *w, const void *p)
{
    for (size_t i = 0; i < w->file_count; i++)
        if (is_inside(&w->files[i]->st.map, p) || is_inside(&w->files[i]->ckpt.map, p)) return true;
    return false;
}

static void mark_mapped(fc_weights *w)
{
    for (size_t i = 0; i < w->count; i++) {
        fc_weight *e = &w->entries[i];
        e->mapped = e->data ? is_mapped(w, e->data) : true;
        for (int k = 0; !e->data && k < FC_WEIGHT_PARTS; k++)
            e->mapped = e->mapped && is_mapped(w, e->part[k]);
    }
}

fc_status fc_weights_open(fc_weights **out, const char *path, fc_err *err)
{
    *out = NULL;
    fc_weights *w = fc_calloc(1, sizeof *w);
    if (!w) return fc_fail(err, FC_NOMEM, "out of memory while opening %s", path);
    fc_strmap_init(&w->index);
    fc_arena_init(&w->arena, ARENA_CAP);
    w->path = fc_strdup(path);
    fc_status status = w->path ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while opening %s", path);
    if (status != FC_OK) goto out;
    status = fc_weights_is_folder(path) ? open_folder(w, err) : open_single(w, err);
out:
    if (status) {
        fc_weights_close(w);
        return status;
    }
    mark_mapped(w);
    *out = w;
    return FC_OK;
}

void fc_weights_close(fc_weights *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->file_count; i++) {
        fc_safetensors_close(&w->files[i]->st);
        fc_ckpt_close(&w->files[i]->ckpt);
        fc_free(w->files[i]);
    }
    fc_free(w->files);
    fc_strmap_fini(&w->index);
    fc_arena_fini(&w->arena);
    fc_free(w->entries);
    fc_free(w->path);
    fc_free(w);
}
