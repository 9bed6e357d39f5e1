/* Which model's packed weights are in memory, under the one budget. */
#include "base/machine.h"
#include "engine/engine_impl.h"

/* What is left to the rest of the machine and to activations when the budget follows the free memory. */
#define MEMORY_RESERVE ((uint64_t)2 << 30)

uint64_t fc_engine_budget(const fc_engine_config *c)
{
    if (c->memory_bytes) return c->memory_bytes;
    if (c->memory == FC_MEMORY_FAST) return UINT64_MAX;
    if (c->memory == FC_MEMORY_LOW) return 0;
    fc_machine_memory memory;
    fc_machine_memory_read(&memory);
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

void fc_engine_activate(fc_engine *e, fc_model *m)
{
    uint64_t others = 0, need = fc_model_packed_estimate(m, e->cx.act);
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
}

void fc_engine_rest_encoders(fc_engine *e)
{
    for (int i = 0; i < FC_ROLE_COUNT; i++) {
        if (!e->model[i]) continue;
        fc_clip_rest(e->model[i]->clip_l);
        fc_clip_rest(e->model[i]->clip_g);
    }
}
