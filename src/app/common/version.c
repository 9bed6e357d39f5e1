/* The public facts of fooocus.h that are plain tables. */
#include "fooocus.h"

const char *fc_version(void)
{
    return FC_VERSION;
}

const char *fc_status_text(fc_status status)
{
    switch (status) {
#define X(name, text)                                                                                        \
    case FC_##name:                                                                                          \
        return text;
        FC_STATUS_TABLE(X)
#undef X
    }
    return "unknown";
}
