/* fooocus edit PICTURE ...: fooocus generate --image PICTURE ... in a shorter form. */
#include <string.h>
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/help.h"

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int cli_edit(int argc, char **argv)
{
    static char command[] = "generate", flag[] = "--image";
    fc_err err = {0};
    if (argc < 2 || is_help(argv[1])) {
        if (argc >= 2) return cli_print_help("edit");
        fc_fail(&err, FC_ARG,
                "there is no picture, write fooocus edit photo.jpg --mask mask.png \"a red door\"");
        return cli_fail(&err);
    }
    char **words = fc_calloc((size_t)argc + 2, sizeof *words);
    if (!words) {
        fc_fail(&err, FC_NOMEM, "out of memory");
        return cli_fail(&err);
    }
    words[0] = command;
    words[1] = flag;
    memcpy(words + 2, argv + 1, (size_t)(argc - 1) * sizeof *words);
    int code = cli_generate(argc + 1, words);
    fc_free(words);
    return code;
}
