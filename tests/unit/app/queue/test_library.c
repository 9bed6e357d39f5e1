/* app/queue: the library, the same tests on SQLite and on PostgreSQL. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/queue/library.h"
#include "base/file.h"
#include "base/mem.h"
#include "support/postgres.h"
#include "support/support.h"

enum { MANY = 64 };

typedef struct fixture {
    fc_library *library;
    fc_arena arena;
    char path[300];
} fixture;

static int open_at(void **state, const char *path)
{
    fixture *f = fc_calloc(1, sizeof *f);
    fc_err err;
    snprintf(f->path, sizeof f->path, "%s", path);
    fc_arena_init(&f->arena, 64 << 20);
    assert_ok(fc_library_open(f->path, &f->library, &err), &err);
    *state = f;
    return 0;
}

static int open_fixture(void **state)
{
    static int number;
    char name[40];
    snprintf(name, sizeof name, "library%d.sqlite3", number++);
    return open_at(state, fc_test_tmp_path(name));
}

static int open_postgres(void **state)
{
    return open_at(state, postgres_database());
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    fc_library_close(f->library);
    fc_arena_fini(&f->arena);
    fc_free(f);
    return 0;
}

static void reopen(fixture *f)
{
    fc_err err;
    fc_library_close(f->library);
    f->library = NULL;
    assert_ok(fc_library_open(f->path, &f->library, &err), &err);
}

static void add_job(fixture *f, const char *id, int64_t place, const char *key)
{
    fc_err err;
    fc_job_row job = {.place = place,
                      .parameters = "{\"prompt\": \"x\"}",
                      .prompt = "x",
                      .key = key,
                      .fingerprint = "f",
                      .created = 1000 + place,
                      .images = 3,
                      .preview = true};
    snprintf(job.id, sizeof job.id, "%s", id);
    assert_ok(fc_library_job_add(f->library, &job, &err), &err);
}

static fc_job_row get_job(fixture *f, const char *id)
{
    fc_err err;
    fc_job_row job = {0};
    assert_ok(fc_library_job_get(f->library, id, &f->arena, &job, &err), &err);
    return job;
}

static int64_t add_picture(fixture *f, const char *job, int32_t index, const char *prompt, const char *model,
                           const char *styles, int64_t created)
{
    static int serial;
    char path[64];
    int64_t id = 0;
    fc_err err;
    snprintf(path, sizeof path, "2024-05-17/picture_%d.png", serial++);
    fc_picture_row p = {.job = job,
                        .index = index,
                        .path = path,
                        .seed = UINT64_MAX - 5,
                        .width = 64,
                        .height = 128,
                        .bytes = 999,
                        .created = created,
                        .format = "png",
                        .prompt = prompt,
                        .negative_prompt = "fog",
                        .model = model,
                        .styles = styles,
                        .parameters = "{\"seed\": \"7\"}"};
    assert_ok(fc_library_picture_add(f->library, &p, &id, &err), &err);
    assert_true(id > 0);
    return id;
}

static int32_t search(fixture *f, fc_picture_filter filter, fc_picture_row rows[MANY])
{
    fc_err err;
    int32_t count;
    if (!filter.limit) filter.limit = MANY;
    assert_ok(fc_library_pictures(f->library, &filter, &f->arena, rows, &count, &err), &err);
    return count;
}

static void jobs_go_through_their_states(void **state)
{
    fixture *f = *state;
    fc_err err;
    add_job(f, "01A", 1, NULL);
    fc_job_row job = get_job(f, "01A");
    assert_int_equal(job.state, FC_JOB_QUEUED);
    assert_int_equal(job.images, 3);
    assert_string_equal(job.parameters, "{\"prompt\": \"x\"}");
    assert_null(job.key);
    assert_true(job.preview);
    assert_ok(fc_library_job_start(f->library, "01A", 5000, &err), &err);
    assert_fails(fc_library_job_start(f->library, "01A", 5000, &err), FC_NOT_FOUND, &err, "01A");
    assert_fails(fc_library_job_delete(f->library, "01A", &err), FC_NOT_FOUND, &err, "01A");
    assert_ok(fc_library_job_advance(f->library, "01A", 2, &err), &err);
    assert_ok(fc_library_job_advance(f->library, "01A", 1, &err), &err); /* never backwards */
    fc_job_end end = {FC_JOB_FAILED, 6000, FC_NOMEM, "no memory left", "[\"careful\"]"};
    assert_ok(fc_library_job_finish(f->library, "01A", &end, &err), &err);
    job = get_job(f, "01A");
    assert_int_equal(job.state, FC_JOB_FAILED);
    assert_int_equal(job.error, FC_NOMEM);
    assert_string_equal(job.error_text, "no memory left");
    assert_string_equal(job.warnings, "[\"careful\"]");
    assert_int_equal(job.started, 5000);
    assert_int_equal(job.finished, 6000);
    assert_int_equal(job.next_image, 2);
    assert_fails(fc_library_job_finish(f->library, "01A", &end, &err), FC_NOT_FOUND, &err, NULL);
    assert_ok(fc_library_job_delete(f->library, "01A", &err), &err);
    assert_fails(fc_library_job_get(f->library, "01A", &f->arena, &job, &err), FC_NOT_FOUND, &err, "01A");
}

static void an_idempotency_key_is_unique(void **state)
{
    fixture *f = *state;
    fc_err err;
    fc_job_row job = {
        .place = 2, .parameters = "{}", .prompt = "", .fingerprint = "", .key = "k'; DROP TABLE jobs; --"};
    add_job(f, "01A", 1, job.key);
    snprintf(job.id, sizeof job.id, "01B");
    assert_fails(fc_library_job_add(f->library, &job, &err), FC_BUSY, &err, NULL);
    assert_ok(fc_library_job_by_key(f->library, job.key, &f->arena, &job, &err), &err);
    assert_string_equal(job.id, "01A");
    assert_fails(fc_library_job_by_key(f->library, "other", &f->arena, &job, &err), FC_NOT_FOUND, &err, NULL);
}

static void the_queue_survives(void **state)
{
    fixture *f = *state;
    fc_err err;
    char ids[8][FC_JOB_ID_SIZE], order[3][FC_JOB_ID_SIZE] = {"01C", "01A", "01B"};
    size_t count;
    add_job(f, "01A", 1, NULL);
    add_job(f, "01B", 2, NULL);
    add_job(f, "01C", 3, NULL);
    assert_ok(fc_library_order_queue(f->library, (const char(*)[FC_JOB_ID_SIZE])order, 3, &err), &err);
    assert_ok(fc_library_job_start(f->library, "01C", 1, &err), &err);
    assert_ok(fc_library_job_start(f->library, "01A", 1, &err), &err);
    assert_ok(fc_library_job_requeue(f->library, "01A", 9, true, &err), &err);
    assert_int_equal(get_job(f, "01A").attempts, 0);
    reopen(f);
    assert_ok(fc_library_recover(f->library, &err), &err);
    assert_ok(fc_library_queue(f->library, ids, 8, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_string_equal(ids[0], "01C"); /* was running: first again */
    assert_string_equal(ids[1], "01B");
    assert_string_equal(ids[2], "01A");
    assert_int_equal(get_job(f, "01C").attempts, 1);
    assert_ok(fc_library_queue(f->library, ids, 2, &count, &err), &err);
    assert_int_equal(count, 2);
}

static void jobs_are_listed_newest_first(void **state)
{
    fixture *f = *state;
    fc_err err;
    fc_job_row rows[MANY];
    int32_t count;
    char id[FC_JOB_ID_SIZE];
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof id, "01%02d", i);
        add_job(f, id, i, NULL);
    }
    assert_ok(fc_library_job_start(f->library, "0104", 1, &err), &err);
    fc_job_filter filter = {.limit = 3};
    assert_ok(fc_library_jobs(f->library, &filter, &f->arena, rows, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_string_equal(rows[0].id, "0109");
    filter.before = rows[2].id;
    assert_ok(fc_library_jobs(f->library, &filter, &f->arena, rows, &count, &err), &err);
    assert_string_equal(rows[0].id, "0106");
    filter = (fc_job_filter){.states = 1u << FC_JOB_RUNNING, .limit = 3};
    assert_ok(fc_library_jobs(f->library, &filter, &f->arena, rows, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].id, "0104");
}

static void a_picture_keeps_what_it_is_told(void **state)
{
    fixture *f = *state;
    fc_err err;
    fc_picture_row p;
    add_job(f, "01A", 1, NULL);
    assert_ok(fc_library_job_start(f->library, "01A", 1, &err), &err);
    int64_t id = add_picture(f, "01A", 2, "a cat", "x.safetensors", "[\"SAI Anime\"]", 77);
    assert_ok(fc_library_picture_get(f->library, id, &f->arena, &p, &err), &err);
    assert_true(p.seed == UINT64_MAX - 5);
    assert_int_equal(p.width, 64);
    assert_int_equal(p.height, 128);
    assert_int_equal(p.index, 2);
    assert_int_equal(p.created, 77);
    assert_string_equal(p.job, "01A");
    assert_string_equal(p.parameters, "{\"seed\": \"7\"}");
    assert_string_equal(p.styles, "[\"SAI Anime\"]");
    assert_int_equal(get_job(f, "01A").next_image, 2); /* the job is advanced with it */
    fc_job_end end = {FC_JOB_DONE, 1, FC_OK, "", "[]"};
    assert_ok(fc_library_job_finish(f->library, "01A", &end, &err), &err);
    assert_ok(fc_library_job_delete(f->library, "01A", &err), &err);
    assert_ok(fc_library_picture_get(f->library, id, &f->arena, &p, &err), &err);
    assert_null(p.job);
    assert_fails(fc_library_picture_get(f->library, id + 1, &f->arena, &p, &err), FC_NOT_FOUND, &err, NULL);
}

static void a_failed_addition_leaves_nothing(void **state)
{
    fixture *f = *state;
    fc_err err;
    fc_picture_row rows[MANY];
    int64_t id;
    add_picture(f, NULL, 1, "one", "", "[]", 1);
    search(f, (fc_picture_filter){0}, rows);
    fc_picture_row same = rows[0];
    assert_fails(fc_library_picture_add(f->library, &same, &id, &err), FC_BUSY, &err, NULL);
    same.path = "other.png";
    same.job = "no such job";
    assert_fails(fc_library_picture_add(f->library, &same, &id, &err), FC_BUSY, &err, NULL);
    assert_int_equal(search(f, (fc_picture_filter){0}, rows), 1);
    add_picture(f, NULL, 1, "two", "", "[]", 1); /* and the connection still works */
    assert_int_equal(search(f, (fc_picture_filter){0}, rows), 2);
}

static void the_search_finds(void **state)
{
    fixture *f = *state;
    fc_picture_row rows[MANY];
    int64_t lighthouse = add_picture(f, NULL, 1, "A Lighthouse by the sea, \"calm\"", "a.safetensors",
                                     "[\"Fooocus Sharp\", \"SAI Anime\"]", 100);
    int64_t flower = add_picture(f, NULL, 1, "一朵红色的花 in 100% bloom", "b.safetensors", "[]", 200);
    int64_t ox = add_picture(f, NULL, 1, "an ox_cart", "a.safetensors", "[\"SAI Anime\"]", 300);
    const struct {
        const char *text;
        int32_t count;
        int64_t first;
    } cases[] = {
        {"lighthouse", 1, lighthouse},
        {"HOUSE sea", 1, lighthouse},
        {"sea house", 1, lighthouse},
        {"\"calm\"", 1, lighthouse},
        {"house ox", 0, 0},
        {"红色的", 1, flower}, /* three letters: by index */
        {"花", 1, flower},     /* one letter: by comparing */
        {"0%", 1, flower},
        {"x_", 1, ox},
        {"%", 1, flower}, /* no wildcard */
        {"ox", 1, ox},
        {"   ", 3, ox},
        {"NEAR(lighthouse sea)", 0, 0}, /* no query language */
        {"lighthouse* OR cart", 0, 0},
        {"fog", 0, 0}, /* the negative prompt is not searched */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t count = search(f, (fc_picture_filter){.text = cases[i].text}, rows);
        if (count != cases[i].count || (count && rows[0].id != cases[i].first))
            fail_msg("'%s' found %d, the first is %d", cases[i].text, count, count ? (int)rows[0].id : 0);
    }
    assert_int_equal(search(f, (fc_picture_filter){.model = "a.safetensors"}, rows), 2);
    assert_int_equal(search(f, (fc_picture_filter){.style = "SAI Anime"}, rows), 2);
    assert_int_equal(search(f, (fc_picture_filter){.style = "SAI Anime", .text = "cart"}, rows), 1);
    assert_int_equal(search(f, (fc_picture_filter){.style = "SAI"}, rows), 0);
    assert_int_equal(search(f, (fc_picture_filter){.from = 200, .to = 300}, rows), 1);
    assert_int_equal(rows[0].id, flower);
    assert_int_equal(search(f, (fc_picture_filter){.before = flower}, rows), 1);
    assert_int_equal(search(f, (fc_picture_filter){.limit = 2}, rows), 2);
}

static void long_searches_are_cut(void **state)
{
    fixture *f = *state;
    fc_picture_row rows[MANY];
    char text[5000];
    add_picture(f, NULL, 1, "something", "", "[]", 1);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(search(f, (fc_picture_filter){.text = text}, rows), 0);
    for (size_t i = 1; i < sizeof text; i += 2) text[i - 1] = ' ', text[i] = 's';
    text[sizeof text - 1] = '\0';
    assert_int_equal(search(f, (fc_picture_filter){.text = text}, rows), 1);
    memset(text, '"', sizeof text - 1);
    assert_int_equal(search(f, (fc_picture_filter){.text = text}, rows), 0);
}

static void trash_and_favourites(void **state)
{
    fixture *f = *state;
    fc_err err;
    fc_picture_row rows[MANY];
    fc_library_counts counts;
    int64_t a = add_picture(f, NULL, 1, "first thing", "m", "[\"s\"]", 1);
    int64_t b = add_picture(f, NULL, 1, "second thing", "m", "[\"s\", \"t\"]", 2);
    assert_ok(fc_library_picture_favourite(f->library, a, true, &err), &err);
    assert_ok(fc_library_picture_trash(f->library, b, 1234, &err), &err);
    assert_int_equal(search(f, (fc_picture_filter){0}, rows), 1);
    assert_int_equal(search(f, (fc_picture_filter){.favourites = true}, rows), 1);
    assert_true(rows[0].favourite);
    assert_int_equal(search(f, (fc_picture_filter){.trash = true}, rows), 1);
    assert_int_equal(rows[0].deleted, 1234);
    assert_ok(fc_library_count(f->library, &counts, &err), &err);
    assert_int_equal(counts.pictures, 1);
    assert_int_equal(counts.favourites, 1);
    assert_int_equal(counts.trash, 1);
    fc_library_term terms[4];
    int32_t count;
    assert_ok(fc_library_picture_trash(f->library, b, 0, &err), &err);
    assert_ok(fc_library_terms(f->library, FC_TERM_STYLE, &f->arena, terms, 4, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(terms[0].name, "s");
    assert_int_equal(terms[0].count, 2);
    assert_ok(fc_library_picture_delete(f->library, b, &err), &err);
    assert_int_equal(search(f, (fc_picture_filter){.text = "second"}, rows), 0);
    assert_int_equal(search(f, (fc_picture_filter){.style = "t"}, rows), 0);
    assert_int_equal(search(f, (fc_picture_filter){.text = "thing"}, rows), 1);
    assert_fails(fc_library_picture_delete(f->library, b, &err), FC_NOT_FOUND, &err, NULL);
    assert_fails(fc_library_picture_favourite(f->library, b, true, &err), FC_NOT_FOUND, &err, NULL);
}

static void only_one_program_at_a_time(void **state)
{
    fixture *f = *state;
    fc_err err;
    fc_library *second;
    assert_fails(fc_library_open(f->path, &second, &err), FC_BUSY, &err, "--home");
    assert_null(second);
}

static void foreign_and_damaged_files_are_refused(void **state)
{
    (void)state;
    fc_err err;
    fc_library *l;
    const char *path = fc_test_tmp_path("garbage.sqlite3");
    char garbage[5000];
    memset(garbage, 'g', sizeof garbage);
    assert_ok(fc_file_write_atomic(path, garbage, sizeof garbage, &err), &err);
    assert_fails(fc_library_open(path, &l, &err), FC_FORMAT, &err, "rename it");
    path = fc_test_tmp_path("foreign.sqlite3");
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_fails(fc_library_open(path, &l, &err), FC_FORMAT, &err, "another program");
    path = fc_test_tmp_path("newer.sqlite3");
    assert_ok(fc_library_open(path, &l, &err), &err);
    fc_library_close(l);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_fails(fc_library_open(path, &l, &err), FC_FORMAT, &err, "newer version");
    assert_fails(fc_library_open("/nowhere/at/all.sqlite3", &l, &err), FC_NOT_FOUND, &err, "/nowhere");
}

typedef struct thread_work {
    fixture *f;
    int number;
} thread_work;

static void *work_on_library(void *user)
{
    thread_work *w = user;
    fc_arena arena;
    fc_picture_row rows[MANY];
    int32_t count;
    fc_arena_init(&arena, 64 << 20);
    for (int i = 0; i < 20; i++) {
        char path[40];
        int64_t id;
        snprintf(path, sizeof path, "%d-%d.png", w->number, i);
        fc_picture_row p = {.index = 1,
                            .path = path,
                            .format = "png",
                            .prompt = "threads are fun",
                            .negative_prompt = "",
                            .model = "",
                            .styles = "[]",
                            .parameters = "{}"};
        if (fc_library_picture_add(w->f->library, &p, &id, NULL) != FC_OK) return "add failed";
        const fc_picture_filter filter = {.text = "fun", .limit = MANY};
        if (fc_library_pictures(w->f->library, &filter, &arena, rows, &count, NULL) != FC_OK)
            return "search failed";
        if (count < 1) return "own picture not found";
    }
    fc_arena_fini(&arena);
    return NULL;
}

static void threads_share_it(void **state)
{
    pthread_t threads[4];
    thread_work works[4];
    for (int i = 0; i < 4; i++) {
        works[i] = (thread_work){*state, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work_on_library, &works[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *problem;
        pthread_join(threads[i], &problem);
        if (problem) fail_msg("%s", (const char *)problem);
    }
    fc_library_counts counts;
    fc_err err;
    assert_ok(fc_library_count(((fixture *)*state)->library, &counts, &err), &err);
    assert_int_equal(counts.pictures, 80);
}

#define TESTS_OF_BOTH(X)                                                                                     \
    X(jobs_go_through_their_states), X(an_idempotency_key_is_unique), X(the_queue_survives),                 \
        X(jobs_are_listed_newest_first), X(a_picture_keeps_what_it_is_told),                                 \
        X(a_failed_addition_leaves_nothing), X(the_search_finds), X(long_searches_are_cut),                  \
        X(trash_and_favourites), X(threads_share_it)

int main(void)
{
#define ON_SQLITE(test)   cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)
#define ON_POSTGRES(test) cmocka_unit_test_setup_teardown(test, open_postgres, close_fixture)
    const struct CMUnitTest sqlite[] = {
        TESTS_OF_BOTH(ON_SQLITE),
        ON_SQLITE(only_one_program_at_a_time),
        cmocka_unit_test(foreign_and_damaged_files_are_refused),
    };
    const struct CMUnitTest postgres[] = {TESTS_OF_BOTH(ON_POSTGRES)};
    int failed = cmocka_run_group_tests(sqlite, NULL, NULL);
    if (!postgres_is_installed()) {
        print_message("left out: PostgreSQL is not installed (apt-get install postgresql)\n");
        return failed;
    }
    return failed + cmocka_run_group_tests(postgres, NULL, NULL);
}
