/* The Vulkan backend beyond its ops, on Mesa's software driver: memory, failures at every call, stops,
 * weights that wait on the host, and which memory it would take on cards that are not here. */
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/vulkan/batch.h"
#include "backend/vulkan/caps.h"
#include "backend/vulkan/kept.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "support/support.h"
#include "support/tested.h"

static const fc_epi plain = FC_PLAIN;

static fc_status try_open(fc_dev **dev, uint64_t limit, fc_err *err)
{
    const fc_backend_opts opts = {.device = tt_device("vulkan"), .memory_limit = limit};
    return fc_backend_get("vulkan")->open(&opts, dev, err);
}

static tt_dev open_limited(uint64_t limit)
{
    tt_dev d = {.be = fc_backend_get("vulkan")};
    fc_err err = {0};
    assert_ok(try_open(&d.dev, limit, &err), &err);
    return d;
}

/* ---- memory ---- */

static void read_byte(const volatile char *p)
{
    (void)*p;
}

/* Device memory has addresses that nobody may touch on the host. */
static void an_address_is_no_memory(void **state)
{
    (void)state;
    tt_dev d = open_limited(0);
    tt t = tt_new(d, FC_F32, 1, 1, 1, 64, 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGSEGV, SIG_DFL);
        read_byte(t.t.data);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    /* the sanitizers turn the signal into an exit code */
    assert_true(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0));
    tt_free(&t);
    tt_close(d);
}

/* A full device says so; what is freed can be had again, even while work that used it is under way. */
static void a_full_device_says_so(void **state)
{
    (void)state;
    const size_t piece = (size_t)24 << 20;
    tt_dev d = open_limited((uint64_t)200 << 20);
    fc_device_memory before, after;
    for (int round = 0; round < 3; round++) {
        void *held[16] = {0};
        int count = 0;
        fc_status status = FC_OK;
        assert_int_equal(d.be->wait(d.dev), FC_OK);
        d.be->memory(d.dev, &before);
        assert_true(before.total == (uint64_t)200 << 20);
        while (count < 16 && !(status = d.be->mem_alloc(d.dev, piece, &held[count]))) count++;
        assert_int_equal(status, FC_NOMEM);
        assert_non_null(strstr(d.be->why(d.dev), "memory is full"));
        assert_in_range(count, 6, 8);
        d.be->memory(d.dev, &after);
        assert_true(after.available < before.available);
        fc_tensor all = {held[0], FC_F32, 1, 1, 1024, 4096, 4096}, to = all;
        to.data = held[1];
        assert_int_equal(d.be->copy(d.dev, to, all), FC_OK);
        while (count > 0) d.be->mem_free(d.dev, held[--count], piece);
    }
    tt t = tt_new(d, FC_F32, 1, 1, 3, 5, 0);
    tt_random(&t, 4, 1.0f);
    float *v = tt_values(&t);
    for (size_t i = 0; i < tt_count(&t); i++) assert_true(v[i] == tt_rand(4, i));
    fc_free(v);
    tt_free(&t);
    tt_close(d);
}

/* Uploads and downloads of several staging buffers, in the order of the calls. */
static void transfers_keep_their_order(void **state)
{
    (void)state;
    enum { COUNT = 9 << 20 };
    tt_dev d = open_limited(0);
    void *p = NULL;
    float *host = fc_alloc(COUNT * sizeof *host), *back = fc_alloc(COUNT * sizeof *back);
    assert_non_null(host);
    assert_non_null(back);
    assert_int_equal(d.be->mem_alloc(d.dev, COUNT * sizeof *host, &p), FC_OK);
    for (int i = 0; i < COUNT; i++) host[i] = (float)i;
    assert_int_equal(d.be->upload(d.dev, p, host, COUNT * sizeof *host), FC_OK);
    memset(host, 0, COUNT * sizeof *host); /* was copied before upload returned */
    fc_tensor t = {p, FC_F32, 1, 1, 9, 1 << 20, 1 << 20};
    assert_int_equal(d.be->axpby(d.dev, t, 1.0f, t, 1.0f, t), FC_OK);
    assert_int_equal(d.be->upload(d.dev, (char *)p + 4, host, 4), FC_OK);
    assert_int_equal(d.be->download(d.dev, back, p, COUNT * sizeof *host), FC_OK);
    for (int i = 0; i < COUNT; i++) assert_true(back[i] == (i == 1 ? 0.0f : 2.0f * (float)i));
    d.be->mem_free(d.dev, p, COUNT * sizeof *host);
    fc_free(host);
    fc_free(back);
    tt_close(d);
}

/* ---- weights that wait on the host ---- */

static float *product(tt_dev d, tt *x, fc_place place, bool int8, size_t *count)
{
    tt_weight w = {.seed = 3, .scale = 0.1f};
    fc_pack_src src = tt_source(&w, 96, 80, 1, 1);
    fc_packed *p = NULL;
    fc_err err = {0};
    src.place = place;
    src.int8 = int8;
    tt y = tt_new(d, FC_F32, 1, 1, x->t.w, 96, 0);
    assert_ok(d.be->pack_linear(d.dev, &src, FC_F32, &p, &err), &err);
    for (int round = 0; round < 3; round++) {
        if (place == FC_PLACE_HOST) assert_int_equal(d.be->stage(d.dev, p), FC_OK);
        assert_int_equal(d.be->linear(d.dev, y.t, x->t, p, NULL, &plain), FC_OK);
        d.be->unstage(d.dev, p); /* while the product may be under way */
    }
    float *v = tt_values(&y);
    *count = tt_count(&y);
    d.be->packed_free(d.dev, p);
    tt_free(&y);
    return v;
}

static void host_weights_give_the_same(void **state)
{
    (void)state;
    tt_dev d = open_limited(0);
    tt x = tt_new(d, FC_F32, 1, 1, 33, 80, 0);
    tt_random(&x, 1, 1.0f);
    for (int int8 = 0; int8 < 2; int8++) {
        size_t count;
        float *a = product(d, &x, FC_PLACE_DEVICE, int8, &count);
        float *b = product(d, &x, FC_PLACE_HOST, int8, &count);
        assert_memory_equal(a, b, count * sizeof *a);
        fc_free(a);
        fc_free(b);
    }
    tt_free(&x);
    tt_close(d);
}

/* ---- failures ---- */

/* A bit of everything; the first status that is not OK. */
static fc_status some_work(tt_dev d, float *out)
{
    enum { SIDE = 16, C = 32 };
    const size_t bytes = (size_t)SIDE * SIDE * C * sizeof(float);
    tt_weight w = {.seed = 5, .scale = 0.1f};
    fc_pack_src src = tt_source(&w, C, C, 3, 3);
    const fc_conv_geom geom = {
        .kh = 3, .kw = 3, .stride = 1, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
    void *p[2] = {0};
    fc_packed *weight = NULL;
    float *host = fc_alloc(bytes);
    assert_non_null(host);
    for (int i = 0; i < SIDE * SIDE * C; i++) host[i] = tt_rand(1, (uint64_t)i);
    fc_status status = d.be->mem_alloc(d.dev, bytes, &p[0]);
    if (!status) status = d.be->mem_alloc(d.dev, bytes, &p[1]);
    fc_tensor x = {p[0], FC_F32, 1, SIDE, SIDE, C, C}, y = {p[1], FC_F32, 1, SIDE, SIDE, C, C};
    if (!status) status = d.be->upload(d.dev, x.data, host, bytes);
    if (!status) status = d.be->pack_conv(d.dev, &src, &geom, FC_F32, &weight, NULL);
    if (!status) status = d.be->conv2d(d.dev, y, x, weight, NULL, &geom, &plain);
    if (!status) status = d.be->group_norm(d.dev, x, y, NULL, NULL, 8, 1e-5f, FC_ACT_SILU, (fc_tensor){0});
    x = fc_tensor_tokens(x);
    y = fc_tensor_tokens(y);
    if (!status) status = d.be->attention(d.dev, y, x, x, x, 2, false);
    if (!status) status = d.be->wait(d.dev);
    if (!status) status = d.be->layer_norm(d.dev, x, y, NULL, NULL, 1e-5f);
    if (!status) status = d.be->download(d.dev, host, x.data, bytes);
    if (!status && out) memcpy(out, host, 64 * sizeof *out);
    d.be->packed_free(d.dev, weight);
    d.be->mem_free(d.dev, p[0], bytes);
    d.be->mem_free(d.dev, p[1], bytes);
    fc_free(host);
    return status;
}

/* The n-th of a kind of calls fails, for every n: told with words, and the device is as good as before, or
 * lost for good; a new one works. */
static void every_call_fails_once(void **state)
{
    (void)state;
    static const char *const calls[] = {"alloc", "submit", "wait", "pipeline"};
    float want[64], got[64];
    tt_dev healthy = open_limited(0);
    assert_int_equal(some_work(healthy, want), FC_OK);
    tt_close(healthy);
    for (int kind = 0; kind < 8; kind++) {
        fc_status status = FC_NOMEM;
        int n = 0, lost = 0;
        while (status != FC_OK && ++n < 60) {
            char value[64];
            tt_dev d = {.be = fc_backend_get("vulkan")};
            fc_err err = {0};
            snprintf(value, sizeof value, "%s:%d:%s", calls[kind / 2], n, kind % 2 ? "lost" : "oom");
            (void)setenv("FC_VK_FAIL", value, 1);
            status = try_open(&d.dev, 0, &err);
            (void)unsetenv("FC_VK_FAIL");
            if (status) {
                assert_true(err.message[0]);
                continue;
            }
            status = some_work(d, NULL);
            assert_true(status == FC_OK || status == FC_NOMEM || status == FC_DEVICE);
            if (status) assert_true(d.be->why(d.dev)[0]);
            if (status == FC_DEVICE) {
                lost++;
                assert_int_equal(some_work(d, NULL), FC_DEVICE);
            } else if (status) {
                assert_int_equal(some_work(d, got), FC_OK);
                assert_memory_equal(got, want, sizeof want);
            }
            tt_close(d);
        }
        print_message("%s %s: %d calls, lost %d\n", calls[kind / 2], kind % 2 ? "lost" : "oom", n - 1, lost);
        assert_int_equal(status, FC_OK);
        assert_true(n > 2);
        if (kind % 2) assert_true(lost > 0);
    }
}

/* A stop ends a wait long before the work would have ended, and the device goes on. */
static void a_stop_ends_the_wait(void **state)
{
    (void)state;
    enum { ROUNDS = 400 };
    tt_dev d = open_limited(0);
    tt x = tt_new(d, FC_F32, 1, 1, 512, 512, 0), y = tt_new(d, FC_F32, 1, 1, 512, 512, 0);
    tt_weight w = {.seed = 5, .scale = 0.1f};
    fc_pack_src src = tt_source(&w, 512, 512, 1, 1);
    fc_packed *p = NULL;
    int cancel = 0, done = 0;
    tt_random(&x, 1, 1.0f);
    assert_int_equal(d.be->pack_linear(d.dev, &src, FC_F32, &p, NULL), FC_OK);
    for (int i = 0; i < 4; i++) assert_int_equal(d.be->linear(d.dev, y.t, x.t, p, NULL, &plain), FC_OK);
    assert_int_equal(d.be->wait(d.dev), FC_OK);
    d.be->watch(d.dev, &cancel);
    fc_status status = FC_OK;
    while (done < ROUNDS && !status) {
        if (done == 8) cancel = 1;
        status = d.be->linear(d.dev, y.t, x.t, p, NULL, &plain);
        done++;
    }
    if (!status) status = d.be->wait(d.dev);
    assert_int_equal(status, FC_CANCELLED);
    /* From the stop on no more was taken than two batches of a tenth of a second, as far as is known: what is
     * under way and what was being recorded. A stop is looked at every 20 ms of waiting. */
    const double most = 2.0 * 2.0 * vk_batch_work_limit(d.dev) + 4.0 * 512 * 512 * 512;
    assert_true((done - 9) * 2.0 * 512 * 512 * 512 <= most);
    d.be->watch(d.dev, NULL);
    assert_int_equal(d.be->linear(d.dev, y.t, x.t, p, NULL, &plain), FC_OK);
    assert_int_equal(d.be->wait(d.dev), FC_OK);
    d.be->packed_free(d.dev, p);
    tt_free(&x);
    tt_free(&y);
    tt_close(d);
}

/* A device that was lost gets half as much at once, and so on. */
static void a_lost_device_is_treated_gently(void **state)
{
    (void)state;
    double limit[3];
    for (int losses = 0; losses < 3; losses++) {
        const fc_backend_opts opts = {.device = tt_device("vulkan"), .losses = losses};
        fc_dev *dev = NULL;
        fc_err err = {0};
        assert_ok(fc_backend_get("vulkan")->open(&opts, &dev, &err), &err);
        limit[losses] = vk_batch_work_limit(dev);
        fc_backend_get("vulkan")->close(dev);
    }
    assert_true(limit[1] == limit[0] / 2 && limit[2] == limit[0] / 4);
}

/* ---- choosing ---- */

enum {
    LOCAL = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
    SEEN = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
    COHERENT = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    CACHED = VK_MEMORY_PROPERTY_HOST_CACHED_BIT
};

static void memory_types_of_known_cards(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        VkPhysicalDeviceMemoryProperties memory;
        int device, host;
    } cards[] = {
        {"NVIDIA with 6 GB and a window of 256 MB",
         {.memoryHeapCount = 3,
          .memoryHeaps = {{6ull << 30, 1}, {16ull << 30, 0}, {246ull << 20, 1}},
          .memoryTypeCount = 5,
          .memoryTypes = {{0, 1},
                          {LOCAL, 0},
                          {SEEN | COHERENT, 1},
                          {SEEN | COHERENT | CACHED, 1},
                          {LOCAL | SEEN | COHERENT, 2}}},
         1,
         3},
        {"AMD whose memory the host maps whole",
         {.memoryHeapCount = 2,
          .memoryHeaps = {{15ull << 30, 0}, {16ull << 30, 1}},
          .memoryTypeCount = 4,
          .memoryTypes = {{LOCAL, 1},
                          {SEEN | COHERENT, 0},
                          {LOCAL | SEEN | COHERENT, 1},
                          {SEEN | COHERENT | CACHED, 0}}},
         0,
         3},
        {"a processor's own, all of one kind",
         {.memoryHeapCount = 1,
          .memoryHeaps = {{12ull << 30, 1}},
          .memoryTypeCount = 2,
          .memoryTypes = {{LOCAL | SEEN | COHERENT, 0}, {LOCAL | SEEN | COHERENT | CACHED, 0}}},
         0,
         1},
        {"none that the host maps without flushing",
         {.memoryHeapCount = 1,
          .memoryHeaps = {{1ull << 30, 1}},
          .memoryTypeCount = 1,
          .memoryTypes = {{LOCAL, 0}}},
         0,
         -1},
    };
    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
        print_message("%s\n", cards[i].name);
        assert_int_equal(vk_memory_type(&cards[i].memory, UINT32_MAX, true), cards[i].device);
        assert_int_equal(vk_memory_type(&cards[i].memory, UINT32_MAX, false), cards[i].host);
    }
}

static void assert_computes_on(const char *device, const char *part, const char *passed_over)
{
    fc_engine *e = NULL;
    fc_err err = {0};
    fc_engine_report report;
    assert_ok(fc_engine_open(&(fc_engine_config){.device = device, .cache_dir = ""}, &e, &err), &err);
    fc_engine_describe(e, &report);
    print_message("%s: %s; %s\n", device ? device : "auto", report.device, report.passed_over);
    assert_true((strstr(report.device, part) != NULL) == (part != NULL && part[0] != '!'));
    if (passed_over) assert_non_null(strstr(report.passed_over, passed_over));
    fc_engine_close(e);
}

static void assert_refused(const char *device, fc_status want, const char *part)
{
    fc_engine *e = NULL;
    fc_err err = {0};
    assert_int_equal(fc_engine_open(&(fc_engine_config){.device = device, .cache_dir = ""}, &e, &err), want);
    assert_non_null(strstr(err.message, part));
    assert_null(e);
}

/* Software never computes by itself; a card does when it has the memory and its driver opens it. */
static void devices_are_chosen(void **state)
{
    (void)state;
    fc_device_info list[FC_ENGINE_MAX_DEVICES];
    int32_t count = fc_engine_devices(list, FC_ENGINE_MAX_DEVICES), cards = 0;
    assert_true(count >= 1);
    for (int32_t i = 0; i < count; i++) cards += !list[i].emulated;
    assert_computes_on("llvmpipe", "llvmpipe", NULL);
    assert_refused("no such card", FC_NOT_FOUND, "no such card");
    assert_refused("99", FC_NOT_FOUND, "99");
    if (cards) return; /* what follows is about machines without one */
    assert_computes_on(NULL, "threads", NULL);
    assert_computes_on("auto", "threads", "no graphics card");
    assert_refused("gpu", FC_NOT_FOUND, "no graphics card");
    (void)setenv("FC_VK_AS_CARD", "1", 1); /* the software plays a card from here on */
    (void)setenv("FC_VK_HEAP_MB", "4096", 1);
    assert_computes_on("gpu", "llvmpipe", NULL);
    assert_computes_on(NULL, "llvmpipe", NULL);
    assert_computes_on("cpu", "threads", NULL);
    (void)setenv("FC_VK_HEAP_MB", "1000", 1);
    assert_computes_on(NULL, "threads", "only 1000 MiB");
    (void)setenv("FC_VK_HEAP_MB", "4096", 1);
    (void)setenv("FC_VK_FAIL", "alloc:1:oom", 1); /* a driver that cannot do what it promises */
    assert_computes_on(NULL, "threads", "llvmpipe");
    (void)unsetenv("FC_VK_FAIL");
    (void)setenv("FC_VK_LIBRARY", "/nonexistent/libvulkan.so.1", 1);
    assert_computes_on(NULL, "threads", "no graphics card");
    assert_refused("llvmpipe", FC_UNSUPPORTED, "libvulkan1");
    (void)unsetenv("FC_VK_LIBRARY");
    (void)unsetenv("FC_VK_AS_CARD");
    (void)unsetenv("FC_VK_HEAP_MB");
}

/* A card whose driver computes wrongly is found out when it is opened: in 16 bits it is used in float32, in
 * float32 not at all. */
static void wrong_numbers_are_found(void **state)
{
    (void)state;
    fc_engine *e = NULL;
    fc_err err = {0};
    fc_engine_report report;
    const fc_engine_config config = {.device = tt_device("vulkan"), .cache_dir = ""};
    (void)setenv("FC_VK_AS_CARD", "1", 1);
    assert_ok(fc_engine_open(&config, &e, &err), &err);
    fc_engine_describe(e, &report);
    assert_string_equal(report.precision, "f16");
    fc_engine_close(e);
    (void)setenv("FC_VK_LIE", "F16", 1);
    assert_ok(fc_engine_open(&config, &e, &err), &err);
    fc_engine_describe(e, &report);
    assert_string_equal(report.precision, "f32");
    fc_engine_close(e);
    (void)unsetenv("FC_VK_LIE");
    (void)setenv("FC_VK_NO_COOPMAT", "1", 1);        /* else those would be what is given up first */
    (void)setenv("FC_VK_FAIL", "pipeline:1:oom", 1); /* it does not even compile */
    assert_ok(fc_engine_open(&config, &e, &err), &err);
    (void)unsetenv("FC_VK_FAIL");
    (void)unsetenv("FC_VK_NO_COOPMAT");
    fc_engine_describe(e, &report);
    assert_string_equal(report.precision, "f32");
    assert_non_null(strstr(report.note, "16-bit"));
    fc_engine_close(e);
    (void)setenv("FC_VK_LIE", "F32", 1);
    assert_int_equal(fc_engine_open(&config, &e, &err), FC_UNSUPPORTED);
    assert_non_null(strstr(err.message, "computes wrongly"));
    (void)setenv("FC_VK_HEAP_MB", "4096", 1);
    if (strstr(tt_device("vulkan"), "llvmpipe")) assert_computes_on("auto", "threads", "computes wrongly");
    (void)unsetenv("FC_VK_HEAP_MB");
    (void)unsetenv("FC_VK_LIE");
    (void)unsetenv("FC_VK_AS_CARD");
}

/* ---- what is kept between runs ---- */

/* The one file of the folder, read. */
static fc_buf kept_file(const char *folder, char path[4096])
{
    struct dirent *entry;
    int files = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    while ((entry = readdir(d))) {
        if (entry->d_name[0] == '.') continue;
        assert_int_equal(fc_path_join(path, 4096, folder, entry->d_name), FC_OK);
        files++;
    }
    (void)closedir(d);
    assert_int_equal(files, 1);
    fc_buf b;
    fc_err err = {0};
    fc_buf_init(&b, VK_KEPT_MOST);
    assert_ok(fc_file_read(path, &b, &err), &err);
    return b;
}

static const char *precision_with(const fc_engine_config *config)
{
    static fc_engine_report report;
    fc_engine *e = NULL;
    fc_err err = {0};
    assert_ok(fc_engine_open(config, &e, &err), &err);
    fc_engine_describe(e, &report);
    fc_engine_close(e);
    return report.precision;
}

/* A driver that was found to be wrong once is not tried again, whatever the next test would say; a broken
 * file is no memory at all, and is written anew. */
static void findings_are_kept(void **state)
{
    (void)state;
    char folder[4096], path[4096];
    snprintf(folder, sizeof folder, "%s", fc_test_tmp_path("cards"));
    const fc_engine_config config = {.device = tt_device("vulkan"), .cache_dir = folder};
    (void)setenv("FC_VK_AS_CARD", "1", 1);
    (void)setenv("FC_VK_LIE", "F16", 1);
    assert_string_equal(precision_with(&config), "f32");
    (void)unsetenv("FC_VK_LIE");
    assert_string_equal(precision_with(&config), "f32"); /* remembered */
    fc_buf b = kept_file(folder, path);
    for (int i = 0; i < 3; i++) { /* shortened, a bit turned, no file of ours */
        fc_buf bad;
        fc_err err = {0};
        fc_buf_init(&bad, VK_KEPT_MOST);
        fc_buf_append(&bad, b.data, i == 0 ? b.len - 1 : b.len);
        if (i == 1) bad.data[20] ^= 1;
        if (i == 2) memset(bad.data, 'x', bad.len);
        assert_ok(fc_file_write_atomic(path, bad.data, bad.len, &err), &err);
        assert_string_equal(precision_with(&config), "f16"); /* tested again, and right now */
        fc_buf_fini(&bad);
        bad = kept_file(folder, path);
        assert_memory_equal(bad.data, "fc-card1", 8);
        fc_buf_fini(&bad);
    }
    (void)unsetenv("FC_VK_AS_CARD");
    fc_buf_fini(&b);
}

/* Every byte of the header matters, and so does every byte behind it. */
static void damage_is_seen(void **state)
{
    (void)state;
    enum { SIZE = VK_KEPT_HEADER + 40 };
    uint8_t file[SIZE];
    const vk_kept want = {.tested = true,
                          .no_coopmat = true,
                          .tile = 64,
                          .speed = 2e12,
                          .shaders = file + VK_KEPT_HEADER,
                          .shaders_size = 40};
    vk_kept got;
    for (int i = VK_KEPT_HEADER; i < SIZE; i++) file[i] = (uint8_t)(i * 7);
    vk_kept_header(&want, 77, file);
    assert_true(vk_kept_parse(file, SIZE, 77, &got));
    assert_true(got.tested && got.no_coopmat && !got.no_f16 && got.tile == 64 && got.speed == 2e12);
    assert_ptr_equal(got.shaders, file + VK_KEPT_HEADER);
    assert_int_equal(got.shaders_size, 40);
    assert_false(vk_kept_parse(file, SIZE, 78, &got));
    for (int i = 0; i < SIZE; i++) {
        file[i] ^= 0x10;
        assert_false(vk_kept_parse(file, SIZE, 77, &got));
        assert_false(vk_kept_parse(file, (size_t)i, 77, &got));
        file[i] ^= 0x10;
    }
}

static int group(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_no_memory),
        cmocka_unit_test(a_full_device_says_so),
        cmocka_unit_test(transfers_keep_their_order),
        cmocka_unit_test(host_weights_give_the_same),
        cmocka_unit_test(every_call_fails_once),
        cmocka_unit_test(a_stop_ends_the_wait),
        cmocka_unit_test(memory_types_of_known_cards),
        cmocka_unit_test(devices_are_chosen),
        cmocka_unit_test(wrong_numbers_are_found),
        cmocka_unit_test(findings_are_kept),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(a_lost_device_is_treated_gently),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return tt_main(argc > 1 ? 3 : 2, (char *[]){argv[0], "vulkan", argc > 1 ? argv[1] : NULL, NULL}, group);
}
