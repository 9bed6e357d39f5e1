/* Messages for clients tell no folders of this machine: what lies in the home folder is named from there. */
#include <string.h>
#include "server/server_impl.h"

/* Takes every occurrence of folder and the slash behind it out. */
static void cut_folder(char *message, const char *folder, size_t size)
{
    if (size < 2) return;
    for (char *at = message; (at = strstr(at, folder)) != NULL;) {
        if (at[size] != '/' && at[size] != '\0' && !strchr(" ,:;'\"", at[size])) {
            at += size;
            continue;
        }
        const char *rest = at + size + (at[size] == '/');
        memmove(at, rest, strlen(rest) + 1);
    }
}

void fc_server_hide_paths(const fc_server *s, char *message)
{
    const char *folders[] = {s->outputs, s->home};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        cut_folder(message, folders[i], strlen(folders[i]));
    const char *model = s->config.model, *slash = model ? strrchr(model, '/') : NULL;
    char folder[FC_PATH_SIZE];
    size_t n = slash ? (size_t)(slash - model) : 0;
    if (n == 0 || n >= sizeof folder) return;
    memcpy(folder, model, n);
    folder[n] = '\0';
    cut_folder(message, folder, n);
}
