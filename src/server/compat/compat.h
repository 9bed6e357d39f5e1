/* The handlers of what other clients speak. */
#ifndef FC_SERVER_COMPAT_COMPAT_H
#define FC_SERVER_COMPAT_COMPAT_H

#include "server/http/http.h"

void fc_openai_images(fc_http *h);
void fc_openai_models(fc_http *h);
void fc_openai_model(fc_http *h);

void fc_a1111_txt2img(fc_http *h);
void fc_a1111_img2img(fc_http *h);
void fc_a1111_get_options(fc_http *h);
void fc_a1111_set_options(fc_http *h);
void fc_a1111_progress(fc_http *h);
void fc_a1111_interrupt(fc_http *h);
void fc_a1111_skip(fc_http *h);
void fc_a1111_models(fc_http *h);
void fc_a1111_vaes(fc_http *h);
void fc_a1111_loras(fc_http *h);
void fc_a1111_embeddings(fc_http *h);
void fc_a1111_samplers(fc_http *h);
void fc_a1111_schedulers(fc_http *h);
void fc_a1111_styles(fc_http *h);
void fc_a1111_upscalers(fc_http *h);
void fc_a1111_png_info(fc_http *h);
void fc_a1111_refresh(fc_http *h);
void fc_a1111_memory(fc_http *h);
void fc_a1111_cmd_flags(fc_http *h);

void fc_fooocus_ping(fc_http *h);
void fc_fooocus_text_to_image(fc_http *h);
void fc_fooocus_unsupported(fc_http *h);
void fc_fooocus_query_job(fc_http *h);
void fc_fooocus_job_queue(fc_http *h);
void fc_fooocus_job_history(fc_http *h);
void fc_fooocus_stop(fc_http *h);
void fc_fooocus_all_models(fc_http *h);
void fc_fooocus_styles(fc_http *h);
void fc_fooocus_clean_vram(fc_http *h);
void fc_fooocus_file(fc_http *h);

#endif
