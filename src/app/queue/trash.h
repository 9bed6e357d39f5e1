/* The files of pictures, which lie among the outputs, or for FC_TRASH_DAYS days in the trash below them. */
#ifndef FC_APP_QUEUE_TRASH_H
#define FC_APP_QUEUE_TRASH_H

#include "app/queue/library.h"

enum { FC_TRASH_DAYS = 7 };

/* The path of a picture's file, also in the trash; NOT_FOUND when it is gone. */
fc_status fc_picture_path(const char *outputs, const fc_picture_row *p, char *path, size_t size,
                          fc_err *err) FC_MUST_USE;
/* Moves the file into the trash or back. The row is changed first on the way in and last on the way out, so
 * whenever the program ends, fc_picture_path finds the file. */
fc_status fc_trash_move(const char *outputs, const fc_picture_row *row, bool to_trash,
                        fc_err *err) FC_MUST_USE;
/* Removes what has lain in the trash for long. */
void fc_trash_purge(fc_library *library, const char *outputs);

#endif
