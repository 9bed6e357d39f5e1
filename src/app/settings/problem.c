/* See problem.h. */
#include "app/settings/problem.h"

#include <string.h>
#include "app/common/json_text.h"
#include "app/settings/params.h"

/* The field that a message names first: "steps: want ...", "model: there is no file ...". */
static const char *field_of(const char *message, char *name, size_t size)
{
    size_t n = strspn(message, "abcdefghijklmnopqrstuvwxyz_-0123456789");
    if (n == 0 || n >= size || message[n] != ':') return NULL;
    memcpy(name, message, n);
    name[n] = '\0';
    const fc_param *p = fc_param_find(name);
    if (p) return p->name;
    const fc_composite *c = fc_composite_find(name);
    return c ? c->name : NULL;
}

json_t *fc_problem_to_json(fc_status status, int http, const char *message, const char *field)
{
    char name[64];
    if (!field) field = field_of(message, name, sizeof name);
    json_t *problem =
        json_pack("{s:s, s:s, s:i, s:o}", "type", "about:blank", "title", fc_status_text(status), "status",
                  http ? http : fc_status_http(status), "detail", fc_json_text(message));
    if (field) json_object_set_new(problem, "field", fc_json_text(field));
    return problem;
}
