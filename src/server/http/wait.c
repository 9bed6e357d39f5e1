/* See wait.h. */
#include "server/http/wait.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include "app/queue/trash.h"
#include "base/clock.h"
#include "base/mem.h"
#include "server/server_impl.h"

enum { KEEP_ALIVE_TICKS = 5, PURGE_TICKS = 3600 }; /* a tick is a second */

/* ---- waiting ---- */

static void unlink_waiter(fc_server *s, fc_waiter *w)
{
    if (w->prev)
        w->prev->next = w->next;
    else
        s->waiters = w->next;
    if (w->next) w->next->prev = w->prev;
    w->next = w->prev = NULL;
}

/* A waiter may be freed by its thread as soon as it is resumed, so it is unlinked before. */
void fc_wait_wake(fc_server *s)
{
    pthread_mutex_lock(&s->wait_lock);
    s->wakes++;
    while (s->waiters) {
        struct MHD_Connection *connection = s->waiters->connection;
        unlink_waiter(s, s->waiters);
        MHD_resume_connection(connection);
    }
    pthread_mutex_unlock(&s->wait_lock);
}

uint64_t fc_wait_seen(fc_server *s)
{
    pthread_mutex_lock(&s->wait_lock);
    uint64_t seen = s->wakes;
    pthread_mutex_unlock(&s->wait_lock);
    return seen;
}

bool fc_wait_suspend(fc_server *s, fc_waiter *w, uint64_t seen)
{
    pthread_mutex_lock(&s->wait_lock);
    bool waits = seen == s->wakes && !s->closing;
    if (waits) {
        w->prev = NULL;
        w->next = s->waiters;
        if (w->next) w->next->prev = w;
        s->waiters = w;
        MHD_suspend_connection(w->connection);
    }
    pthread_mutex_unlock(&s->wait_lock);
    return waits;
}

bool fc_wait_closing(fc_server *s)
{
    pthread_mutex_lock(&s->wait_lock);
    bool closing = s->closing;
    pthread_mutex_unlock(&s->wait_lock);
    return closing;
}

/* ---- deadlines ---- */

fc_conn *fc_conn_open(fc_server *s, int fd)
{
    fc_conn *c = fc_calloc(1, sizeof *c);
    if (!c) return NULL;
    c->fd = fd;
    pthread_mutex_lock(&s->conn_lock);
    c->next = s->conns;
    if (c->next) c->next->prev = c;
    s->conns = c;
    c->turned_away = ++s->conn_count > FC_MAX_CONNECTIONS;
    pthread_mutex_unlock(&s->conn_lock);
    return c;
}

/* Called before the socket is closed, so the ticker never meets a number that belongs to another one. */
void fc_conn_close(fc_server *s, fc_conn *c)
{
    if (!c) return;
    pthread_mutex_lock(&s->conn_lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next) c->next->prev = c->prev;
    s->conn_count--;
    pthread_mutex_unlock(&s->conn_lock);
    fc_free(c);
}

void fc_conn_deadline(fc_server *s, fc_conn *c, double seconds)
{
    if (!c) return;
    pthread_mutex_lock(&s->conn_lock);
    c->deadline = seconds > 0 ? fc_now() + seconds : 0;
    pthread_mutex_unlock(&s->conn_lock);
}

static void end_overdue(fc_server *s)
{
    double now = fc_now();
    pthread_mutex_lock(&s->conn_lock);
    for (fc_conn *c = s->conns; c; c = c->next) {
        if (c->deadline <= 0 || now < c->deadline) continue;
        shutdown(c->fd, SHUT_RDWR);
        c->deadline = 0;
    }
    pthread_mutex_unlock(&s->conn_lock);
}

/* ---- the ticker ---- */

static void *tick(void *user)
{
    fc_server *s = user;
    pthread_mutex_lock(&s->tick_lock);
    for (int ticks = 1; !s->ticker_ends; ticks++) {
        struct timespec next;
        clock_gettime(CLOCK_REALTIME, &next);
        next.tv_sec++;
        pthread_cond_timedwait(&s->tick, &s->tick_lock, &next);
        pthread_mutex_unlock(&s->tick_lock);
        end_overdue(s);
        if (ticks % KEEP_ALIVE_TICKS == 0) fc_wait_wake(s);
        if (ticks % PURGE_TICKS == 0 && !s->config.only_worker) fc_trash_purge(s->library, s->outputs);
        pthread_mutex_lock(&s->tick_lock);
    }
    pthread_mutex_unlock(&s->tick_lock);
    return NULL;
}

fc_status fc_ticker_start(fc_server *s, fc_err *err)
{
    if (pthread_create(&s->ticker, NULL, tick, s) != 0)
        return fc_fail(err, FC_NOMEM, "cannot start a thread");
    s->ticker_runs = true;
    return FC_OK;
}

void fc_ticker_stop(fc_server *s)
{
    if (!s->ticker_runs) return;
    pthread_mutex_lock(&s->tick_lock);
    s->ticker_ends = true;
    pthread_cond_signal(&s->tick);
    pthread_mutex_unlock(&s->tick_lock);
    pthread_join(s->ticker, NULL);
    s->ticker_runs = false;
}
