/* Pictures of the history as what to begin from: "picture:ID" in a field of kind IMAGE or GUIDES, where ID is
 * the number that the library gave. The picture is kept like one that came in (app/common/inputs.h), so that
 * the job and its settings name bytes that stay, whatever becomes of the history. */
#ifndef FC_APP_QUEUE_HISTORY_H
#define FC_APP_QUEUE_HISTORY_H

#include "app/common/inputs.h"
#include "app/queue/library.h"
#include "app/settings/config.h"
#include "app/settings/request.h"

/* Keeps the picture that `name` ("picture:ID") means and writes its id. NOT_FOUND: there is none of that
 * number, or its file is gone. */
fc_status fc_history_keep(fc_library *library, const char *outputs, const char *home, const char *name,
                          char id[FC_INPUT_ID_SIZE], fc_err *err) FC_MUST_USE;
/* Does that for all fields of the request that name pictures so; errors begin with the field. */
fc_status fc_history_keep_all(fc_library *library, const char *outputs, const char *home, fc_request *request,
                              fc_err *err) FC_MUST_USE;
/* The same with the library of the home folder, which is only opened when a field asks for it. NOT_FOUND:
 * there is no history yet. */
fc_status fc_history_keep_local(const fc_config *config, fc_request *request, fc_err *err) FC_MUST_USE;

#endif
