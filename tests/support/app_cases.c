#include "support/app_cases.h"

#include <stdio.h>
#include <string.h>
#include "base/file.h"

json_t *app_cases(const char *name)
{
    char path[256];
    json_error_t e;
    snprintf(path, sizeof path, "tests/data/app/%s.json", name);
    json_t *root = json_load_file(fc_test_source_path(path), 0, &e);
    if (!root) fail_msg("%s:%d: %s", path, e.line, e.text);
    return root;
}

const char *app_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text) fail_msg("a case has no text \"%s\"", key);
    return text;
}

const char *app_write(const char *relative, const char *content)
{
    const char *path = fc_test_tmp_path(relative);
    char folder[1024];
    fc_err err;
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    assert_ok(fc_mkdir_all(folder, &err), &err);
    assert_ok(fc_file_write_atomic(path, content, strlen(content), &err), &err);
    return path;
}

static char home[300];

int app_home_new(void **state)
{
    static int number;
    (void)state;
    snprintf(home, sizeof home, "%s/home%d", fc_test_tmpdir(), number++);
    return fc_mkdir_all(home, NULL) != FC_OK;
}

const char *app_home(void)
{
    return home;
}

void app_home_write(const char *name, const char *content)
{
    char relative[300];
    snprintf(relative, sizeof relative, "%s/%s", fc_path_basename(home), name);
    app_write(relative, content);
}

static void collect(void *user, const char *text)
{
    app_warnings *w = user;
    size_t n = strlen(w->text);
    snprintf(w->text + n, sizeof w->text - n, "%s\n", text);
    w->count++;
}

fc_warn app_warn(app_warnings *w)
{
    *w = (app_warnings){.count = 0};
    return (fc_warn){.fn = collect, .user = w};
}

const fc_config *app_config(const char *folder)
{
    static fc_config *kept;
    fc_err err = {0};
    fc_config_close(kept);
    kept = NULL;
    assert_ok(fc_config_open(&kept, folder, NULL, (fc_warn){0}, &err), &err);
    return kept;
}
