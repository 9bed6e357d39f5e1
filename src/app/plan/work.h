/* What is done with a picture that comes in: Fooocus's ways to vary, enlarge and paint into one, as numbers
 * for the engine. Pure. */
#ifndef FC_APP_PLAN_WORK_H
#define FC_APP_PLAN_WORK_H

#include "app/common/warn.h"
#include "app/settings/request.h"

/* What of the picture the plan must know; all 0: there is none. */
typedef struct fc_work_picture {
    int32_t width, height;
    bool masked; /* there is a mask: of its own, or the picture has transparent parts */
} fc_work_picture;

/* ARG when the settings do not say what to do with the picture, say two things, or miss it. */
fc_status fc_work_make(const fc_params *params, const fc_request *request, const fc_work_picture *picture,
                       fc_warn warn, fc_image_work *out, fc_err *err) FC_MUST_USE;

/* "left=256,top=30%" -> pixels at top, bottom, left, right; a side without a value adds 30 %. ARG for
 * anything else. */
fc_status fc_work_margins(const char *text, int32_t width, int32_t height, int32_t margin[4],
                          fc_err *err) FC_MUST_USE;
/* "1.01,1.02,0.99,0.95"; "" gives *on = false. */
fc_status fc_work_freeu(const char *text, fc_freeu_numbers *out, bool *on, fc_err *err) FC_MUST_USE;

#endif
