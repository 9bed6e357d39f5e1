/* See live_config.h. */
#include "app/settings/live_config.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/log.h"
#include "base/mem.h"

/* What tells one state of a file from another. */
typedef struct stamp {
    int64_t size, seconds, nanoseconds, inode; /* all 0: there is no file */
} stamp;

struct fc_live_config {
    char home[4096], file[4096], preset[256];
    pthread_mutex_t lock; /* of all below */
    stamp stamp;
    fc_config *plain, *with_preset;
};

static stamp read_stamp(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) return (stamp){0};
    return (stamp){info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec, (int64_t)info.st_ino};
}

static bool same(stamp a, stamp b)
{
    return a.size == b.size && a.seconds == b.seconds && a.nanoseconds == b.nanoseconds && a.inode == b.inode;
}

static fc_status read_files(fc_live_config *live, fc_config **plain, fc_config **with_preset, fc_err *err)
{
    const char *preset = *live->preset ? live->preset : NULL;
    *with_preset = NULL;
    fc_status status = fc_config_open(plain, live->home, NULL, (fc_warn){0}, err);
    if (status != FC_OK) return status;
    status = fc_config_with_preset(with_preset, *plain, preset, (fc_warn){0}, err);
    if (status != FC_OK) fc_config_close(*plain);
    return status;
}

fc_status fc_live_config_open(fc_live_config **live, const char *home, const char *preset, fc_err *err)
{
    *live = NULL;
    fc_live_config *l = fc_calloc(1, sizeof *l);
    if (!l) return fc_fail(err, FC_NOMEM, "out of memory for the settings");
    snprintf(l->home, sizeof l->home, "%s", home);
    snprintf(l->preset, sizeof l->preset, "%s", preset ? preset : "");
    fc_config_find(home, l->file, sizeof l->file);
    l->stamp = read_stamp(l->file); /* first: what changes while it is read is read once more */
    fc_status status = read_files(l, &l->plain, &l->with_preset, err);
    if (status != FC_OK) {
        fc_free(l);
        return status;
    }
    pthread_mutex_init(&l->lock, NULL);
    *live = l;
    return FC_OK;
}

void fc_live_config_close(fc_live_config *l)
{
    if (!l) return;
    fc_config_close(l->plain);
    fc_config_close(l->with_preset);
    pthread_mutex_destroy(&l->lock);
    fc_free(l);
}

/* `lock` is held. */
static void refresh(fc_live_config *l)
{
    fc_config *plain, *with_preset;
    fc_err err = {0};
    stamp now = read_stamp(l->file);
    if (same(now, l->stamp)) return;
    l->stamp = now;
    if (read_files(l, &plain, &with_preset, &err) != FC_OK) {
        fc_log(FC_LOG_WARN, "the settings stay as they were: %s", err.message);
        return;
    }
    fc_config_close(l->plain);
    fc_config_close(l->with_preset);
    l->plain = plain;
    l->with_preset = with_preset;
}

static fc_config *take(fc_live_config *l, bool preset)
{
    pthread_mutex_lock(&l->lock);
    refresh(l);
    fc_config *config = fc_config_retain(preset ? l->with_preset : l->plain);
    pthread_mutex_unlock(&l->lock);
    return config;
}

fc_config *fc_live_config_take(fc_live_config *live)
{
    return take(live, false);
}

fc_config *fc_live_config_take_preset(fc_live_config *live)
{
    return take(live, true);
}
