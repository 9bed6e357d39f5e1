/* Files: read-only mappings, atomic writes, paths. Paths are UTF-8, '/' separated. */
#ifndef FC_BASE_FILE_H
#define FC_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/status.h"

typedef struct fc_mapping {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
} fc_mapping;

/* Maps a regular file read-only; directories, devices and missing files get a clear error. Another program
 * that shortens the file afterwards makes reads of the lost part fatal (SIGBUS), as with every mapping. */
fc_status fc_map_open(fc_mapping *m, const char *path, fc_err *err) FC_MUST_USE;
void fc_map_close(fc_mapping *m);
/* The whole pages of this part of a mapping leave the process's memory; reading brings them back from the
 * file or the system's cache. Only for memory from fc_map_open: elsewhere it would lose the content. */
void fc_map_forget(const void *p, size_t size);

/* Reads a whole file of at most max bytes into b (which must be initialised). */
fc_status fc_file_read(const char *path, fc_buf *b, fc_err *err) FC_MUST_USE;
/* Writes all of it under a temporary name in the same folder, fsyncs, renames: the final name holds old or
 * new, never half. */
fc_status fc_file_write_atomic(const char *path, const void *data, size_t size, fc_err *err) FC_MUST_USE;

/* The same in pieces. Until commit nothing is visible under path; abort (also on a closed or failed one)
 * removes the temporary file. After a failed write or commit call abort. */
typedef struct fc_atomic_file {
    int fd;                      /* -1 when closed */
    char path[4096], temp[4096]; /* final and temporary name */
} fc_atomic_file;

fc_status fc_atomic_open(fc_atomic_file *f, const char *path, fc_err *err) FC_MUST_USE;
fc_status fc_atomic_write(fc_atomic_file *f, const void *data, size_t size, fc_err *err) FC_MUST_USE;
fc_status fc_atomic_commit(fc_atomic_file *f, fc_err *err) FC_MUST_USE;
/* As commit, but never replaces a file: BUSY when the name is taken. */
fc_status fc_atomic_commit_new(fc_atomic_file *f, fc_err *err) FC_MUST_USE;
void fc_atomic_abort(fc_atomic_file *f);

bool fc_path_exists(const char *path);
bool fc_path_is_dir(const char *path);
fc_status fc_mkdir_all(const char *path, fc_err *err) FC_MUST_USE;
/* dir + "/" + name into out; LIMIT when it does not fit. */
fc_status fc_path_join(char *out, size_t out_size, const char *dir, const char *name) FC_MUST_USE;
/* As fc_path_join for a name from outside, which may have folders ("2024/a.png") and need not exist: refuses
 * absolute paths, empty, "." and ".." parts, backslashes, control characters, malformed UTF-8 (ARG), and a
 * result that leaves dir through a symbolic link (DENIED). dir must exist. */
fc_status fc_path_join_safe(char *out, size_t out_size, const char *dir, const char *untrusted,
                            fc_err *err) FC_MUST_USE;
const char *fc_path_basename(const char *path); /* borrows from path */
/* The last part of a path without its ending: "models/x.safetensors" -> "x". The length is in *size. */
const char *fc_path_stem(const char *path, size_t *size);

#endif
