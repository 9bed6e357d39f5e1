/* How a command ends that failed. */
#include <stdio.h>
#include "cli/cli.h"

int cli_fail(const fc_err *err)
{
    fprintf(stderr, "fooocus: %s\n", err->message[0] ? err->message : fc_status_text(err->status));
    return fc_status_exit_code(err->status);
}
