/* What the readers of other programs' settings put into a record. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "app/output/foreign.h"
#include "app/output/record.h"
#include "app/output/sampler_name.h"
#include "base/str.h"

enum { MAX_NOTES = 20 };

void fc_foreign_note(json_t *record, const char *format, ...)
{
    char text[400];
    json_t *notes = json_object_get(record, FC_FOREIGN_NOTES);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!notes) {
        notes = json_array();
        json_object_set_new(record, FC_FOREIGN_NOTES, notes);
    }
    size_t n = strlen(text);
    while (n > 0 && !fc_utf8_valid(text, n)) text[--n] = '\0'; /* cut in the middle of a character */
    if (json_array_size(notes) < MAX_NOTES) json_array_append_new(notes, json_string(text));
}

void fc_foreign_put_file(json_t *record, const char *key, const char *name)
{
    char path[4096];
    size_t n = strlen(name);
    if (n >= sizeof path) return;
    for (size_t i = 0; i <= n; i++) path[i] = name[i] == '\\' ? '/' : name[i];
    json_object_set_new(record, key, json_string(path));
}

void fc_foreign_add_lora(json_t *record, const char *name, double weight)
{
    json_t *list = json_object_get(record, FC_RECORD_KEY(loras)), *holder = json_object();
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(record, FC_RECORD_KEY(loras), list);
    }
    fc_foreign_put_file(holder, "x", name);
    json_array_append_new(list, json_pack("[O?, f]", json_object_get(holder, "x"), weight));
    json_decref(holder);
}

void fc_foreign_put_size(json_t *record, long long width, long long height)
{
    json_object_set_new(record, FC_RECORD_KEY(resolution), json_sprintf("(%lld, %lld)", width, height));
}

void fc_foreign_put_sampler(json_t *record, const char *sampler, const char *scheduler)
{
    const char *meant = NULL, *id = sampler ? fc_sampler_id_of_others(sampler, &meant) : NULL;
    if (sampler) json_object_set_new(record, FC_RECORD_KEY(sampler), json_string(id ? id : sampler));
    if (scheduler && fc_str_eq_nocase(scheduler, "automatic"))
        meant = id && fc_str_starts(id, "dpmpp") ? "karras" : "normal";
    else if (scheduler && *scheduler)
        meant = fc_schedule_id(scheduler) ? fc_schedule_id(scheduler) : scheduler;
    if (meant) json_object_set_new(record, FC_RECORD_KEY(scheduler), json_string(meant));
}
