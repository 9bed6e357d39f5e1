/* What other clients speak: the handlers, their forms of errors, their names of fields. */
#ifndef FC_SERVER_COMPAT_COMPAT_H
#define FC_SERVER_COMPAT_COMPAT_H

#include "server/http/http.h"

void fc_openai_images(fc_http *h);
void fc_openai_edits(fc_http *h);
void fc_openai_variations(fc_http *h);
void fc_openai_models(fc_http *h);
void fc_openai_model(fc_http *h);

void fc_a1111_txt2img(fc_http *h);
void fc_a1111_img2img(fc_http *h);
void fc_a1111_extra_single(fc_http *h);
void fc_a1111_controlnet_version(fc_http *h);
void fc_a1111_controlnet_models(fc_http *h);
void fc_a1111_controlnet_modules(fc_http *h);
void fc_a1111_controlnet_types(fc_http *h);
void fc_a1111_controlnet_settings(fc_http *h);
void fc_a1111_controlnet_detect(fc_http *h);
void fc_a1111_extra_batch(fc_http *h);
void fc_a1111_interrogate(fc_http *h);
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
void fc_a1111_none(fc_http *h);
void fc_a1111_scripts(fc_http *h);
void fc_a1111_png_info(fc_http *h);
void fc_a1111_refresh(fc_http *h);
void fc_a1111_memory(fc_http *h);
void fc_a1111_cmd_flags(fc_http *h);

void fc_fooocus_ping(fc_http *h);
void fc_fooocus_text_to_image(fc_http *h);
void fc_fooocus_vary(fc_http *h);
void fc_fooocus_inpaint(fc_http *h);
void fc_fooocus_image_prompt(fc_http *h);
void fc_fooocus_v2(fc_http *h);
void fc_fooocus_unsupported(fc_http *h);
void fc_fooocus_query_job(fc_http *h);
void fc_fooocus_job_queue(fc_http *h);
void fc_fooocus_job_history(fc_http *h);
void fc_fooocus_stop(fc_http *h);
void fc_fooocus_all_models(fc_http *h);
void fc_fooocus_styles(fc_http *h);
void fc_fooocus_clean_vram(fc_http *h);
void fc_fooocus_file(fc_http *h);

/* {"error", "detail", "errors"}: AUTOMATIC1111's form. http: 0, or what tells more than err->status. */
void fc_a1111_error(fc_http *h, unsigned http, const fc_err *err);
/* {"error": {"message", "type", "param", "code"}}: OpenAI's. */
void fc_openai_error(fc_http *h, unsigned http, const fc_err *err);
/* Whether a path is one of OpenAI's API: all of /v1 but what Fooocus-API has there. */
bool fc_openai_owns(const char *path);

typedef struct fc_alias {
    const char *theirs, *ours;
} fc_alias;
/* A message begins with a field's name; afterwards with the name that the client knows it by. */
void fc_alias_message(const fc_alias *names, size_t count, fc_err *err);

#endif
