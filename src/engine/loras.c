/* The LoRAs of a job: opened once, hung on the base and the refiner in the order asked for. Weights that no
 * change touches keep their packed form (nn/lora.h: versions). */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/engine_impl.h"
#include "model/lora_names.h"

typedef struct fc_lora_entry {
    char *path;
    double weight;
    fc_lora *file;
} fc_lora_entry;

static void free_entries(fc_lora_entry *entries, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        fc_lora_close(entries[i].file);
        fc_free(entries[i].path);
    }
    fc_free(entries);
}

static fc_status open_entries(const fc_model_choice *choice, fc_lora_entry **out, fc_err *err)
{
    fc_status status = FC_OK;
    fc_lora_entry *entries = fc_calloc((size_t)choice->lora_count + 1, sizeof *entries);
    if (!entries) return fc_fail(err, FC_NOMEM, "out of memory");
    for (int32_t i = 0; i < choice->lora_count && !status; i++) {
        entries[i].weight = choice->loras[i].weight;
        entries[i].path = fc_strdup(choice->loras[i].path);
        status = entries[i].path ? fc_lora_open(&entries[i].file, choice->loras[i].path, err) : FC_NOMEM;
    }
    if (status) {
        free_entries(entries, choice->lora_count);
        return status;
    }
    *out = entries;
    return FC_OK;
}

/* What of a file is used: always told, a warning when a part does not fit. */
static void tell(const fc_hooks *hooks, const fc_lora_entry *l, const fc_lora_report *r, fc_model_role role)
{
    char text[700];
    const char *name = fc_path_basename(l->path);
    if (role == FC_ROLE_BASE) {
        snprintf(text, sizeof text, "LoRA %.200s: %d parts", name, r->matched);
        fc_emit_phase(hooks, text);
    }
    if (l->weight == 0 || r->unmatched + r->misfit + r->other == 0) return;
    if (r->other > 0) {
        if (role != FC_ROLE_BASE) return;
        snprintf(text, sizeof text,
                 "%.200s: %d of its %d parts are %s, which is not supported: they change nothing", name,
                 r->other, r->modules, r->kind);
    } else if (r->matched == 0) {
        if (role != FC_ROLE_BASE) return; /* most LoRAs are made for the base alone */
        snprintf(text, sizeof text,
                 "%.200s changes nothing: none of its %d parts fits this model (%.300s); it was made for "
                 "another kind "
                 "of model",
                 name, r->modules, r->examples);
    } else if (role == FC_ROLE_BASE) {
        snprintf(text, sizeof text,
                 "%.200s: %d of its %d parts are used; these do not fit this model: %.300s", name, r->matched,
                 r->modules, r->examples);
    } else {
        return;
    }
    fc_emit(hooks, &(fc_event){.kind = FC_EVENT_WARNING, .text = text, .seconds_left = -1});
}

static uint64_t key_of(const fc_lora_entry *entries, int32_t count)
{
    uint64_t key = 0;
    for (int32_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &entries[i].weight, sizeof bits);
        key = fc_splitmix64(key + fc_lora_key(entries[i].file) + 31 * bits + 1);
    }
    return key;
}

/* The weights of a model; where it borrows its text encoders those of the fallback follow. */
typedef struct spellings {
    fc_lora_names *own, *lent;
} spellings;

static bool resolve(void *user, const char *module, size_t length, fc_lora_target *out)
{
    const spellings *names = user;
    return fc_lora_names_resolve(names->own, module, length, out) ||
           (names->lent && fc_lora_names_resolve(names->lent, module, length, out));
}

static void detach(fc_model *m)
{
    if (!m) return;
    fc_weights_take_off(m->weights, NULL);
    m->patches = 0;
}

static fc_status attach(fc_model *m, fc_model *fallback, const fc_lora_entry *entries, int32_t count,
                        const fc_hooks *hooks, fc_err *err)
{
    spellings names = {0};
    if (!count) return FC_OK;
    fc_status status = fc_lora_names_new(&names.own, m->weights, err);
    if (status != FC_OK) goto out;
    if (fallback) status = fc_lora_names_new(&names.lent, fallback->weights, err);
    for (int32_t i = 0; i < count && !status; i++) {
        fc_lora_report report;
        status = fc_lora_attach(entries[i].file, entries[i].weight, resolve, &names, &report, err);
        if (!status) tell(hooks, &entries[i], &report, m->role);
    }
out:
    fc_lora_names_free(names.own);
    fc_lora_names_free(names.lent);
    m->patches = key_of(entries, count);
    if (fallback) fallback->patches = m->patches;
    return status;
}

fc_status fc_engine_blame_loras(const fc_engine *e, fc_err *err)
{
    for (int32_t i = 0; i < e->lora_count; i++) {
        const char *tensor = e->loras[i].weight != 0 ? fc_lora_damage(e->loras[i].file) : NULL;
        if (tensor)
            return fc_fail(
                err, FC_FORMAT,
                "the LoRA %s is damaged: its tensor %.120s holds values that are not numbers; fetch the "
                "file again",
                e->loras[i].path, tensor);
    }
    return FC_NUMERIC;
}

void fc_engine_drop_loras(fc_engine *e)
{
    detach(e->model[FC_ROLE_BASE]);
    detach(e->model[FC_ROLE_REFINER]);
    detach(e->model[FC_ROLE_TEXT]);
    free_entries(e->loras, e->lora_count);
    e->loras = NULL;
    e->lora_count = 0;
}

fc_status fc_engine_set_loras(fc_engine *e, const fc_model_choice *choice, const fc_hooks *hooks, fc_err *err)
{
    fc_lora_entry *entries = NULL;
    fc_status status = open_entries(choice, &entries, err);
    if (status) return status;
    /* patches point into the files: first off the weights, then away with the old files */
    fc_engine_drop_loras(e);
    e->loras = entries;
    e->lora_count = choice->lora_count;
    status = attach(e->model[FC_ROLE_BASE], e->model[FC_ROLE_TEXT], entries, choice->lora_count, hooks, err);
    if (status != FC_OK) goto out;
    if (e->model[FC_ROLE_REFINER])
        status = attach(e->model[FC_ROLE_REFINER], NULL, entries, choice->lora_count, hooks, err);
out:
    if (status) fc_engine_drop_loras(e);
    return status;
}
