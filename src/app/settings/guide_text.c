/* Items of fields that list guiding pictures: "canny-model=house.png:0.8:0.5". */
#include <stdio.h>
#include <string.h>

#include "app/common/number_text.h"
#include "app/settings/params.h"
#include "base/mem.h"
#include "base/str.h"

/* Must match the defaults of Fooocus's four kinds. */
void fc_guide_usual(const fc_param *p, double *weight, double *stop)
{
    fc_param_id id = (fc_param_id)(p - fc_param_table);
    *weight = id == FC_P_image_prompts ? 0.6 : id == FC_P_faces ? 0.75 : 1;
    *stop = id == FC_P_faces ? 0.9 : id == FC_P_controls ? 1 : 0.5;
}

/* Whether what stands before [at] is "picture:", whose number is no weight. */
static bool is_history(const char *text, size_t at)
{
    static const char word[] = "picture:";
    size_t n = sizeof word - 1;
    return at >= n && memcmp(text + at - n, word, n) == 0 && (at == n || text[at - n - 1] == '=');
}

/* A number behind the last ':' of text [n]: n becomes the length before it. */
static bool take_number(const char *text, size_t *n, double *value)
{
    char digits[32];
    size_t at = *n;
    while (at > 0 && text[at - 1] != ':') at--;
    if (at == 0 || *n - at >= sizeof digits || *n == at || is_history(text, at)) return false;
    memcpy(digits, text + at, *n - at);
    digits[*n - at] = '\0';
    if (!fc_parse_f64(digits, value)) return false;
    *n = at - 1;
    return true;
}

void fc_guide_text_split(const fc_param *p, const char *text, fc_guide_text *out)
{
    double last, before;
    size_t n = strlen(text);
    *out = (fc_guide_text){.image = text};
    fc_guide_usual(p, &out->weight, &out->stop);
    if (take_number(text, &n, &last)) {
        bool both = take_number(text, &n, &before);
        out->weight = both ? before : last;
        if (both) out->stop = last;
    }
    const char *equals = memchr(text, '=', n);
    bool path = *text == '/' || *text == '.' || *text == '~';
    if (equals && !path) {
        out->model_len = (size_t)(equals - text);
        out->image = equals + 1;
    }
    out->image_len = n - (size_t)(out->image - text);
}

/* "x.png:much" */
static bool has_bad_number(const fc_guide_text *t)
{
    static const char *const endings[] = {".png:", ".jpg:", ".jpeg:", ".webp:"};
    char text[4096];
    int n = snprintf(text, sizeof text, "%.*s:", (int)t->image_len, t->image);
    for (size_t i = 0; n > 0 && (size_t)n < sizeof text && i < sizeof endings / sizeof *endings; i++) {
        const char *at = strcasestr(text, endings[i]);
        if (at && at[strlen(endings[i])] != '\0') return true;
    }
    return false;
}

static fc_status check_number(const fc_param *p, const char *what, double value, double low, double high,
                              fc_err *err)
{
    if (value >= low && value <= high) return FC_OK;
    return fc_fail(err, FC_ARG, "%s: a %s of %g is out of range, give a value from %g to %g", p->name, what,
                   value, low, high);
}

fc_status fc_guide_print(const fc_guide *g, char *text, size_t size)
{
    char weight[FC_NUMTEXT_SIZE], stop[FC_NUMTEXT_SIZE];
    fc_number_text(g->weight, weight);
    fc_number_text(g->stop, stop);
    int n = snprintf(text, size, "%s%s%s:%s:%s", g->model, *g->model ? "=" : "", g->image, weight, stop);
    return n >= 0 && (size_t)n < size ? FC_OK : FC_LIMIT;
}

fc_status fc_guide_canonical(const fc_param *p, const char *text, char **canonical, fc_err *err)
{
    fc_guide_text t;
    char model[1024], image[4096], out[6000];
    fc_guide_text_split(p, text, &t);
    if (t.image_len == 0 || has_bad_number(&t))
        return fc_fail(err, FC_ARG, "%s: '%.60s' is not of the form %s", p->name, text, p->value);
    if (p == &fc_param_table[FC_P_controls] && t.model_len == 0)
        return fc_fail(err, FC_ARG,
                       "%s: '%.60s' does not say which control network reads the drawing, write %s", p->name,
                       text, p->value);
    fc_status status = check_number(p, "weight", t.weight, p->lowest, p->highest, err);
    if (status != FC_OK) return status;
    status = check_number(p, "stop", t.stop, 0, 1, err);
    if (status != FC_OK) return status;
    snprintf(model, sizeof model, "%.*s", (int)t.model_len, text);
    snprintf(image, sizeof image, "%.*s", (int)t.image_len, t.image);
    const fc_guide g = {model, image, t.weight, t.stop};
    bool fits = t.model_len < sizeof model && t.image_len < sizeof image;
    if (!fits || fc_guide_print(&g, out, sizeof out) != FC_OK)
        return fc_fail(err, FC_LIMIT, "%s: the text is too long", p->name);
    *canonical = fc_strdup(out);
    return *canonical ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}
