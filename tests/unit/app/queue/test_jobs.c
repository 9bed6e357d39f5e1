/* app/queue: the queue, the worker, events, and what survives the end of the program; the same tests on a
 * queue of one program, in SQLite, and on one that programs share, in PostgreSQL. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/common/ulid.h"
#include "app/queue/jobs.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/image.h"
#include "support/painter.h"
#include "support/postgres.h"
#include "support/support.h"

typedef struct fixture {
    char outputs[300], path[340];
    bool shared; /* path is an address of PostgreSQL */
    painter painter;
    fc_library *library;
    fc_events *events;
    fc_jobs *jobs;
    fc_fleet_config fleet;
    uint64_t start; /* the number before the first event */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int changes;
} fixture;

static void on_change(void *user)
{
    fixture *f = user;
    pthread_mutex_lock(&f->lock);
    f->changes++;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void open_jobs(fixture *f)
{
    fc_err err;
    const fc_events_config events = {
        .max_events = 400, .max_bytes = 1 << 20, .first = 1000, .changed = on_change, .user = f};
    assert_ok(fc_library_open(f->path, &f->library, &err), &err);
    assert_ok(fc_events_open(&events, &f->events, &err), &err);
    const fc_fleet_config fleet = {.url = f->path, .draws = true, .name = "test", .device = "painter"};
    f->fleet = fleet;
    const fc_jobs_config config = {
        f->library, f->events, f->outputs, painter_run, &f->painter, 20, f->shared ? &f->fleet : NULL};
    assert_ok(fc_jobs_open(&config, &f->jobs, &err), &err);
    f->start = fc_events_last(f->events);
}

static void close_jobs(fixture *f)
{
    fc_jobs_close(f->jobs);
    fc_events_close(f->events);
    fc_library_close(f->library);
}

static int open_with(void **state, const char *url)
{
    static int number;
    fixture *f = fc_calloc(1, sizeof *f);
    fc_err err;
    snprintf(f->outputs, sizeof f->outputs, "%s/outputs%d", fc_test_tmpdir(), number++);
    assert_ok(fc_mkdir_all(f->outputs, &err), &err);
    snprintf(f->path, sizeof f->path, "%s%s", url ? url : f->outputs, url ? "" : "/library.sqlite3");
    f->shared = url != NULL;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    painter_init(&f->painter, f->outputs);
    open_jobs(f);
    *state = f;
    return 0;
}

static int open_fixture(void **state)
{
    return open_with(state, NULL);
}

static int open_shared(void **state)
{
    return open_with(state, postgres_database());
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    close_jobs(f);
    painter_fini(&f->painter);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    fc_free(f);
    return 0;
}

typedef struct id {
    char text[FC_JOB_ID_SIZE];
} id;

static id submit(fixture *f, const char *parameters, int32_t images)
{
    id out;
    bool existed;
    fc_err err;
    const fc_job_request request = {
        .parameters = parameters, .prompt = "p", .images = images, .preview = true};
    assert_ok(fc_jobs_submit(f->jobs, &request, out.text, &existed, &err), &err);
    assert_false(existed);
    assert_true(fc_ulid_valid(out.text));
    return out;
}

static fc_job_row get_job(fixture *f, id job, fc_arena *arena)
{
    fc_err err;
    fc_job_row row = {0};
    assert_ok(fc_library_job_get(f->library, job.text, arena, &row, &err), &err);
    return row;
}

/* Waits until the job is over, and checks how it ended. Returns its pictures. */
static int32_t wait_end(fixture *f, id job, fc_job_state wanted, fc_picture_row rows[8], fc_arena *arena)
{
    fc_err err;
    int32_t count;
    for (;;) {
        pthread_mutex_lock(&f->lock);
        int changes = f->changes;
        pthread_mutex_unlock(&f->lock);
        if (!fc_jobs_is_active(f->jobs, job.text)) break;
        pthread_mutex_lock(&f->lock);
        while (f->changes == changes) pthread_cond_wait(&f->changed, &f->lock);
        pthread_mutex_unlock(&f->lock);
    }
    assert_string_equal(fc_job_state_name(get_job(f, job, arena).state), fc_job_state_name(wanted));
    const fc_picture_filter filter = {.job = job.text, .limit = 8};
    assert_ok(fc_library_pictures(f->library, &filter, arena, rows, &count, &err), &err);
    return count;
}

#define WITH_ARENA                                                                                           \
    fixture *f = *state;                                                                                     \
    fc_arena arena;                                                                                          \
    fc_picture_row rows[8];                                                                                  \
    fc_arena_init(&arena, 64 << 20)

static void a_job_makes_its_pictures(void **state)
{
    WITH_ARENA;
    fc_err err;
    char path[700];
    id job = submit(f, "{\"prompt\": \"a __color__ cat\", \"count\": 3, \"seed\": \"41\", \"steps\": 9}", 3);
    assert_int_equal(wait_end(f, job, FC_JOB_DONE, rows, &arena), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rows[i].index, i + 1);
        assert_int_equal(rows[i].seed, 41 + i);
        assert_int_equal(rows[i].width, 16);
        assert_string_equal(rows[i].format, "png");
        assert_string_equal(rows[i].model, "paint.safetensors");
        assert_string_equal(rows[i].styles, "[\"SAI Anime\"]");
        snprintf(path, sizeof path, "%s/%s", f->outputs, rows[i].path);
        assert_true(fc_path_exists(path));
        snprintf(path, sizeof path, "%s/.library/thumbnails/0/%d.webp", f->outputs, (int)rows[i].id);
        assert_true(fc_path_exists(path));
    }
    fc_picture_row full;
    assert_ok(fc_library_picture_get(f->library, rows[1].id, &arena, &full, &err), &err);
    assert_string_equal(full.prompt, "painted 2"); /* the record knows better than the request */
    assert_non_null(strstr(full.parameters, "\"seed\":\"42\""));
    assert_non_null(strstr(full.parameters, "\"steps\":9"));
    assert_null(strstr(full.parameters, "count"));
    fc_job_row row = get_job(f, job, &arena);
    assert_int_equal(row.next_image, 3);
    assert_true(row.created <= row.started && row.started <= row.finished);
    fc_arena_fini(&arena);
}

/* Reads the events of a job until `text` stands in them. */
static void wait_event(fixture *f, id job, const char *text, fc_buf *out)
{
    do {
        uint64_t cursor = f->start;
        fc_buf_reset(out);
        fc_events_read(f->events, &cursor, job.text, out);
        if (!strstr(fc_buf_cstr(out), text)) usleep(2000);
    } while (!strstr(fc_buf_cstr(out), text));
}

static void a_failure_says_why(void **state)
{
    WITH_ARENA;
    f->painter.fail_with = FC_UNSUPPORTED;
    id job = submit(f, "{}", 1);
    assert_int_equal(wait_end(f, job, FC_JOB_FAILED, rows, &arena), 0);
    fc_job_row row = get_job(f, job, &arena);
    assert_int_equal(row.error, FC_UNSUPPORTED);
    assert_string_equal(row.error_text, "steps: the painter was told to fail");
    fc_buf out;
    fc_buf_init(&out, 1 << 20);
    wait_event(f, job, "\"status\":422", &out);
    assert_non_null(strstr(out.data, "\"field\":\"steps\""));
    fc_buf_fini(&out);
    fc_arena_fini(&arena);
}

static void skip_and_stop(void **state)
{
    WITH_ARENA;
    fc_err err;
    fc_job_progress progress;
    painter_allow(&f->painter, 4); /* one picture and one step */
    id job = submit(f, "{\"count\": 4}", 4);
    painter_wait_steps(&f->painter, 4);
    assert_ok(fc_jobs_skip(f->jobs, job.text, &err), &err);
    assert_true(fc_jobs_progress(f->jobs, job.text, &progress) || f->shared);
    while (f->shared && get_job(f, job, &arena).next_image < 2) usleep(2000); /* the word travels */
    painter_allow(&f->painter, 4);
    painter_wait_steps(&f->painter, 8); /* the third picture is done, the fourth has begun */
    assert_ok(fc_jobs_cancel(f->jobs, job.text, &err), &err);
    while (f->shared && fc_jobs_is_active(f->jobs, job.text)) usleep(2000);
    painter_allow(&f->painter, -1);
    assert_int_equal(wait_end(f, job, FC_JOB_CANCELLED, rows, &arena), 2);
    assert_int_equal(rows[0].index, 1);
    assert_int_equal(rows[1].index, 3);
    assert_fails(fc_jobs_skip(f->jobs, job.text, &err), FC_BUSY, &err, "cancelled");
    assert_fails(fc_jobs_cancel(f->jobs, job.text, &err), FC_BUSY, &err, "cancelled");
    assert_fails(fc_jobs_cancel(f->jobs, "01HZZZZZZZZZZZZZZZZZZZZZZZ", &err), FC_NOT_FOUND, &err, NULL);
    fc_arena_fini(&arena);
}

static void the_queue_can_be_ordered(void **state)
{
    WITH_ARENA;
    fc_err err;
    fc_jobs_state queue;
    painter_allow(&f->painter, 1);
    id first = submit(f, "{}", 1);
    painter_wait_steps(&f->painter, 1);
    id a = submit(f, "{}", 1), b = submit(f, "{}", 1), c = submit(f, "{}", 1), d = submit(f, "{}", 1);
    fc_jobs_get_state(f->jobs, &queue);
    assert_int_equal(queue.waiting, 4);
    assert_string_equal(queue.running, first.text);
    assert_int_equal(fc_jobs_position(f->jobs, a.text), 0);
    assert_ok(fc_jobs_move(f->jobs, c.text, 0, &err), &err);
    assert_ok(fc_jobs_move(f->jobs, a.text, 99, &err), &err);
    assert_ok(fc_jobs_cancel(f->jobs, b.text, &err), &err);
    assert_int_equal(fc_jobs_position(f->jobs, c.text), 0);
    assert_int_equal(fc_jobs_position(f->jobs, d.text), 1);
    assert_int_equal(fc_jobs_position(f->jobs, a.text), 2);
    assert_int_equal(fc_jobs_position(f->jobs, first.text), -1);
    assert_fails(fc_jobs_move(f->jobs, first.text, 1, &err), FC_BUSY, &err, "running");
    assert_fails(fc_jobs_delete(f->jobs, first.text, &err), FC_BUSY, &err, "running");
    assert_ok(fc_jobs_delete(f->jobs, d.text, &err), &err);
    painter_allow(&f->painter, -1);
    wait_end(f, a, FC_JOB_DONE, rows, &arena);
    assert_int_equal(get_job(f, b, &arena).state, FC_JOB_CANCELLED);
    assert_true(get_job(f, c, &arena).started <= get_job(f, a, &arena).started);
    assert_false(fc_jobs_is_active(f->jobs, c.text));
    fc_arena_fini(&arena);
}

static void a_full_queue_refuses(void **state)
{
    fixture *f = *state;
    fc_err err;
    id last;
    bool existed;
    painter_allow(&f->painter, 1);
    submit(f, "{}", 1);
    painter_wait_steps(&f->painter, 1);
    for (int i = 0; i < 20; i++) last = submit(f, "{}", 1);
    const fc_job_request request = {.parameters = "{}", .prompt = "", .images = 1};
    assert_fails(fc_jobs_submit(f->jobs, &request, last.text, &existed, &err), FC_LIMIT, &err, "full");
    painter_allow(&f->painter, -1);
}

static void a_repeated_key_is_one_job(void **state)
{
    WITH_ARENA;
    fc_err err;
    id first, again;
    bool existed;
    fc_job_request request = {
        .parameters = "{}", .prompt = "", .key = "k1", .fingerprint = "f1", .images = 1};
    assert_ok(fc_jobs_submit(f->jobs, &request, first.text, &existed, &err), &err);
    assert_false(existed);
    assert_ok(fc_jobs_submit(f->jobs, &request, again.text, &existed, &err), &err);
    assert_true(existed);
    assert_string_equal(first.text, again.text);
    request.fingerprint = "f2";
    assert_fails(fc_jobs_submit(f->jobs, &request, again.text, &existed, &err), FC_BUSY, &err,
                 "another request");
    assert_int_equal(wait_end(f, first, FC_JOB_DONE, rows, &arena), 1);
    fc_arena_fini(&arena);
}

static void jobs_go_on_after_a_restart(void **state)
{
    WITH_ARENA;
    painter_allow(&f->painter, 5);
    id running = submit(f, "{\"count\": 3, \"seed\": \"10\"}", 3);
    painter_wait_steps(&f->painter, 5);
    id waiting = submit(f, "{}", 1);
    close_jobs(f);
    painter_allow(&f->painter, -1);
    open_jobs(f);
    assert_int_equal(wait_end(f, waiting, FC_JOB_DONE, rows, &arena), 1);
    assert_int_equal(wait_end(f, running, FC_JOB_DONE, rows, &arena), 3);
    for (int i = 0; i < 3; i++) assert_int_equal(rows[i].seed, 10 + i);
    assert_true(get_job(f, running, &arena).finished <= get_job(f, waiting, &arena).finished);
    fc_arena_fini(&arena);
}

static void a_job_that_kills_the_program_is_given_up(void **state)
{
    WITH_ARENA;
    fc_err err;
    painter_allow(&f->painter, 0);
    id job = submit(f, "{}", 1);
    for (int i = 0; i < 5; i++) { /* what the file looks like after a crash in the middle */
        close_jobs(f);
        assert_ok(fc_library_open(f->path, &f->library, &err), &err);
        assert_ok(fc_library_job_start(f->library, job.text, 1, &err), &err);
        fc_library_close(f->library);
        open_jobs(f);
    }
    assert_int_equal(wait_end(f, job, FC_JOB_FAILED, rows, &arena), 0);
    assert_non_null(strstr(get_job(f, job, &arena).error_text, "given up"));
    painter_allow(&f->painter, -1);
    id next = submit(f, "{}", 1);
    assert_int_equal(wait_end(f, next, FC_JOB_DONE, rows, &arena), 1);
    fc_arena_fini(&arena);
}

static void previews_are_made_while_somebody_watches(void **state)
{
    WITH_ARENA;
    fc_buf jpeg;
    fc_buf_init(&jpeg, 1 << 20);
    painter_allow(&f->painter, 3);
    id job = submit(f, "{\"count\": 2}", 2);
    painter_wait_steps(&f->painter, 3);
    assert_int_equal(fc_jobs_preview(f->jobs, job.text, &jpeg), 0);
    fc_jobs_watch(f->jobs, 1);
    painter_allow(&f->painter, 2);
    painter_wait_steps(&f->painter, 5); /* so the first step's preview is there */
    for (int i = 0; f->shared && i < 500 && !fc_jobs_preview(f->jobs, job.text, &jpeg);
         i++) { /* it travels */
        painter_allow(&f->painter, i % 50 == 49);
        usleep(10000);
    }
    fc_buf_reset(&jpeg);
    assert_true(fc_jobs_preview(f->jobs, job.text, &jpeg) > 0);
    fc_image_format format;
    int32_t w, h;
    fc_err err;
    assert_ok(fc_image_probe(jpeg.data, jpeg.len, &format, &w, &h, &err), &err);
    assert_int_equal(format, FC_JPEG);
    assert_int_equal(w, 16);
    fc_jobs_watch(f->jobs, -1);
    painter_allow(&f->painter, -1);
    wait_end(f, job, FC_JOB_DONE, rows, &arena);
    assert_int_equal(fc_jobs_preview(f->jobs, job.text, &jpeg), 0);
    fc_buf_fini(&jpeg);
    fc_arena_fini(&arena);
}

/* ---- events ---- */

static void events_are_numbered_and_bounded(void **state)
{
    (void)state;
    fc_err err;
    fc_events *e;
    fc_buf out;
    const fc_events_config config = {.max_events = 3, .max_bytes = 1 << 20, .first = 100};
    fc_buf_init(&out, 1 << 20);
    assert_ok(fc_events_open(&config, &e, &err), &err);
    uint64_t cursor = 100;
    fc_events_read(e, &cursor, NULL, &out);
    assert_int_equal(out.len, 0);
    fc_events_publish(e, "one", "J1", json_pack("{s:i}", "n", 1));
    fc_events_publish(e, "two", "J2", json_pack("{s:s}", "text", "line\nbreak"));
    fc_events_read(e, &cursor, NULL, &out);
    assert_string_equal(out.data, "id: 101\nevent: one\ndata: {\"n\":1}\n\n"
                                  "id: 102\nevent: two\ndata: {\"text\":\"line\\nbreak\"}\n\n");
    assert_int_equal(cursor, 102);
    fc_buf_reset(&out);
    cursor = 100;
    fc_events_read(e, &cursor, "J2", &out);
    assert_string_equal(out.data, "id: 102\nevent: two\ndata: {\"text\":\"line\\nbreak\"}\n\n");
    fc_events_publish(e, "three", NULL, json_object());
    fc_events_publish(e, "four", NULL, json_object());
    cursor = 100; /* 101 is gone */
    fc_buf_reset(&out);
    fc_events_read(e, &cursor, NULL, &out);
    assert_string_equal(out.data, "id: 104\nevent: reset\ndata: {}\n\n");
    assert_int_equal(cursor, 104);
    cursor = 9999; /* a number of another life */
    fc_buf_reset(&out);
    fc_events_read(e, &cursor, NULL, &out);
    assert_string_equal(out.data, "id: 104\nevent: reset\ndata: {}\n\n");
    cursor = 101;
    fc_buf_reset(&out);
    fc_events_read(e, &cursor, NULL, &out);
    assert_non_null(strstr(out.data, "event: two"));
    fc_buf_fini(&out);
    fc_events_close(e);
}

static void the_ring_has_a_limit_in_bytes(void **state)
{
    (void)state;
    fc_err err;
    fc_events *e;
    fc_buf out;
    char text[600];
    const fc_events_config config = {.max_events = 100, .max_bytes = 2000, .first = 0};
    fc_buf_init(&out, 1 << 20);
    assert_ok(fc_events_open(&config, &e, &err), &err);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 10; i++) fc_events_publish(e, "x", NULL, json_string(text));
    uint64_t cursor = 7;
    fc_events_read(e, &cursor, NULL, &out);
    assert_true(out.len > 1800 && out.len < 2000);
    assert_int_equal(cursor, 10);
    fc_buf_fini(&out);
    fc_events_close(e);
}

static void names_sort_by_time(void **state)
{
    (void)state;
    fc_ulid u = {0};
    fc_err err;
    char last[FC_ULID_SIZE] = "", now[FC_ULID_SIZE];
    for (int i = 0; i < 2000; i++) {
        int64_t millis = 1715950000000 + i / 100 - (i == 1500 ? 5000 : 0);
        assert_ok(fc_ulid_next(&u, millis, now, &err), &err);
        if (strcmp(now, last) <= 0) fail_msg("%s after %s", now, last);
        assert_true(fc_ulid_valid(now));
        memcpy(last, now, sizeof now);
    }
    assert_true(fc_str_starts(now, "01HY"));
    assert_false(fc_ulid_valid("01hy0000000000000000000000"));
    assert_false(fc_ulid_valid("01HY"));
}

/* ---- many threads at once, for the thread sanitizer ---- */

static void *disturb(void *user)
{
    fixture *f = user;
    fc_buf out;
    uint64_t cursor = 1000;
    fc_buf_init(&out, 4 << 20);
    for (int i = 0; i < 60; i++) {
        fc_jobs_state queue;
        fc_job_progress progress;
        char job[FC_JOB_ID_SIZE];
        bool existed;
        const fc_job_request request = {
            .parameters = "{\"count\": 2}", .prompt = "t", .images = 2, .preview = true};
        fc_jobs_watch(f->jobs, 1);
        fc_status status = fc_jobs_submit(f->jobs, &request, job, &existed, NULL);
        fc_jobs_get_state(f->jobs, &queue);
        fc_jobs_progress(f->jobs, queue.running, &progress);
        fc_jobs_preview(f->jobs, queue.running, &out);
        if (status == FC_OK && i % 3 == 0) (void)!fc_jobs_move(f->jobs, job, 0, NULL);
        if (i % 4 == 0) (void)!fc_jobs_skip(f->jobs, queue.running, NULL);
        if (i % 5 == 0) (void)!fc_jobs_cancel(f->jobs, queue.running, NULL);
        if (status == FC_OK && i % 7 == 0) (void)!fc_jobs_delete(f->jobs, job, NULL);
        fc_buf_reset(&out);
        fc_events_read(f->events, &cursor, NULL, &out);
        fc_buf_reset(&out);
        fc_jobs_watch(f->jobs, -1);
    }
    fc_buf_fini(&out);
    return NULL;
}

static void threads_may_do_anything(void **state)
{
    fixture *f = *state;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, disturb, f), 0);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    fc_jobs_state queue;
    fc_jobs_get_state(f->jobs, &queue);
    assert_true(queue.waiting <= 20);
}

#define TESTS_OF_BOTH(X)                                                                                     \
    X(a_job_makes_its_pictures), X(a_failure_says_why), X(skip_and_stop), X(the_queue_can_be_ordered),       \
        X(a_full_queue_refuses), X(a_repeated_key_is_one_job), X(jobs_go_on_after_a_restart),                \
        X(previews_are_made_while_somebody_watches), X(threads_may_do_anything)

int main(void)
{
#define ALONE(test)  cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)
#define SHARED(test) cmocka_unit_test_setup_teardown(test, open_shared, close_fixture)
    const struct CMUnitTest alone[] = {
        TESTS_OF_BOTH(ALONE),
        ALONE(a_job_that_kills_the_program_is_given_up),
        cmocka_unit_test(events_are_numbered_and_bounded),
        cmocka_unit_test(the_ring_has_a_limit_in_bytes),
        cmocka_unit_test(names_sort_by_time),
    };
    const struct CMUnitTest shared[] = {TESTS_OF_BOTH(SHARED)};
    fc_log_init_from_env();
    int failed = cmocka_run_group_tests(alone, NULL, NULL);
    if (!postgres_is_installed()) {
        print_message("left out: PostgreSQL is not installed (apt-get install postgresql)\n");
        return failed;
    }
    return failed + cmocka_run_group_tests(shared, NULL, NULL);
}
