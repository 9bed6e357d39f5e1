/* Runs the built programs as people do, and keeps what they print. */
#ifndef FC_TESTS_PROGRAM_H
#define FC_TESTS_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct program {
    pid_t pid;
    int code;        /* exit code; -signal when a signal ended it */
    char *out, *err; /* what it printed */
    char out_path[300], err_path[300];
    long file_limit;   /* bytes a file may have, 0: no limit; set before starting */
    long space_limit;  /* bytes of address space, as ulimit -v sets; 0: no limit; set before starting */
    const char *typed; /* not NULL: it runs on a terminal, where this is typed; err is what the terminal
                          shows; set before starting */
    bool no_output;    /* standard output takes nothing, like a full disk; set before starting */
    int terminal;
} program;

/* A folder for the programs to run in; empty at first. */
const char *program_folder(void);
/* In program_folder(); static buffers used in turn. */
const char *program_path(const char *name);

/* name: in the build folder, or a path from the root. args: without the name, NULL at the end. */
void program_start(program *p, const char *name, const char *const *args);
void program_wait(program *p);
void program_run(program *p, const char *name, const char *const *args);
/* Waits until `text` stands in its output; false when the program ended without it. */
bool program_wait_for(program *p, const char *text);
void program_free(program *p);

#endif
