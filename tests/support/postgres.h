/* A PostgreSQL server for tests, out of Debian's package, in a temporary folder; it refuses to run as root,
 * so it runs as nobody then. */
#ifndef FC_TESTS_POSTGRES_H
#define FC_TESTS_POSTGRES_H

#include <stdbool.h>
#include <sys/types.h>

/* Starts the server on the first call; it ends with the program. Skips the running test where PostgreSQL is
 * not installed. Everybody on this machine may connect as fooocus, who owns everything; user `guarded` needs
 * the password "secret". TLS is on, with a certificate for localhost in postgres_certificate(). */
void postgres_start(void);
bool postgres_is_installed(void);
/* A new empty database: "postgresql://fooocus@127.0.0.1:5433/db7"; static buffers used in turn. */
const char *postgres_database(void);
/* An address with other parts; database, user and parameters as they are to be. */
const char *postgres_url(const char *user, const char *database, const char *parameters);
const char *postgres_certificate(void);
/* Runs statements as the owner. */
void postgres_run(const char *url, const char *sql);
/* A single number that a query gives. */
long postgres_number(const char *url, const char *sql);
/* As after a power failure: the server is killed; postgres_restart starts it again on the same port. */
void postgres_kill(void);
void postgres_restart(void);

#endif
