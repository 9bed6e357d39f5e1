/* Jobs and pictures as the API and the events show them. NULL when out of memory. Texts that are no UTF-8
 * (names of files may be anything) come with their bad bytes replaced. */
#ifndef FC_APP_QUEUE_JOB_JSON_H
#define FC_APP_QUEUE_JOB_JSON_H

#include <jansson.h>
#include "app/queue/jobs.h"
#include "app/settings/request.h"

/* SHORT is for lists and events: no parameters, texts cut at FC_JSON_SHORT_TEXT bytes. */
typedef enum fc_json_detail { FC_JSON_SHORT, FC_JSON_FULL } fc_json_detail;
enum { FC_JSON_SHORT_TEXT = 1000 };

/* position: as fc_jobs_position. */
json_t *fc_job_to_json(const fc_job_row *job, int32_t position, fc_json_detail detail);
json_t *fc_picture_to_json(const fc_picture_row *picture, fc_json_detail detail);
json_t *fc_progress_to_json(const fc_job_progress *p);
#endif
