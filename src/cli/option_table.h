/* Flags as a table: options[], OPTION_COUNT and option_id (OPTION_name) from the .def file CLI_OPTIONS_DEF,
 * which the including file defines. To be included once in a .c file. */
#include "cli/args.h"

static const cli_option_row options[] = {
#define CLI_OPTION(name_, flag_, short_, value_, text)                                                       \
    {.name = #name_, .flag = flag_, .value = value_, .help = text, .short_flag = short_},
#include CLI_OPTIONS_DEF
#undef CLI_OPTION
};
enum { OPTION_COUNT = sizeof options / sizeof options[0] };

typedef enum option_id {
#define CLI_OPTION(name, ...) OPTION_##name,
#include CLI_OPTIONS_DEF
#undef CLI_OPTION
} option_id;
