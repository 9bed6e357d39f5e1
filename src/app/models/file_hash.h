/* Short names of model files by content: the first ten hex digits of SHA-256. Seven gigabytes take a while,
 * so answers are kept in a cache file by path, size and time of change. */
#ifndef FC_APP_MODELS_FILE_HASH_H
#define FC_APP_MODELS_FILE_HASH_H

#include <stdbool.h>
#include "base/status.h"

enum { FC_FILEHASH_SIZE = 11 };

/* The hash that a hash_cache.txt of Fooocus (one JSON object {absolute path: hash} a line) has of the file,
 * if the cache is not older than the file. Nothing is written. */
bool fc_filehash_of_fooocus(const char *path, const char *fooocus_cache, char hash[FC_FILEHASH_SIZE]);

/* cache_path: a text file that may not exist or not be writable; NULL: none. cancel as in fc_hooks, may be
 * NULL. */
fc_status fc_filehash(const char *path, const char *cache_path, int *cancel, char hash[FC_FILEHASH_SIZE],
                      fc_err *err) FC_MUST_USE;

#endif
