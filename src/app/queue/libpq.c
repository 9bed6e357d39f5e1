/* See libpq.h. */
#include "app/queue/libpq.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static fc_libpq functions;
static const char *missing; /* what could not be loaded; NULL: all is there */

/* A function pointer out of dlsym's object pointer, which POSIX allows and ISO C does not. */
static void find(void *library, const char *name, void *function, size_t size)
{
    void *symbol = dlsym(library, name);
    if (!symbol) missing = name;
    memcpy(function, &symbol, size);
}

static void load(void)
{
    void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL); /* stays: connections may be open */
    if (!library) {
        missing = "";
        return;
    }
#define PQ_FUNCTION(name, result, parameters)                                                                \
    find(library, "PQ" #name, (void *)&functions.name, sizeof functions.name);
    PQ_FUNCTIONS(PQ_FUNCTION)
#undef PQ_FUNCTION
}

fc_status fc_libpq_get(const fc_libpq **out, fc_err *err)
{
    *out = &functions;
    pthread_once(&once, load);
    if (!missing) return FC_OK;
    if (!*missing)
        return fc_fail(err, FC_UNSUPPORTED,
                       "a library on PostgreSQL needs PostgreSQL's client library: install libpq5 "
                       "(Debian and Ubuntu: apt-get install libpq5)");
    return fc_fail(err, FC_UNSUPPORTED, "libpq.so.5 is too old: it has no %s; install a newer libpq5",
                   missing);
}
