/* See tty.h. */
#include "cli/tty.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_MAX = 40, TEXT_ROOM = 48 }; /* columns for "100% step 30 of 30, picture 10 of 10, 0:43 left" */

int tty_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

void tty_init(tty *t, bool quiet)
{
    const char *kind = getenv("TERM");
    bool dumb = !kind || strcmp(kind, "dumb") == 0;
    *t = (tty){.terminal = isatty(STDERR_FILENO) && !dumb, .quiet = quiet, .last_decile = -1};
}

void tty_duration(double seconds, char out[32])
{
    out[0] = '\0';
    if (!(seconds >= 0) || seconds > 1e8) return;
    int64_t s = (int64_t)(seconds + 0.5);
    if (s < 3600)
        snprintf(out, 32, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
    else
        snprintf(out, 32, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
}

void tty_clear(tty *t)
{
    if (t->bar_shown) fputs("\r\033[K", stderr);
    t->bar_shown = false;
}

/* One line, cut at the width of the terminal so that it never wraps. Texts here are ASCII. */
static void draw(tty *t, const char *line)
{
    fprintf(stderr, "\r\033[K%.*s", tty_width() - 1, line);
    fflush(stderr);
    t->bar_shown = true;
}

void tty_phase(tty *t, const char *text)
{
    if (t->quiet) return;
    if (t->terminal)
        draw(t, text);
    else
        fprintf(stderr, "%s\n", text);
}

/* "step 12 of 30, picture 1 of 2, 0:43 left" */
static void describe_step(const fc_event *e, char *out, size_t size)
{
    char left[32], picture[64] = "";
    tty_duration(e->seconds_left, left);
    if (e->images > 1)
        snprintf(picture, sizeof picture, ", picture %" PRId32 " of %" PRId32, e->image, e->images);
    snprintf(out, size, "step %" PRId32 " of %" PRId32 "%s%s%s%s", e->step, e->steps, picture,
             *left ? ", " : "", left, *left ? " left" : "");
}

static void draw_bar(tty *t, const fc_event *e)
{
    char text[160], line[256], bar[BAR_MAX + 1];
    describe_step(e, text, sizeof text);
    int room = tty_width() - TEXT_ROOM - 4, size = room > BAR_MAX ? BAR_MAX : room;
    if (size < 4) {
        draw(t, text);
        return;
    }
    int full = (int)(e->fraction * size + 0.5);
    for (int i = 0; i < size; i++) bar[i] = i < full ? '#' : '.';
    bar[size] = '\0';
    snprintf(line, sizeof line, "[%s] %3d%% %s", bar, (int)(e->fraction * 100 + 0.5), text);
    draw(t, line);
}

/* Files and pipes get the first, the last and every tenth part of an image's steps. */
static void print_line(tty *t, const fc_event *e)
{
    char text[160];
    int decile = e->steps > 0 ? 10 * e->step / e->steps : 10;
    if (e->image == t->last_image && decile == t->last_decile) return;
    t->last_image = e->image;
    t->last_decile = decile;
    describe_step(e, text, sizeof text);
    fprintf(stderr, "%s\n", text);
}

void tty_step(tty *t, const fc_event *e)
{
    if (t->quiet) return;
    if (t->terminal)
        draw_bar(t, e);
    else
        print_line(t, e);
}

void tty_warning(tty *t, const char *text)
{
    tty_clear(t);
    fprintf(stderr, "fooocus: warning: %s\n", text);
}
