/* fooocus devices: the graphics cards of this machine, and which of them computes. */
#include <jansson.h>
#include <stdio.h>

#include "app/common/json_text.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/models_args.h"
#include "engine/engine.h"

enum { MAX_TEXT = 1 << 16 };

/* What `--device auto` opens here, and why no card if it is none. */
static fc_status ask_auto(fc_engine_report *out, fc_err *err)
{
    fc_engine *engine;
    fc_status status = fc_engine_open(NULL, &engine, err);
    if (status) return status;
    fc_engine_describe(engine, out);
    fc_engine_close(engine);
    return FC_OK;
}

static void print_list(const fc_device_info *list, int32_t count, const fc_engine_report *chosen)
{
    char size[32];
    bool cards = false;
    for (int32_t i = 0; i < count; i++) {
        cards = cards || !list[i].emulated;
        models_size(list[i].memory, size);
        printf("%d  %s, %s%s\n", i, list[i].name, size,
               list[i].emulated ? " (software that plays a card: only when it is named)" : "");
    }
    if (count == 0) puts("no graphics card answers through Vulkan");
    printf("auto: %s\n", chosen->device);
    if (cards && chosen->passed_over[0]) printf("      %s\n", chosen->passed_over);
    if (chosen->note[0]) printf("      %s\n", chosen->note);
}

static void print_json(const fc_device_info *list, int32_t count, const fc_engine_report *chosen)
{
    json_t *devices = json_array();
    for (int32_t i = 0; i < count; i++)
        json_array_append_new(devices, json_pack("{s:i, s:s, s:I, s:b}", "number", (int)i, "name",
                                                 list[i].name, "memory", (json_int_t)list[i].memory,
                                                 "emulated", (int)list[i].emulated));
    json_t *all = json_pack("{s:o, s:s, s:s}", "devices", devices, "auto", chosen->device, "passed_over",
                            chosen->passed_over);
    fc_buf text;
    fc_buf_init(&text, MAX_TEXT);
    fc_json_write(all, JSON_INDENT(2), &text);
    puts(fc_buf_cstr(&text));
    fc_buf_fini(&text);
    json_decref(all);
}

int cli_devices(int argc, char **argv)
{
    models_args a;
    fc_err err = {0};
    fc_device_info list[FC_ENGINE_MAX_DEVICES];
    fc_engine_report chosen;
    if (models_args_parse(&a, argc, argv, &err) != FC_OK) return cli_fail(&err);
    if (a.help) return cli_print_help("devices");
    if (a.name_count) {
        fc_fail(&err, FC_ARG, "devices takes no names");
        return cli_fail(&err);
    }
    int32_t count = fc_engine_devices(list, FC_ENGINE_MAX_DEVICES);
    if (ask_auto(&chosen, &err) != FC_OK) return cli_fail(&err);
    (a.json ? print_json : print_list)(list, count, &chosen);
    return 0;
}
