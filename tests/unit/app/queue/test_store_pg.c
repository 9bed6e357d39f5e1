/* app/queue: what people are told when the database of the library cannot be used, and that it is used again
 * as soon as it can be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/queue/library.h"
#include "app/queue/store_pg.h"
#include "support/postgres.h"
#include "support/support.h"

static int start(void **state)
{
    (void)state;
    postgres_start();
    return 0;
}

static void refuses(const char *url, fc_status status, const char *part)
{
    fc_library *l;
    fc_err err = {0};
    assert_fails(fc_library_open(url, &l, &err), status, &err, part);
    assert_null(l);
    assert_null(strstr(err.message, "secret"));
    print_message("%s\n", err.message);
}

static void each_failure_has_its_sentence(void **state)
{
    (void)state;
    const char *url = postgres_database();
    const char *name = strrchr(url, '/') + 1;
    refuses("postgresql://fooocus@127.0.0.1:1/db", FC_NETWORK, "cannot be reached");
    refuses("postgresql://fooocus@127.0.0.1:notaport/db", FC_ARG, "want an address");
    refuses(postgres_url("fooocus", "nothing", ""), FC_NOT_FOUND, "createdb");
    refuses(postgres_url("guarded", name, ""), FC_DENIED, "asks for a password");
    refuses(postgres_url("guarded:no-secret", name, ""), FC_DENIED, "refuses the password");
    refuses(postgres_url("guarded:secret", name, ""), FC_DENIED, "may not do this");
}

static void versions_are_checked(void **state)
{
    (void)state;
    fc_err err = {0};
    assert_ok(fc_pg_check_version(130000, &err), &err);
    assert_ok(fc_pg_check_version(170002, &err), &err);
    assert_fails(fc_pg_check_version(120018, &err), FC_UNSUPPORTED, &err, "version 12");
}

static void a_newer_library_is_left_alone(void **state)
{
    (void)state;
    fc_library *l;
    fc_err err = {0};
    const char *url = postgres_database();
    assert_ok(fc_library_open(url, &l, &err), &err);
    fc_library_close(l);
    postgres_run(url, "INSERT INTO fooocus.steps (version) VALUES (99)");
    refuses(url, FC_FORMAT, "newer version");
}

static void another_encoding_is_refused(void **state)
{
    (void)state;
    postgres_run(postgres_url("fooocus", "postgres", ""),
                 "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    refuses(postgres_url("fooocus", "latin", ""), FC_UNSUPPORTED, "UTF8");
}

static void a_read_only_database_is_read(void **state)
{
    (void)state;
    fc_library *l;
    fc_err err = {0};
    fc_library_counts counts;
    const char *url = postgres_database(), *name = strrchr(url, '/') + 1;
    char sql[120];
    snprintf(sql, sizeof sql, "ALTER DATABASE %s SET default_transaction_read_only = on", name);
    postgres_run(postgres_url("fooocus", "postgres", ""), sql);
    refuses(url, FC_IO, "read-only");
    snprintf(sql, sizeof sql, "ALTER DATABASE %s RESET default_transaction_read_only", name);
    postgres_run(postgres_url("fooocus", "postgres", ""), sql);
    assert_ok(fc_library_open(url, &l, &err), &err);
    fc_library_close(l);
    snprintf(sql, sizeof sql, "ALTER DATABASE %s SET default_transaction_read_only = on", name);
    postgres_run(postgres_url("fooocus", "postgres", ""), sql);
    assert_ok(fc_library_open(url, &l, &err), &err); /* the tables are there */
    assert_ok(fc_library_count(l, &counts, &err), &err);
    assert_fails(fc_library_recover(l, &err), FC_IO, &err, "read-only");
    fc_library_close(l);
}

static void tls_works(void **state)
{
    (void)state;
    fc_library *l;
    fc_err err = {0};
    char parameters[500];
    const char *name = strrchr(postgres_database(), '/') + 1;
    snprintf(parameters, sizeof parameters, "?sslmode=verify-full&sslrootcert=%s", postgres_certificate());
    const char *url = postgres_url("fooocus", name, parameters);
    assert_ok(fc_library_open(url, &l, &err), &err);
    fc_library_close(l);
    assert_int_equal(postgres_number(url, "SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
                     1);
}

/* A connection that dies fails at most the statement that was under way. */
static void it_goes_on_after_a_restart(void **state)
{
    (void)state;
    fc_library *l;
    fc_err err = {0};
    fc_library_counts counts;
    assert_ok(fc_library_open(postgres_database(), &l, &err), &err);
    assert_ok(fc_library_count(l, &counts, &err), &err);
    postgres_kill();
    assert_fails(fc_library_count(l, &counts, &err), FC_NETWORK, &err, NULL);
    assert_fails(fc_library_recover(l, &err), FC_NETWORK, &err, NULL);
    postgres_restart();
    usleep(600000); /* it is not tried more often than twice a second */
    assert_ok(fc_library_count(l, &counts, &err), &err);
    assert_ok(fc_library_recover(l, &err), &err);
    postgres_kill();
    postgres_restart();
    usleep(600000);
    assert_ok(fc_library_recover(l, &err), &err); /* nothing was asked meanwhile: nobody notices */
    fc_library_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_checked),          cmocka_unit_test(each_failure_has_its_sentence),
        cmocka_unit_test(a_newer_library_is_left_alone), cmocka_unit_test(another_encoding_is_refused),
        cmocka_unit_test(a_read_only_database_is_read),  cmocka_unit_test(tls_works),
        cmocka_unit_test(it_goes_on_after_a_restart),
    };
    if (!postgres_is_installed()) {
        print_message("left out: PostgreSQL is not installed (apt-get install postgresql)\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, start, NULL);
}
