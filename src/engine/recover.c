/* What is done when a picture fails for lack of memory or because the device was lost: another try, told to
 * the user. Texts stay encoded, so it begins with the first step. */
#include <stdio.h>

#include "engine/engine_impl.h"

static void tell(const fc_hooks *hooks, const char *text)
{
    fc_emit(hooks, &(fc_event){.kind = FC_EVENT_WARNING, .text = text, .seconds_left = -1});
}

/* Frees all that lies on the device. */
static uint64_t clear(fc_engine *e)
{
    uint64_t resident = 0;
    fc_cx_reset(&e->cx);
    fc_cx_release(&e->cx);
    for (int i = 0; i < FC_ROLE_COUNT; i++) {
        if (!e->model[i]) continue;
        resident += e->model[i]->packs.resident;
        fc_packcache_clear(&e->model[i]->packs);
    }
    return resident;
}

void fc_engine_drop_device(fc_engine *e)
{
    if (!e->dev) return;
    (void)clear(e);
    e->backend->close(e->dev);
    e->dev = NULL;
}

fc_status fc_engine_reopen(fc_engine *e, fc_err *err)
{
    fc_engine_drop_device(e);
    e->losses++;
    fc_status status = fc_engine_open_device(e, &e->config, err);
    if (status != FC_OK) goto out;
    status = fc_engine_use_device(e, err);
out:
    if (status) {
        fc_engine_drop_device(e);
        (void)fc_fail_prefix(err, "the device was lost and cannot be opened again");
    }
    return status;
}

/* Once, and then for all pictures to come: guidance and decoding in parts, and less room for weights. */
static bool make_small(fc_engine *e, const fc_hooks *hooks)
{
    if (e->small) return false;
    uint64_t resident = clear(e);
    e->small = true;
    if (resident && e->budget > resident / 4 * 3) e->budget = resident / 4 * 3;
    tell(hooks, "Memory ran out: the picture is drawn again in a way that needs less of it and takes longer");
    return true;
}

bool fc_engine_recover(fc_engine *e, fc_status status, bool *lost, const fc_hooks *hooks, fc_err *err)
{
    if (status == FC_NOMEM) return make_small(e, hooks);
    if (status != FC_DEVICE) return false;
    bool again = !*lost;
    *lost = true;
    if (!again || fc_engine_reopen(e, err) != FC_OK) {
        fc_engine_drop_device(e); /* the next picture tries to open it */
        return false;
    }
    tell(hooks, "The device was lost: it was opened again, and the picture begins anew");
    return true;
}
