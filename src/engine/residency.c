/* What is in the device's memory: the packed weights of which model, under the one budget, and the stack. */
#include "engine/engine_impl.h"

#include "base/log.h"
#include "base/machine.h"

/* What is left to the rest of the machine and to activations when the budget follows the free memory. */
#define MEMORY_RESERVE ((uint64_t)2 << 30)
/* The same for a card, which has its memory for itself: a guided step at 1024x1024 in 16 bits takes 600 MiB.
 */
#define CARD_RESERVE ((uint64_t)700 << 20)
/* Room on a card for weights that come from the host while it computes: some 40 of the UNet's layers. */
#define STAGE_LEAST ((uint64_t)16 << 20)
#define STAGE_MOST  ((uint64_t)256 << 20)

/* Whether the device has memory of its own, which weights are brought into. */
static bool is_card(const fc_engine *e)
{
    return e->backend->stage != NULL;
}

static uint64_t reserve_of(const fc_engine *e, const fc_device_memory *memory)
{
    if (!is_card(e)) return MEMORY_RESERVE;
    return memory->available / 2 < CARD_RESERVE ? memory->available / 2 : CARD_RESERVE;
}

uint64_t fc_engine_budget(const fc_engine *e, const fc_engine_config *c)
{
    if (c->memory_bytes) return c->memory_bytes;
    if (c->memory == FC_MEMORY_FAST) return UINT64_MAX;
    if (c->memory == FC_MEMORY_LOW) return 0;
    fc_device_memory memory;
    e->backend->memory(e->dev, &memory);
    if (!memory.available) return UINT64_MAX;
    uint64_t reserve = reserve_of(e, &memory);
    return memory.available > reserve ? memory.available - reserve : 0;
}

fc_model *fc_engine_text_model(const fc_engine *e)
{
    return e->model[FC_ROLE_TEXT] ? e->model[FC_ROLE_TEXT] : e->model[FC_ROLE_BASE];
}

fc_model *fc_engine_vae_model(const fc_engine *e)
{
    return e->model[FC_ROLE_VAE] ? e->model[FC_ROLE_VAE] : e->model[FC_ROLE_BASE];
}

static void tell_int8(fc_engine *e)
{
    if (e->told_int8) return;
    e->told_int8 = true;
    fc_emit(e->hooks,
            &(fc_event){.kind = FC_EVENT_WARNING,
                        .text = "Neither the graphics card nor the machine has room for the model's "
                                "weights in 16 bits: they are kept in 8, and the picture is slightly "
                                "different",
                        .seconds_left = -1});
}

/* Which weights of a model that a card cannot hold stay on it, which wait on the host and come for each use,
 * and whether those of the UNet are kept in 8 bits, because the host cannot hold the rest either. */
static void share_with_host(fc_engine *e, fc_model *m, uint64_t need, uint64_t room)
{
    fc_machine_memory machine;
    fc_machine_memory_read(&machine);
    uint64_t stage = room / 8, host = machine.available / 2;
    if (stage < STAGE_LEAST) stage = STAGE_LEAST;
    if (stage > STAGE_MOST) stage = STAGE_MOST;
    if (e->memory == FC_MEMORY_LOW) host = 0;
    m->packs.stage_budget = (size_t)stage;
    m->packs.host_budget = (size_t)host;
    m->packs.budget = (size_t)(room > stage ? room - stage : 0);
    if (!m->packs.int8 && m->unet && need - m->packs.budget > host) {
        m->packs.int8 = true;
        tell_int8(e);
    }
    fc_log(FC_LOG_INFO, "%llu MiB of weights: %zu on the card, others wait on the host%s",
           (unsigned long long)(need >> 20), m->packs.budget >> 20,
           m->packs.int8 ? ", the UNet's in 8 bits" : "");
}

/* Control networks at work lie beside the base's weights. */
static uint64_t packed_estimate(const fc_engine *e, const fc_model *m, fc_dtype act)
{
    uint64_t size = m->packs.int8 ? 1 : fc_dtype_size(act);
    uint64_t guides = m == e->model[FC_ROLE_BASE] ? e->guide_values * size : 0;
    return fc_model_packed_estimate(m, act) + guides;
}

void fc_engine_make_resident(fc_engine *e, fc_model *m, fc_dtype act)
{
    /* 8 bits for lack of memory are thought over whenever nothing is prepared. */
    if (m->packs.resident + m->packs.host == 0) m->packs.int8 = e->int8;
    uint64_t others = 0, need = packed_estimate(e, m, act);
    for (int i = 0; i < FC_ROLE_COUNT; i++)
        if (e->model[i] && e->model[i] != m) others += e->model[i]->packs.resident;
    if (others > e->budget || need > e->budget - others) {
        for (int i = 0; i < FC_ROLE_COUNT; i++)
            if (e->model[i] && e->model[i] != m) fc_packcache_clear(&e->model[i]->packs);
        others = 0;
    }
    uint64_t room = e->budget - others;
    m->packs.budget = room > SIZE_MAX ? SIZE_MAX : (size_t)room;
    if (is_card(e) && need > room) share_with_host(e, m, need, room);
    e->cx.packs = &m->packs;
    e->cx.act = act;
}

/* Weights make room for the picture's data: those of other models first, then some of the one in use. */
static fc_status give_way(fc_engine *e, size_t need, fc_err *err)
{
    fc_status status = FC_NOMEM;
    bool freed = false;
    for (int i = 0; i < FC_ROLE_COUNT; i++) {
        fc_packcache *packs = e->model[i] ? &e->model[i]->packs : NULL;
        if (!packs || packs == e->cx.packs || packs->resident == 0) continue;
        fc_packcache_clear(packs);
        freed = true;
    }
    if (freed) status = fc_cx_reserve(&e->cx, need, err);
    while (status == FC_NOMEM &&
           fc_packcache_give_up(e->cx.packs, need)) { /* again: what is free lies in pieces */
        fc_log(FC_LOG_INFO, "the picture's data need %zu MiB of the card: weights were given up", need >> 20);
        status = fc_cx_reserve(&e->cx, need, err);
    }
    return status;
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
    status = fc_cx_reserve(&e->cx, need, err);
    return status == FC_NOMEM && is_card(e) && e->cx.packs ? give_way(e, need, err) : status;
}

/* Half of a step's memory is worth more than its speed where weights have to wait for room. */
bool fc_engine_saves_memory(const fc_engine *e, const fc_model *m)
{
    return e->small || (e->backend->stage && packed_estimate(e, m, e->act) > m->packs.budget);
}

void fc_engine_evict_encoders(fc_engine *e)
{
    for (int i = 0; i < FC_ROLE_COUNT; i++) {
        if (!e->model[i]) continue;
        fc_clip_evict(e->model[i]->clip_l);
        fc_clip_evict(e->model[i]->clip_g);
    }
}
