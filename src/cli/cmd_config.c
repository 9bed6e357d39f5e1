/* fooocus config: what somebody has set, or every setting, its value, and where that comes from.
 */
#include <stdio.h>
#include "app/common/json_text.h"
#include "app/settings/config.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/models_args.h"

enum { MAX_KEYS = 200 };

static bool is_named(const models_args *a, const char *key)
{
    for (int i = 0; i < a->name_count; i++)
        if (fc_str_eq_nocase(a->names[i], key)) return true;
    return a->name_count == 0;
}

static void print(const models_args *a, const fc_config *c, const char *key, json_t *all)
{
    fc_buf value, source;
    fc_buf_init(&value, 4 << 20);
    fc_buf_init(&source, 8192);
    fc_json_write(fc_config_get(c, key), JSON_ENCODE_ANY, &value);
    fc_config_describe_source(c, key, &source);
    if (a->json)
        json_object_set_new(
            all, key,
            json_pack("{s:O, s:s}", "value", fc_config_get(c, key), "source", fc_buf_cstr(&source)));
    else
        printf("%s = %s  (%s)\n", key, fc_buf_cstr(&value), fc_buf_cstr(&source));
    fc_buf_fini(&value);
    fc_buf_fini(&source);
}

/* Every name must be a key. */
static fc_status check_names(const models_args *a, fc_err *err)
{
    const char *keys[MAX_KEYS];
    size_t count = 0;
    for (; fc_config_key(count) && count < MAX_KEYS; count++) keys[count] = fc_config_key(count);
    for (int i = 0; i < a->name_count; i++) {
        size_t k = 0;
        while (k < count && !fc_str_eq_nocase(keys[k], a->names[i])) k++;
        if (k < count) continue;
        const char *near = fc_str_closest(a->names[i], keys, count);
        return fc_fail(err, FC_NOT_FOUND, "there is no setting %.100s%s%s%s", a->names[i],
                       near ? "; did you mean " : "; all of them: fooocus config --all", near ? near : "",
                       near ? "?" : "");
    }
    return FC_OK;
}

static void show(const models_args *a, const fc_config *c)
{
    json_t *all = json_object();
    if (!a->json)
        printf("# %s%s\n", fc_config_file(c), fc_path_exists(fc_config_file(c)) ? "" : " (does not exist)");
    for (size_t i = 0; fc_config_key(i); i++) {
        const char *key = fc_config_key(i);
        bool set = fc_config_source_of(c, key) > FC_CONFIG_DEFAULT_PRESET;
        if (!is_named(a, key) || (a->name_count == 0 && !a->all && !set)) continue;
        print(a, c, key, all);
    }
    if (a->json) {
        fc_buf text;
        fc_buf_init(&text, 16 << 20);
        fc_json_write(all, JSON_INDENT(2), &text);
        puts(fc_buf_cstr(&text));
        fc_buf_fini(&text);
    }
    json_decref(all);
}

int cli_config(int argc, char **argv)
{
    models_args a;
    fc_err err = {0};
    fc_config *c = NULL;
    fc_status status = models_args_parse(&a, argc, argv, &err);
    if (status == FC_OK && a.help) return cli_print_help("config");
    if (status != FC_OK) goto out;
    status = check_names(&a, &err);
    if (status != FC_OK) goto out;
    status = fc_config_open(&c, a.home, a.preset, models_warn(), &err);
    if (status == FC_OK) show(&a, c);
out:
    fc_config_close(c);
    return status == FC_OK ? 0 : cli_fail(&err);
}
