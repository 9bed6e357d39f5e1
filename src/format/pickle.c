/* The stack machine: opcodes as in CPython's pickletools, protocols 2 to 5. */
#include "format/pickle.h"

#include <string.h>
#include "base/str.h"
#include "format/bytes.h"
#include "format/pickle_ops.h"

enum { SHOWN_NAME = 80, MAX_PROTOCOL = 5 };

typedef enum class_kind {
    MAKES_STORAGE, /* named in persistent ids, never called */
    MAKES_TENSOR,  /* (storage, offset, shape, stride, ...) */
    MAKES_TENSOR3, /* the same with the dtype as seventh */
    MAKES_FIRST,   /* gives back its first argument */
    MAKES_DICT,
    MAKES_OTHER, /* training leftovers: kept as OTHER */
    IS_DTYPE
} class_kind;

struct fc_pickle_class {
    const char *module, *name;
    class_kind kind;
    fc_dtype dtype;
};

static const fc_pickle_class classes[] = {
    {"torch", "FloatStorage", MAKES_STORAGE, FC_F32},
    {"torch", "HalfStorage", MAKES_STORAGE, FC_F16},
    {"torch", "BFloat16Storage", MAKES_STORAGE, FC_BF16},
    {"torch", "DoubleStorage", MAKES_STORAGE, FC_F64},
    {"torch", "LongStorage", MAKES_STORAGE, FC_I64},
    {"torch", "IntStorage", MAKES_STORAGE, FC_I32},
    {"torch", "ShortStorage", MAKES_STORAGE, FC_I16},
    {"torch", "CharStorage", MAKES_STORAGE, FC_I8},
    {"torch", "ByteStorage", MAKES_STORAGE, FC_U8},
    {"torch", "BoolStorage", MAKES_STORAGE, FC_BOOL},
    {"torch", "UntypedStorage", MAKES_STORAGE, FC_U8},
    {"torch.storage", "UntypedStorage", MAKES_STORAGE, FC_U8},
    {"torch._utils", "_rebuild_tensor", MAKES_TENSOR, FC_F32},
    {"torch._utils", "_rebuild_tensor_v2", MAKES_TENSOR, FC_F32},
    {"torch._utils", "_rebuild_tensor_v3", MAKES_TENSOR3, FC_F32},
    {"torch._utils", "_rebuild_parameter", MAKES_FIRST, FC_F32},
    {"torch", "Size", MAKES_FIRST, FC_F32},
    {"torch", "float8_e4m3fn", IS_DTYPE, FC_F8_E4M3},
    {"torch", "float8_e5m2", IS_DTYPE, FC_F8_E5M2},
    {"torch", "float16", IS_DTYPE, FC_F16},
    {"torch", "bfloat16", IS_DTYPE, FC_BF16},
    {"torch", "float32", IS_DTYPE, FC_F32},
    {"torch", "device", MAKES_OTHER, FC_F32},
    {"collections", "OrderedDict", MAKES_DICT, FC_F32},
    {"__builtin__", "dict", MAKES_DICT, FC_F32},
    {"builtins", "dict", MAKES_DICT, FC_F32},
    {"__builtin__", "set", MAKES_OTHER, FC_F32},
    {"builtins", "set", MAKES_OTHER, FC_F32},
    {"_codecs", "encode", MAKES_OTHER, FC_F32},
    {"numpy", "dtype", MAKES_OTHER, FC_F32},
    {"numpy.core.multiarray", "scalar", MAKES_OTHER, FC_F32},
    {"numpy._core.multiarray", "scalar", MAKES_OTHER, FC_F32},
    {"pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint", MAKES_OTHER, FC_F32},
};

typedef fc_pickle_value value;

static value none = {.type = FC_PICKLE_NONE}, other = {.type = FC_PICKLE_OTHER},
             truth[2] = {{.type = FC_PICKLE_BOOL}, {.type = FC_PICKLE_BOOL, .u.integer = 1}};

typedef struct machine {
    const uint8_t *begin, *at, *end;
    fc_arena *arena;
    fc_err *err;
    fc_status status; /* sticky */
    value **stack;
    size_t count, cap;
    size_t *marks;
    size_t mark_count, mark_cap;
    value **memo;
    size_t memo_size, memo_next;
    const fc_pickle_storage *storages;
} machine;

/* ---- trouble ---- */

static void broken(machine *m, const char *what)
{
    if (m->status == FC_OK)
        m->status = fc_fail(m->err, FC_FORMAT, "the pickle is broken at byte %zu: %s",
                            (size_t)(m->at - m->begin), what);
}

static bool have_memory(machine *m, const void *p)
{
    if (!p && m->status == FC_OK)
        m->status = fc_fail(m->err, m->arena->status == FC_LIMIT ? FC_LIMIT : FC_NOMEM,
                            "the pickle needs more memory than a model's would");
    return p != NULL;
}

/* ---- bytes ---- */

static const uint8_t *take(machine *m, uint64_t size)
{
    if (m->status != FC_OK) return NULL;
    if (size > (uint64_t)(m->end - m->at)) {
        broken(m, "it ends early");
        return NULL;
    }
    const uint8_t *p = m->at;
    m->at += size;
    return p;
}

/* A little-endian number of 1, 2, 4 or 8 bytes. */
static uint64_t take_number(machine *m, int size)
{
    const uint8_t *p = take(m, (uint64_t)size);
    uint64_t n = 0;
    for (int i = size - 1; p && i >= 0; i--) n = n << 8 | p[i];
    return n;
}

/* Up to a newline, which is taken too. */
static const char *take_line(machine *m, size_t *size)
{
    const uint8_t *start = m->at, *newline = memchr(start, '\n', (size_t)(m->end - start));
    if (!newline) {
        broken(m, "it ends early");
        return NULL;
    }
    m->at = newline + 1;
    *size = (size_t)(newline - start);
    return (const char *)start;
}

/* ---- the stack ---- */

/* Doubles an array of pointers or sizes; the old one stays in the arena. */
static void *grown(machine *m, const void *old, size_t count, size_t *cap, size_t item)
{
    size_t next = *cap ? 2 * *cap : 256;
    void *p = fc_arena_array(m->arena, next, item);
    if (!have_memory(m, p)) return NULL;
    if (count) memcpy(p, old, count * item);
    *cap = next;
    return p;
}

static void push(machine *m, value *v)
{
    if (m->status != FC_OK || !v) return;
    if (m->count == m->cap) {
        value **p = grown(m, m->stack, m->count, &m->cap, sizeof *p);
        if (!p) return;
        m->stack = p;
    }
    m->stack[m->count++] = v;
}

/* Never below the last mark. */
static size_t floor_of(const machine *m)
{
    return m->mark_count ? m->marks[m->mark_count - 1] : 0;
}

static value *pop(machine *m)
{
    if (m->status == FC_OK && m->count <= floor_of(m)) broken(m, "it takes from an empty stack");
    return m->status == FC_OK ? m->stack[--m->count] : &none;
}

static value *top(machine *m)
{
    if (m->status == FC_OK && m->count <= floor_of(m)) broken(m, "it takes from an empty stack");
    return m->status == FC_OK ? m->stack[m->count - 1] : &none;
}

static void push_mark(machine *m)
{
    if (m->mark_count == m->mark_cap) {
        size_t *p = grown(m, m->marks, m->mark_count, &m->mark_cap, sizeof *p);
        if (!p) return;
        m->marks = p;
    }
    m->marks[m->mark_count++] = m->count;
}

/* Removes the last mark; the items above it are [*first, count). */
static bool pop_mark(machine *m, size_t *first)
{
    if (m->status == FC_OK && m->mark_count == 0) broken(m, "a mark is missing");
    if (m->status != FC_OK) return false;
    *first = m->marks[--m->mark_count];
    return true;
}

static value *make(machine *m, fc_pickle_type type)
{
    if (m->status != FC_OK) return NULL;
    value *v = fc_arena_alloc(m->arena, sizeof *v);
    if (have_memory(m, v)) v->type = type;
    return v;
}

/* ---- making values ---- */

static void push_integer(machine *m, int64_t n)
{
    value *v = make(m, FC_PICKLE_INT);
    if (v) v->u.integer = n;
    push(m, v);
}

/* A two's complement number of any length; what does not fit in 64 bits is of no use here. */
static void push_long(machine *m, uint64_t size)
{
    const uint8_t *p = take(m, size);
    uint64_t n = 0;
    if (!p) return;
    if (size > 8) {
        push(m, &other);
        return;
    }
    for (uint64_t i = size; i-- > 0;) n = n << 8 | p[i];
    if (size > 0 && size < 8 && p[size - 1] & 0x80) n |= UINT64_MAX << (8 * size);
    push_integer(m, (int64_t)n);
}

static void push_float(machine *m)
{
    const uint8_t *p = take(m, 8);
    union {
        uint64_t u;
        double d;
    } bits;
    value *v = make(m, FC_PICKLE_FLOAT);
    if (!p || !v) return;
    bits.u = (uint64_t)fc_be32(p) << 32 | fc_be32(p + 4);
    v->u.number = bits.d;
    push(m, v);
}

static void push_text(machine *m, uint64_t size)
{
    const uint8_t *p = take(m, size);
    value *v = make(m, FC_PICKLE_TEXT);
    if (!p || !v) return;
    v->u.text.data = fc_arena_strndup(m->arena, (const char *)p, (size_t)size);
    v->u.text.size = (size_t)size;
    if (have_memory(m, v->u.text.data)) push(m, v);
}

static void append(machine *m, value *list, value *item)
{
    if (m->status != FC_OK) return;
    if (list->u.list.count == list->u.list.cap) {
        size_t cap = list->u.list.cap ? 2 * list->u.list.cap : 4;
        value **p = fc_arena_array(m->arena, cap, sizeof *p);
        if (!have_memory(m, p)) return;
        if (list->u.list.count) memcpy(p, list->u.list.items, list->u.list.count * sizeof *p);
        list->u.list.items = p;
        list->u.list.cap = cap;
    }
    list->u.list.items[list->u.list.count++] = item;
}

/* The items from `first` to the top become one tuple, list or dict. */
static void collect(machine *m, fc_pickle_type type, size_t first)
{
    value *v = make(m, type);
    if (!v) return;
    if (first > m->count || (type == FC_PICKLE_DICT && (m->count - first) % 2)) {
        broken(m, "a key has no value");
        return;
    }
    for (size_t i = first; i < m->count; i++) append(m, v, m->stack[i]);
    m->count = first;
    push(m, v);
}

static void collect_last(machine *m, size_t n)
{
    if (m->status != FC_OK) return;
    if (m->count - floor_of(m) < n)
        broken(m, "it takes from an empty stack");
    else
        collect(m, FC_PICKLE_TUPLE, m->count - n);
}

/* Items above the mark go into the container below it. */
static void extend(machine *m, fc_pickle_type type)
{
    size_t first;
    if (!pop_mark(m, &first)) return;
    if (first == 0 || first <= floor_of(m) || first > m->count) {
        broken(m, "it takes from an empty stack");
        return;
    }
    value *container = m->stack[first - 1];
    bool fits = container->type == type && !(type == FC_PICKLE_DICT && (m->count - first) % 2);
    if (!fits && container->type != FC_PICKLE_OTHER) broken(m, "items are put into something that has none");
    for (size_t i = first; fits && i < m->count; i++) append(m, container, m->stack[i]);
    if (m->status == FC_OK) m->count = first;
}

static void set_item(machine *m)
{
    value *v = pop(m), *key = pop(m), *dict = top(m);
    if (m->status != FC_OK || dict->type == FC_PICKLE_OTHER) return;
    if (dict->type != FC_PICKLE_DICT) {
        broken(m, "an item is put into something that has none");
        return;
    }
    append(m, dict, key);
    append(m, dict, v);
}

static void append_item(machine *m)
{
    value *v = pop(m), *list = top(m);
    if (m->status != FC_OK || list->type == FC_PICKLE_OTHER) return;
    if (list->type == FC_PICKLE_LIST)
        append(m, list, v);
    else
        broken(m, "an item is put into something that has none");
}

/* ---- memo ---- */

static void memo_put(machine *m, uint64_t index)
{
    value *v = top(m);
    if (m->status != FC_OK) return;
    if (index >= (uint64_t)(m->end - m->begin)) {
        broken(m, "a memo number is too large"); /* pickles count them up */
        return;
    }
    while (index >= m->memo_size) {
        value **p = grown(m, m->memo, m->memo_size, &m->memo_size, sizeof *p);
        if (!p) return;
        m->memo = p;
    }
    m->memo[index] = v;
}

static void memo_get(machine *m, uint64_t index)
{
    if (m->status == FC_OK && (index >= m->memo_size || !m->memo[index]))
        broken(m, "a memo number was never set");
    if (m->status == FC_OK) push(m, m->memo[index]);
}

/* ---- classes ---- */

static bool text_is(const char *text, size_t size, const char *want)
{
    return strlen(want) == size && memcmp(text, want, size) == 0;
}

static void push_class(machine *m, const char *module, size_t module_size, const char *name, size_t name_size)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (!text_is(module, module_size, classes[i].module) || !text_is(name, name_size, classes[i].name))
            continue;
        value *v = make(m, FC_PICKLE_CLASS);
        if (v) v->u.class = &classes[i];
        push(m, v);
        return;
    }
    if (m->status == FC_OK)
        m->status =
            fc_fail(m->err, FC_DENIED,
                    "the file wants to use %.*s.%.*s, which no model needs: it may be malicious, so nothing "
                    "of it was used; get the .safetensors version",
                    (int)(module_size < SHOWN_NAME ? module_size : SHOWN_NAME), module,
                    (int)(name_size < SHOWN_NAME ? name_size : SHOWN_NAME), name);
}

static void global(machine *m)
{
    size_t module_size, name_size;
    const char *module = take_line(m, &module_size);
    const char *name = module ? take_line(m, &name_size) : NULL;
    if (name) push_class(m, module, module_size, name, name_size);
}

static void stack_global(machine *m)
{
    value *name = pop(m), *module = pop(m);
    if (m->status != FC_OK) return;
    if (name->type != FC_PICKLE_TEXT || module->type != FC_PICKLE_TEXT)
        broken(m, "a class has no name");
    else
        push_class(m, module->u.text.data, module->u.text.size, name->u.text.data, name->u.text.size);
}

static const value *argument(const value *args, size_t i, fc_pickle_type type)
{
    return i < args->u.list.count && args->u.list.items[i]->type == type ? args->u.list.items[i] : NULL;
}

static bool read_sizes(const value *list, int64_t out[FC_PICKLE_MAX_DIMS])
{
    for (size_t i = 0; i < list->u.list.count; i++) {
        const value *v = argument(list, i, FC_PICKLE_INT);
        if (!v || v->u.integer < 0) return false;
        out[i] = v->u.integer;
    }
    return true;
}

/* (storage, offset, shape, stride, ...) */
static value *make_tensor(machine *m, const value *args, class_kind kind)
{
    const value *storage = argument(args, 0, FC_PICKLE_STORAGE), *offset = argument(args, 1, FC_PICKLE_INT);
    const value *shape = argument(args, 2, FC_PICKLE_TUPLE), *stride = argument(args, 3, FC_PICKLE_TUPLE);
    const value *dtype = kind == MAKES_TENSOR3 ? argument(args, 6, FC_PICKLE_CLASS) : NULL;
    bool good = storage && offset && offset->u.integer >= 0 && shape && stride &&
                shape->u.list.count == stride->u.list.count && shape->u.list.count <= FC_PICKLE_MAX_DIMS &&
                (kind == MAKES_TENSOR || (dtype && dtype->u.class->kind == IS_DTYPE));
    fc_pickle_tensor *t = fc_arena_alloc(m->arena, sizeof *t);
    if (!have_memory(m, t)) return NULL;
    if (!good || !read_sizes(shape, t->shape) || !read_sizes(stride, t->stride)) {
        broken(m, "a tensor is described wrongly");
        return NULL;
    }
    t->storage = storage->u.storage;
    t->dtype = dtype ? dtype->u.class->dtype : t->storage->dtype;
    t->offset = offset->u.integer;
    t->ndim = (int32_t)shape->u.list.count;
    value *v = make(m, FC_PICKLE_TENSOR);
    if (v) v->u.tensor = t;
    return v;
}

/* OrderedDict() or OrderedDict([(key, value), ...]) */
static value *make_dict(machine *m, const value *args)
{
    value *dict = make(m, FC_PICKLE_DICT);
    const value *pairs = argument(args, 0, FC_PICKLE_LIST);
    for (size_t i = 0; dict && pairs && i < pairs->u.list.count; i++) {
        const value *pair = pairs->u.list.items[i];
        bool good =
            (pair->type == FC_PICKLE_TUPLE || pair->type == FC_PICKLE_LIST) && pair->u.list.count == 2;
        if (!good) {
            broken(m, "a dictionary is described wrongly");
            return NULL;
        }
        append(m, dict, pair->u.list.items[0]);
        append(m, dict, pair->u.list.items[1]);
    }
    return dict;
}

/* What the call would give, written down; nothing is called. */
static void reduce(machine *m)
{
    value *args = pop(m), *callee = pop(m);
    if (m->status != FC_OK) return;
    if (args->type != FC_PICKLE_TUPLE || callee->type != FC_PICKLE_CLASS) {
        broken(m, "it calls something that is no class");
        return;
    }
    class_kind kind = callee->u.class->kind;
    switch (kind) {
    case MAKES_TENSOR:
    case MAKES_TENSOR3:
        push(m, make_tensor(m, args, kind));
        break;
    case MAKES_FIRST:
        push(m, args->u.list.count ? args->u.list.items[0] : &none);
        break;
    case MAKES_DICT:
        push(m, make_dict(m, args));
        break;
    case MAKES_OTHER:
        push(m, &other);
        break;
    case MAKES_STORAGE:
    case IS_DTYPE:
        broken(m, "it calls a storage");
        break;
    }
}

/* ("storage", class, key, location, count, ...) */
static void persistent(machine *m)
{
    const value *id = pop(m);
    if (m->status != FC_OK) return;
    bool tuple = id->type == FC_PICKLE_TUPLE;
    const value *word = tuple ? argument(id, 0, FC_PICKLE_TEXT) : NULL;
    const value *class = tuple ? argument(id, 1, FC_PICKLE_CLASS) : NULL;
    const value *key = tuple ? argument(id, 2, FC_PICKLE_TEXT) : NULL;
    const value *count = tuple ? argument(id, 4, FC_PICKLE_INT) : NULL;
    bool good = word && strcmp(word->u.text.data, "storage") == 0 && class && key && count &&
                count->u.integer >= 0 && class->u.class->kind == MAKES_STORAGE;
    if (!good) {
        broken(m, "a storage is described wrongly");
        return;
    }
    fc_pickle_storage *s = fc_arena_alloc(m->arena, sizeof *s);
    value *v = make(m, FC_PICKLE_STORAGE);
    if (!have_memory(m, s) || !v) return;
    bool whole = id->u.list.count < 6 || id->u.list.items[5]->type == FC_PICKLE_NONE;
    *s = (fc_pickle_storage){.key = key->u.text.data,
                             .dtype = class->u.class->dtype,
                             .count = (uint64_t)count->u.integer,
                             .is_view = !whole,
                             .next = m->storages};
    m->storages = s;
    v->u.storage = s;
    push(m, v);
}

/* ---- opcodes ---- */

static void refuse_opcode(machine *m, uint8_t op)
{
    m->at--;
    if (m->status == FC_OK)
        m->status = fc_fail(
            m->err, FC_DENIED,
            "the pickle has the opcode 0x%02x at byte %zu, which no model needs: it may be malicious, "
            "so nothing of it was used; get the .safetensors version",
            op, (size_t)(m->at - m->begin));
}

static void drop_to_mark(machine *m)
{
    size_t first;
    if (pop_mark(m, &first)) m->count = first;
}

static void collect_marked(machine *m, fc_pickle_type type)
{
    size_t first;
    if (pop_mark(m, &first)) collect(m, type, first);
}

/* Constants, numbers and texts; false: another kind of opcode. */
static bool step_value(machine *m, uint8_t op)
{
    switch (op) {
    case OP_NONE:
        push(m, &none);
        return true;
    case OP_NEWTRUE:
        push(m, &truth[1]);
        return true;
    case OP_NEWFALSE:
        push(m, &truth[0]);
        return true;
    case OP_BININT1:
        push_integer(m, (int64_t)take_number(m, 1));
        return true;
    case OP_BININT2:
        push_integer(m, (int64_t)take_number(m, 2));
        return true;
    case OP_BININT:
        push_integer(m, (int32_t)(uint32_t)take_number(m, 4));
        return true;
    case OP_LONG1:
        push_long(m, take_number(m, 1));
        return true;
    case OP_LONG4:
        push_long(m, take_number(m, 4));
        return true;
    case OP_BINFLOAT:
        push_float(m);
        return true;
    case OP_SHORT_BINUNICODE:
    case OP_SHORT_BINSTRING:
    case OP_SHORT_BINBYTES:
        push_text(m, take_number(m, 1));
        return true;
    case OP_BINUNICODE:
    case OP_BINSTRING:
    case OP_BINBYTES:
        push_text(m, take_number(m, 4));
        return true;
    case OP_BINUNICODE8:
    case OP_BINBYTES8:
        push_text(m, take_number(m, 8));
        return true;
    default:
        return false;
    }
}

/* Containers and the stack itself. */
static bool step_container(machine *m, uint8_t op)
{
    switch (op) {
    case OP_EMPTY_DICT:
        push(m, make(m, FC_PICKLE_DICT));
        return true;
    case OP_EMPTY_LIST:
        push(m, make(m, FC_PICKLE_LIST));
        return true;
    case OP_EMPTY_TUPLE:
        push(m, make(m, FC_PICKLE_TUPLE));
        return true;
    case OP_EMPTY_SET:
        push(m, make(m, FC_PICKLE_LIST));
        return true; /* a set; order does not matter here */
    case OP_MARK:
        push_mark(m);
        return true;
    case OP_POP:
        (void)pop(m);
        return true;
    case OP_POP_MARK:
        drop_to_mark(m);
        return true;
    case OP_DUP:
        push(m, top(m));
        return true;
    case OP_TUPLE:
        collect_marked(m, FC_PICKLE_TUPLE);
        return true;
    case OP_LIST:
        collect_marked(m, FC_PICKLE_LIST);
        return true;
    case OP_DICT:
        collect_marked(m, FC_PICKLE_DICT);
        return true;
    case OP_FROZENSET:
        collect_marked(m, FC_PICKLE_LIST);
        return true;
    case OP_TUPLE1:
        collect_last(m, 1);
        return true;
    case OP_TUPLE2:
        collect_last(m, 2);
        return true;
    case OP_TUPLE3:
        collect_last(m, 3);
        return true;
    case OP_SETITEM:
        set_item(m);
        return true;
    case OP_APPEND:
        append_item(m);
        return true;
    case OP_SETITEMS:
        extend(m, FC_PICKLE_DICT);
        return true;
    case OP_APPENDS:
    case OP_ADDITEMS:
        extend(m, FC_PICKLE_LIST);
        return true;
    default:
        return false;
    }
}

static void step(machine *m, uint8_t op)
{
    if (step_value(m, op) || step_container(m, op)) return;
    switch (op) {
    case OP_PROTO:
        if (take_number(m, 1) > MAX_PROTOCOL) broken(m, "its protocol is too new");
        break;
    case OP_FRAME:
        (void)take_number(m, 8);
        break; /* a frame: its length is of no use when all bytes are here */
    case OP_BINPUT:
        memo_put(m, take_number(m, 1));
        break;
    case OP_LONG_BINPUT:
        memo_put(m, take_number(m, 4));
        break;
    case OP_MEMOIZE:
        memo_put(m, m->memo_next++);
        break;
    case OP_BINGET:
        memo_get(m, take_number(m, 1));
        break;
    case OP_LONG_BINGET:
        memo_get(m, take_number(m, 4));
        break;
    case OP_GLOBAL:
        global(m);
        break;
    case OP_STACK_GLOBAL:
        stack_global(m);
        break;
    case OP_REDUCE:
    case OP_NEWOBJ:
        reduce(m);
        break; /* a call, and the making of an object */
    case OP_BUILD:
        (void)pop(m);
        break; /* the state of an object: of no use */
    case OP_BINPERSID:
        persistent(m);
        break;
    default:
        refuse_opcode(m, op);
    }
}

fc_status fc_pickle_read(const void *data, size_t size, fc_arena *arena, fc_pickle *out, fc_err *err)
{
    size_t seen = size < FC_PICKLE_MAX_SIZE ? size : FC_PICKLE_MAX_SIZE;
    machine m = {.begin = data, .at = data, .end = (const uint8_t *)data + seen, .arena = arena, .err = err};
    *out = (fc_pickle){0};
    while (m.status == FC_OK) {
        const uint8_t *op = take(&m, 1);
        if (op && *op == '.') break;
        if (op) step(&m, *op);
    }
    const value *v = pop(&m);
    if (m.status == FC_OK && (m.count || m.mark_count)) broken(&m, "something is left over");
    if (m.status == FC_OK) *out = (fc_pickle){.value = v, .storages = m.storages};
    out->size = (size_t)(m.at - m.begin);
    return m.status;
}
