/* What is in the device's memory: the packed weights of which model, under the one budget, and the stack. */
#include "engine/engine_impl.h"

/* What is left to the rest of the machine and to activations when the budget follows the free memory. */
#define MEMORY_RESERVE ((uint64_t)2 << 30)

uint64_t fc_engine_budget(const fc_engine *e, const fc_engine_config *c)
{
    if (c->memory_bytes) return c->memory_bytes;
    if (c->memory == FC_MEMORY_FAST) return UINT64_MAX;
    if (c->memory == FC_MEMORY_LOW) return 0;
    fc_device_memory memory;
    e->backend->memory(e->dev, &memory);
    if (!memory.available) return UINT64_MAX;
    return memory.available > MEMORY_RESERVE ? memory.available - MEMORY_RESERVE : 0;
}

fc_model *fc_engine_text_model(const fc_engine *e)
{
    return e->model[FC_ROLE_TEXT] ? e->model[FC_ROLE_TEXT] : e->model[FC_ROLE_BASE];
}

fc_model *fc_engine_vae_model(const fc_engine *e)
{
    return e->model[FC_ROLE_VAE] ? e->model[FC_ROLE_VAE] : e->model[FC_ROLE_BASE];
}

void fc_engine_activate(fc_engine *e, fc_model *m, fc_dtype act)
{
    uint64_t others = 0, need = fc_model_packed_estimate(m, act);
    for (int i = 0; i < FC_ROLE_COUNT; i++)
        if (e->model[i] && e->model[i] != m) others += e->model[i]->packs.resident;
    if (others > e->budget || need > e->budget - others) {
        for (int i = 0; i < FC_ROLE_COUNT; i++)
            if (e->model[i] && e->model[i] != m) fc_packcache_clear(&e->model[i]->packs);
        others = 0;
    }
    uint64_t room = e->budget - others;
    m->packs.budget = room > SIZE_MAX ? SIZE_MAX : (size_t)room;
    e->cx.packs = &m->packs;
    e->cx.act = act;
}

fc_status fc_engine_reserve(fc_engine *e, void (*run)(fc_cx *dry, void *user), void *user, fc_err *err)
{
    fc_cx dry;
    fc_device_memory memory;
    fc_status status = fc_cx_init_dry(&dry, e->cx.act, err);
    if (status) return status;
    run(&dry, user);
    size_t need = dry.peak;
    status = fc_cx_status(&dry, err);
    fc_cx_fini_dry(&dry);
    if (status) return status;
    e->backend->memory(e->dev, &memory);
    if (memory.total && need > memory.total)
        return fc_fail(err, FC_NOMEM,
                       "the picture's data need %zu MiB, there are %llu: choose a smaller picture",
                       need >> 20, (unsigned long long)(memory.total >> 20));
    return fc_cx_reserve(&e->cx, need, err);
}

void fc_engine_rest_encoders(fc_engine *e)
{
    for (int i = 0; i < FC_ROLE_COUNT; i++) {
        if (!e->model[i]) continue;
        fc_clip_rest(e->model[i]->clip_l);
        fc_clip_rest(e->model[i]->clip_g);
    }
}
