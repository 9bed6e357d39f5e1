/* Progress for people: a bar that is drawn over itself on a terminal, plain lines elsewhere. Writes to stderr
 * alone. */
#ifndef FC_CLI_TTY_H
#define FC_CLI_TTY_H

#include <stdbool.h>
#include "fooocus.h"

typedef struct tty {
    bool terminal, quiet;
    bool bar_shown;
    int last_decile; /* of the image, for plain lines */
    int last_image;
} tty;

void tty_init(tty *t, bool quiet);
int tty_width(void); /* of the terminal, 80 when unknown */
void tty_phase(tty *t, const char *text);
void tty_step(tty *t, const fc_event *e);
void tty_warning(tty *t, const char *text);
/* Removes the bar, so that something else can be printed. */
void tty_clear(tty *t);

/* "0:43", "12:05", "3:00:20"; "" when seconds < 0. */
void tty_duration(double seconds, char out[32]);

#endif
