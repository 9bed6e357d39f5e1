/* See ckpt.h. */
#include "format/ckpt.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/str.h"
#include "format/bytes.h"
#include "format/pickle.h"
#include "format/sniff.h"
#include "format/zip.h"

enum { MAX_NAME = 1024, MAX_DEPTH = 8, SHOWN_NAME = 100 };
static const size_t MAX_VISITS = (size_t)1 << 20; /* shared values can make a small pickle a huge tree */
static const size_t MAX_MEMORY = (size_t)512 << 20;

typedef struct bytes {
    const uint8_t *data; /* NULL: there are none */
    size_t size;
} bytes;

typedef struct reader {
    fc_ckpt *c;
    fc_zip zip;       /* empty in the older layout: */
    char folder[256]; /* of data.pkl in the archive, with its slash */
    bytes *old;       /* storages by number */
    fc_strmap old_index;
    size_t visits;
    uint64_t copied;
    fc_err *err;
} reader;

static fc_status bad_tensor(const reader *r, const char *name, const char *what)
{
    return fc_fail(r->err, FC_FORMAT, "the tensor \"%.*s\" %s; download the file again", SHOWN_NAME, name,
                   what);
}

static fc_status no_memory(const reader *r)
{
    return fc_fail(r->err, r->c->arena.status == FC_LIMIT ? FC_LIMIT : FC_NOMEM,
                   "out of memory for the list of tensors");
}

/* ---- tensors ---- */

/* Elements, the index behind the last one, and whether they lie in order. */
static bool measure(const fc_pickle_tensor *t, size_t *count, uint64_t *end, bool *in_order)
{
    size_t n = 1;
    uint64_t last = (uint64_t)t->offset;
    int64_t expected = 1;
    *in_order = true;
    for (int32_t d = 0; d < t->ndim; d++)
        if (!fc_size_mul(n, (size_t)t->shape[d], &n)) return false;
    for (int32_t d = t->ndim - 1; d >= 0 && n > 0; d--) {
        size_t reach;
        if (!fc_size_mul((size_t)t->shape[d] - 1, (size_t)t->stride[d], &reach)) return false;
        if (last > UINT64_MAX - reach) return false;
        last += reach;
        if (t->shape[d] != 1 && t->stride[d] != expected) *in_order = false;
        if (t->shape[d] > INT64_MAX / expected) return false;
        expected *= t->shape[d];
    }
    *count = n;
    *end = n > 0 ? last + 1 : (uint64_t)t->offset;
    return *end != 0 || n == 0;
}

/* Row-major order of a tensor that has another one (or repeats elements). */
static void put_in_order(const fc_pickle_tensor *t, const uint8_t *from, size_t element, size_t count,
                         uint8_t *to)
{
    int64_t at[FC_PICKLE_MAX_DIMS] = {0};
    uint64_t index = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(to + i * element, from + index * element, element);
        for (int32_t d = t->ndim - 1; d >= 0; d--) {
            index += (uint64_t)t->stride[d];
            if (++at[d] < t->shape[d]) break;
            index -= (uint64_t)t->stride[d] * (uint64_t)t->shape[d];
            at[d] = 0;
        }
    }
}

static fc_status copy_in_order(reader *r, const fc_pickle_tensor *t, const uint8_t *from, fc_st_tensor *out)
{
    fc_ckpt *c = r->c;
    if (out->size > FC_CKPT_MAX_COPY - r->copied)
        return fc_fail(r->err, FC_LIMIT,
                       "too much of the file is not in order (tensor \"%.*s\"); get the .safetensors version",
                       SHOWN_NAME, out->name);
    void **copies = fc_realloc(c->copies, (c->copy_count + 1) * sizeof *copies);
    if (!copies) return no_memory(r);
    c->copies = copies;
    uint8_t *to = fc_alloc(out->size);
    if (!to) return no_memory(r);
    c->copies[c->copy_count++] = to;
    r->copied += out->size;
    put_in_order(t, from, fc_dtype_size(t->dtype), out->count, to);
    out->data = to;
    return FC_OK;
}

static fc_st_tensor *add(reader *r, const char *name, fc_status *status)
{
    fc_ckpt *c = r->c;
    bool twice = false;
    if (c->count == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 256;
        fc_st_tensor *p = cap <= FC_ST_MAX_TENSORS ? fc_realloc(c->tensors, cap * sizeof *p) : NULL;
        if (!p) {
            *status = no_memory(r);
            return NULL;
        }
        c->tensors = p;
        c->cap = cap;
    }
    fc_st_tensor *t = &c->tensors[c->count];
    *t = (fc_st_tensor){.name = fc_arena_strdup(&c->arena, name)};
    if (!t->name || fc_strmap_put(&c->index, t->name, strlen(name), (uint32_t)c->count, &twice) != FC_OK) {
        *status = no_memory(r);
        return NULL;
    }
    if (twice) {
        *status = bad_tensor(r, name, "appears twice");
        return NULL;
    }
    c->count++;
    return t;
}

static bytes storage_of(const reader *r, const char *key)
{
    char member_name[400];
    uint32_t i;
    if (r->old) return fc_strmap_get(&r->old_index, key, strlen(key), &i) ? r->old[i] : (bytes){0};
    int n = snprintf(member_name, sizeof member_name, "%sdata/%.100s", r->folder, key);
    const fc_zip_member *m = n > 0 ? fc_zip_find(&r->zip, member_name) : NULL;
    return m ? (bytes){m->data, m->size} : (bytes){0};
}

static fc_status add_tensor(reader *r, const char *name, const fc_pickle_tensor *t)
{
    size_t count, element = fc_dtype_size(t->dtype);
    uint64_t end;
    bool in_order;
    fc_status status = FC_OK;
    bytes m = storage_of(r, t->storage->key);
    if (!m.data) return bad_tensor(r, name, "has no data in the file");
    if (!measure(t, &count, &end, &in_order)) return bad_tensor(r, name, "is too large");
    if (end > m.size / element) return bad_tensor(r, name, "is longer than its data");
    fc_st_tensor *out = add(r, name, &status);
    if (!out) return status;
    out->dtype = t->dtype;
    out->ndim = t->ndim;
    memcpy(out->shape, t->shape, sizeof out->shape);
    out->count = count;
    if (!in_order && !fc_size_mul(count, element, &out->size)) return bad_tensor(r, name, "is too large");
    out->size = count * element;
    if (!in_order) return copy_in_order(r, t, m.data + (size_t)t->offset * element, out);
    out->data = m.data + (count ? (size_t)t->offset * element : 0);
    return FC_OK;
}

static fc_status add_number(reader *r, const char *name, const fc_pickle_value *v)
{
    fc_status status = FC_OK;
    double *number = fc_arena_alloc(&r->c->arena, sizeof *number);
    fc_st_tensor *out = number ? add(r, name, &status) : NULL;
    if (!number) return no_memory(r);
    if (!out) return status;
    *number = v->type == FC_PICKLE_INT ? (double)v->u.integer : v->u.number;
    out->dtype = FC_F64;
    out->count = 1;
    out->size = sizeof *number;
    out->data = number;
    return FC_OK;
}

/* ---- the tree of values ---- */

static fc_status walk(reader *r, const fc_pickle_value *v, const char *name, int depth, bool in_tuple);

static fc_status walk_item(reader *r, const fc_pickle_value *v, const char *outer, const char *inner,
                           int depth, bool in_tuple)
{
    char name[MAX_NAME];
    int n = snprintf(name, sizeof name, "%s%s%s", outer, *outer ? "." : "", inner);
    if (n < 0 || n >= MAX_NAME) return bad_tensor(r, outer, "has a name that is too long");
    return walk(r, v, name, depth + 1, in_tuple);
}

static fc_status walk_dict(reader *r, const fc_pickle_value *v, const char *name, int depth)
{
    fc_status status = FC_OK;
    for (size_t i = 0; i + 1 < v->u.list.count && status == FC_OK; i += 2) {
        const fc_pickle_value *key = v->u.list.items[i];
        bool usable = key->type == FC_PICKLE_TEXT && strlen(key->u.text.data) == key->u.text.size &&
                      fc_utf8_valid(key->u.text.data, key->u.text.size);
        if (usable) status = walk_item(r, v->u.list.items[i + 1], name, key->u.text.data, depth, false);
    }
    return status;
}

static fc_status walk_list(reader *r, const fc_pickle_value *v, const char *name, int depth)
{
    bool has_tensor = false;
    fc_status status = FC_OK;
    for (size_t i = 0; i < v->u.list.count; i++) has_tensor |= v->u.list.items[i]->type == FC_PICKLE_TENSOR;
    for (size_t i = 0; i < v->u.list.count && has_tensor && status == FC_OK; i++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        status = walk_item(r, v->u.list.items[i], name, index, depth, true);
    }
    return status;
}

static fc_status walk(reader *r, const fc_pickle_value *v, const char *name, int depth, bool in_tuple)
{
    if (++r->visits > MAX_VISITS)
        return fc_fail(r->err, FC_LIMIT, "the pickle describes more than any model has");
    if (depth > MAX_DEPTH) return FC_OK; /* training state; tensors of models lie shallow */
    switch (v->type) {
    case FC_PICKLE_TENSOR:
        return add_tensor(r, *name ? name : "data", v->u.tensor);
    case FC_PICKLE_DICT:
        return walk_dict(r, v, name, depth);
    case FC_PICKLE_TUPLE:
    case FC_PICKLE_LIST:
        return walk_list(r, v, name, depth);
    case FC_PICKLE_INT:
    case FC_PICKLE_FLOAT:
        return in_tuple ? add_number(r, name, v) : FC_OK;
    default:
        return FC_OK;
    }
}

/* What training frameworks wrap around the weights. */
static const fc_pickle_value *state_dict(const fc_pickle_value *root)
{
    for (size_t i = 0; root->type == FC_PICKLE_DICT && i + 1 < root->u.list.count; i += 2) {
        const fc_pickle_value *key = root->u.list.items[i], *v = root->u.list.items[i + 1];
        if (key->type == FC_PICKLE_TEXT && strcmp(key->u.text.data, "state_dict") == 0 &&
            v->type == FC_PICKLE_DICT)
            return v;
    }
    return root;
}

/* ---- the file ---- */

static const fc_zip_member *find_pickle(reader *r)
{
    for (size_t i = 0; i < r->zip.count; i++) {
        const char *name = r->zip.members[i].name;
        size_t n = strlen(name);
        bool hit = strcmp(name, "data.pkl") == 0 || fc_str_ends(name, "/data.pkl");
        if (!hit || n - 8 >= sizeof r->folder) continue;
        memcpy(r->folder, name, n - 8);
        r->folder[n - 8] = '\0';
        return &r->zip.members[i];
    }
    return NULL;
}

static fc_status wrong_endian(const reader *r)
{
    return fc_fail(r->err, FC_UNSUPPORTED,
                   "the checkpoint was written on a big-endian machine; get the .safetensors version");
}

static fc_status read_tree(reader *r, const fc_pickle_value *root)
{
    fc_status status = walk(r, state_dict(root), "", 0, false);
    if (status == FC_OK && r->c->count == 0)
        return fc_fail(r->err, FC_FORMAT, "the checkpoint describes no tensors");
    return status;
}

static fc_status read_archive(reader *r)
{
    char name[300];
    fc_pickle root;
    const fc_zip_member *pickle = find_pickle(r);
    if (!pickle)
        return fc_fail(r->err, FC_UNSUPPORTED,
                       "the zip archive holds no PyTorch checkpoint (no data.pkl); if it is a packed "
                       "download, unpack it");
    snprintf(name, sizeof name, "%sbyteorder", r->folder);
    const fc_zip_member *order = fc_zip_find(&r->zip, name);
    if (order && !(order->size == 6 && memcmp(order->data, "little", 6) == 0)) return wrong_endian(r);
    if (pickle->size > FC_PICKLE_MAX_SIZE)
        return fc_fail(r->err, FC_LIMIT, "the pickle has %zu bytes, no model's has more than %zu",
                       pickle->size, FC_PICKLE_MAX_SIZE);
    fc_status status = fc_pickle_read(pickle->data, pickle->size, &r->c->arena, &root, r->err);
    return status ? status : read_tree(r, root.value);
}

/* ---- the layout before PyTorch 1.6: five pickles (a number, a version, facts about the machine, the
 * tensors, the keys of the storages), then for every key the number of elements (8 bytes) and the elements
 * ---- */

static const uint8_t old_magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                    0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

static fc_status next_pickle(reader *r, bytes *rest, fc_pickle *out)
{
    fc_status status = fc_pickle_read(rest->data, rest->size, &r->c->arena, out, r->err);
    rest->data += out->size;
    rest->size -= out->size;
    return status;
}

static fc_status bad_storages(const reader *r)
{
    return fc_fail(r->err, FC_FORMAT,
                   "the data of the tensors end early or are described wrongly; download the file again");
}

/* Bytes of an element of the storage `key`; 0: no tensor needs it. */
static size_t element_of(const fc_pickle_storage *storages, const char *key)
{
    for (const fc_pickle_storage *s = storages; s; s = s->next)
        if (strcmp(s->key, key) == 0) return s->is_view ? 0 : fc_dtype_size(s->dtype);
    return 0;
}

static fc_status place_storages(reader *r, const fc_pickle_storage *storages, const fc_pickle_value *keys,
                                bytes rest)
{
    size_t count = keys->type == FC_PICKLE_LIST ? keys->u.list.count : 0;
    if (count == 0 || count > FC_ST_MAX_TENSORS) return bad_storages(r);
    r->old = fc_arena_array(&r->c->arena, count, sizeof *r->old);
    if (!r->old) return no_memory(r);
    for (size_t i = 0; i < count; i++) {
        const fc_pickle_value *key = keys->u.list.items[i];
        size_t element = key->type == FC_PICKLE_TEXT ? element_of(storages, key->u.text.data) : 0, size;
        if (element == 0 || rest.size < 8) return bad_storages(r);
        uint64_t elements = fc_le64(rest.data);
        if (elements > (rest.size - 8) / element) return bad_storages(r);
        size = (size_t)elements * element;
        r->old[i] = (bytes){rest.data + 8, size};
        rest.data += 8 + size;
        rest.size -= 8 + size;
        if (fc_strmap_put(&r->old_index, key->u.text.data, strlen(key->u.text.data), (uint32_t)i, NULL) !=
            FC_OK)
            return no_memory(r);
    }
    return FC_OK;
}

static bool big_endian(const fc_pickle_value *machine)
{
    for (size_t i = 0; machine->type == FC_PICKLE_DICT && i + 1 < machine->u.list.count; i += 2) {
        const fc_pickle_value *key = machine->u.list.items[i], *v = machine->u.list.items[i + 1];
        if (key->type == FC_PICKLE_TEXT && strcmp(key->u.text.data, "little_endian") == 0)
            return v->type == FC_PICKLE_BOOL && !v->u.integer;
    }
    return false;
}

static fc_status read_old(reader *r, const void *data, size_t size)
{
    fc_pickle version, machine, root, keys;
    bytes rest = {(const uint8_t *)data + sizeof old_magic, size - sizeof old_magic};
    fc_status status = next_pickle(r, &rest, &version);
    if (status != FC_OK) return status;
    status = next_pickle(r, &rest, &machine);
    if (status == FC_OK && big_endian(machine.value)) return wrong_endian(r);
    if (status != FC_OK) return status;
    status = next_pickle(r, &rest, &root);
    if (status != FC_OK) return status;
    status = next_pickle(r, &rest, &keys);
    if (status != FC_OK) return status;
    status = place_storages(r, root.storages, keys.value, rest);
    return status ? status : read_tree(r, root.value);
}

static bool is_old(const void *data, size_t size)
{
    return size >= sizeof old_magic && memcmp(data, old_magic, sizeof old_magic) == 0;
}

bool fc_ckpt_is(const void *head, size_t head_size)
{
    return fc_sniff_kind(head, head_size) == FC_KIND_ZIP || is_old(head, head_size);
}

bool fc_ckpt_is_file(const char *path)
{
    char head[16];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, head, sizeof head);
    close(fd);
    return n > 0 && fc_ckpt_is(head, (size_t)n);
}

fc_status fc_ckpt_parse(fc_ckpt *c, const void *data, size_t size, fc_err *err)
{
    fc_err own = {0};
    *c = (fc_ckpt){0};
    fc_file_kind kind = fc_sniff_kind(data, size < 512 ? size : 512);
    bool old = is_old(data, size);
    if (kind != FC_KIND_ZIP && !old)
        return fc_fail(err, kind == FC_KIND_UNKNOWN ? FC_FORMAT : FC_UNSUPPORTED,
                       "this is not a PyTorch checkpoint but %s; %s", fc_kind_name(kind),
                       fc_kind_advice(kind));
    fc_arena_init(&c->arena, MAX_MEMORY);
    fc_strmap_init(&c->index);
    reader r = {.c = c, .err = err ? err : &own};
    fc_strmap_init(&r.old_index);
    fc_status status = old ? FC_OK : fc_zip_open(&r.zip, data, size, &c->arena, r.err);
    if (status != FC_OK) goto out;
    status = old ? read_old(&r, data, size) : read_archive(&r);
out:
    fc_zip_close(&r.zip);
    fc_strmap_fini(&r.old_index);
    if (status != FC_OK) fc_ckpt_close(c);
    return status;
}

fc_status fc_ckpt_open(fc_ckpt *c, const char *path, fc_err *err)
{
    fc_err local = {0};
    fc_mapping map;
    if (!err) err = &local;
    *c = (fc_ckpt){0};
    fc_status status = fc_map_open(&map, path, err);
    if (status != FC_OK) return status;
    status = fc_ckpt_parse(c, map.data, map.size, err);
    if (status != FC_OK) {
        fc_map_close(&map);
        return fc_fail_prefix(err, "%s", path);
    }
    c->map = map;
    return FC_OK;
}

void fc_ckpt_close(fc_ckpt *c)
{
    fc_strmap_fini(&c->index);
    fc_arena_fini(&c->arena);
    fc_map_close(&c->map);
    for (size_t i = 0; i < c->copy_count; i++) fc_free(c->copies[i]);
    fc_free(c->copies);
    fc_free(c->tensors);
    *c = (fc_ckpt){0};
}

const fc_st_tensor *fc_ckpt_find(const fc_ckpt *c, const char *name)
{
    uint32_t i;
    return fc_strmap_get(&c->index, name, strlen(name), &i) ? &c->tensors[i] : NULL;
}
