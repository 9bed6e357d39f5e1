#include "support/isa_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *current = "scalar";

const char *tt_isa(void)
{
    return current;
}

int tt_run_per_isa(fc_isa from, int (*group)(void))
{
    int failed = 0;
    fc_isa best = fc_isa_detect();
    for (fc_isa isa = from; isa <= best; isa++) {
        (void)fflush(NULL);
        pid_t child = fork();
        if (child < 0) return failed + 1;
        if (child == 0) {
            current = fc_isa_name(isa);
            (void)fprintf(stderr, "instruction set: %s\n", current);
            exit(group() == 0 ? 0 : 1);
        }
        int status = 0;
        if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            (void)fprintf(stderr, "failed with instruction set %s\n", fc_isa_name(isa));
            failed++;
        }
    }
    return failed;
}
