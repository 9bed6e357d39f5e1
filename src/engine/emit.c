/* Events to the caller. */
#include "engine/engine_impl.h"

void fc_emit(const fc_hooks *hooks, const fc_event *event)
{
    if (hooks && hooks->on_event) hooks->on_event(hooks->user, event);
}

void fc_emit_phase(const fc_hooks *hooks, const char *text)
{
    fc_emit(hooks, &(fc_event){.kind = FC_EVENT_PHASE, .text = text, .seconds_left = -1});
}
