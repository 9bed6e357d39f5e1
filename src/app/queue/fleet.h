/* The queue when the library lies in PostgreSQL: several servers and workers share it (docs/FLEET.md). The
 * functions stand behind those of jobs.h, which promise the same. */
#ifndef FC_APP_QUEUE_FLEET_H
#define FC_APP_QUEUE_FLEET_H

#include "app/common/lines.h"
#include "app/queue/jobs.h"

typedef struct fc_fleet fc_fleet;

fc_status fc_fleet_open(const fc_jobs_config *config, fc_fleet **fleet, fc_err *err) FC_MUST_USE;
/* Gives the task in work back. */
void fc_fleet_close(fc_fleet *f);

fc_status fc_fleet_submit(fc_fleet *f, const fc_job_request *request, char id[FC_JOB_ID_SIZE], bool *existed,
                          fc_err *err) FC_MUST_USE;
fc_status fc_fleet_skip_picture(fc_fleet *f, const char *id, fc_err *err) FC_MUST_USE;
fc_status fc_fleet_cancel(fc_fleet *f, const char *id, bool finish, fc_err *err) FC_MUST_USE;
fc_status fc_fleet_move_to(fc_fleet *f, const char *id, int32_t position, fc_err *err) FC_MUST_USE;
fc_status fc_fleet_remove(fc_fleet *f, const char *id, fc_err *err) FC_MUST_USE;

int32_t fc_fleet_place(fc_fleet *f, const char *id);
bool fc_fleet_is_active(fc_fleet *f, const char *id);
void fc_fleet_get_state(fc_fleet *f, fc_jobs_state *out);
bool fc_fleet_progress(fc_fleet *f, const char *id, fc_job_progress *out);
uint64_t fc_fleet_preview(fc_fleet *f, const char *id, fc_buf *out);
void fc_fleet_watch(fc_fleet *f, int change);

#endif
