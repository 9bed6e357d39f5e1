/* See help.h. */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>
#include "app/settings/params.h"
#include "base/status.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/tty.h"

enum { LEFT_WIDTH = 26, MIN_WIDTH = 60, MAX_WIDTH = 100 };

/* One flag, from whichever table. */
typedef struct entry {
    const char *flag, *value;
    char short_flag;
    bool is_bool;
    fc_buf text; /* help, choices, default */
} entry;

typedef struct printer {
    fc_buf *out;
    int width;
    void (*group)(struct printer *p, const char *title);
    void (*flag)(struct printer *p, const entry *e);
} printer;

static void describe(const fc_param *p, fc_buf *out)
{
    fc_buf extra;
    fc_buf_init(&extra, 4096);
    fc_buf_puts(out, p->help);
    if (p->kind == FC_KIND_ENUM || p->kind == FC_KIND_INT || p->kind == FC_KIND_NUM) {
        fc_param_describe_values(p, &extra);
        fc_buf_printf(out, " %s: %s.", p->kind == FC_KIND_ENUM ? "One of" : "Range", fc_buf_cstr(&extra));
    }
    fc_buf_reset(&extra);
    fc_param_describe_default(p, &extra);
    if (extra.len) fc_buf_printf(out, " Default: %s.", fc_buf_cstr(&extra));
    if (p->marks & FC_MARK_V25) fc_buf_puts(out, " Recipe 2.5 only.");
    fc_buf_fini(&extra);
}

static void print_param(printer *pr, const fc_param *p)
{
    entry e = {p->flag, p->value, p->short_flag, p->kind == FC_KIND_BOOL, {0}};
    if (!p->flag) return;
    fc_buf_init(&e.text, 8192);
    describe(p, &e.text);
    pr->flag(pr, &e);
    fc_buf_fini(&e.text);
}

static void print_plain(printer *pr, const char *flag, const char *value, char short_flag, const char *help)
{
    entry e = {flag, value, short_flag, false, {0}};
    fc_buf_init(&e.text, 8192);
    fc_buf_puts(&e.text, help);
    pr->flag(pr, &e);
    fc_buf_fini(&e.text);
}

static void print_composite(printer *pr, const fc_composite *c)
{
    fc_buf text;
    fc_buf_init(&text, 8192);
    fc_buf_puts(&text, c->help);
    fc_buf_puts(&text, " Default: ");
    fc_composite_describe_default(c, &text);
    fc_buf_putc(&text, '.');
    print_plain(pr, c->flag, c->value, 0, fc_buf_cstr(&text));
    fc_buf_fini(&text);
}

static void print_group(printer *pr, fc_param_group group)
{
    pr->group(pr, fc_param_group_title(group));
    for (int i = 0; i < FC_PARAM_COUNT; i++)
        if (fc_param_table[i].group == group) print_param(pr, &fc_param_table[i]);
    for (size_t i = 0; i < fc_composite_count; i++) {
        const fc_composite *c = &fc_composite_table[i];
        if (c->group == group) print_composite(pr, c);
    }
}

static void print_flags(printer *pr, bool all)
{
    for (int g = 0; g < FC_GROUP_COUNT; g++)
        if (all || g < FC_GROUP_ADVANCED) print_group(pr, (fc_param_group)g);
    pr->group(pr, "Program");
    const cli_option_row *o;
    for (int i = 0; (o = cli_option_at(i)); i++) print_plain(pr, o->flag, o->value, o->short_flag, o->help);
}

/* The flags of a command's own table, and those of the engine. */
static void print_table(printer *pr, const char *title, const cli_option_row *(*at)(int index))
{
    const cli_option_row *o;
    pr->group(pr, title);
    for (int i = 0; (o = at(i)); i++) print_plain(pr, o->flag, o->value, o->short_flag, o->help);
    pr->group(pr, "Engine");
    for (int i = 0; (o = cli_option_at(i)); i++)
        if (cli_engine_option_is(o->flag, strlen(o->flag)))
            print_plain(pr, o->flag, o->value, o->short_flag, o->help);
}

static void print_small_flags(printer *pr, const char *command)
{
    const cli_option_row *o;
    for (int i = 0; (o = small_option_at(command, i)); i++)
        print_plain(pr, o->flag, o->value, o->short_flag, o->help);
}

/* ---- for terminals ---- */

static void spaces(fc_buf *out, int count)
{
    for (int i = 0; i < count; i++) fc_buf_putc(out, ' ');
}

/* Words of text from column `left` on, broken before `width`. */
static void wrap(fc_buf *out, const char *text, int left, int width)
{
    int column = left;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column > left && column + 1 + n > width) {
            fc_buf_putc(out, '\n');
            spaces(out, left);
            column = left;
        } else if (column > left) {
            fc_buf_putc(out, ' ');
            column++;
        }
        fc_buf_append(out, text, (size_t)n);
        column += n;
        text += n;
        while (*text == ' ') text++;
    }
    fc_buf_putc(out, '\n');
}

static void terminal_group(printer *p, const char *title)
{
    fc_buf_printf(p->out, "\n%s:\n", title);
}

static void terminal_flag(printer *p, const entry *e)
{
    char left[80], letter[8] = "    ";
    if (e->short_flag) snprintf(letter, sizeof letter, "-%c, ", e->short_flag);
    int n = snprintf(left, sizeof left, "  %s--%s%s%s%s", letter, e->is_bool ? "[no-]" : "", e->flag,
                     e->value ? " " : "", e->value ? e->value : "");
    fc_buf_puts(p->out, left);
    if (n >= LEFT_WIDTH - 1) {
        fc_buf_putc(p->out, '\n');
        n = 0;
    }
    spaces(p->out, LEFT_WIDTH - n);
    wrap(p->out, fc_buf_cstr(&e->text), LEFT_WIDTH, p->width);
}

static int terminal_width(int width)
{
    return width < MIN_WIDTH ? MIN_WIDTH : width > MAX_WIDTH ? MAX_WIDTH : width;
}

void cli_help_generate(bool all, int width, fc_buf *out)
{
    printer p = {out, terminal_width(width), terminal_group, terminal_flag};
    fc_buf_puts(out, "usage: fooocus generate \"PROMPT\" [--model FILE] [flags]\n\n"
                     "Makes pictures from a sentence and prints their file names.\n");
    print_flags(&p, all);
    if (!all)
        fc_buf_puts(
            out, "\nfooocus generate --help all shows every flag: steps, cfg, sampler, recipe and more.\n");
}

void cli_help_serve(int width, fc_buf *out)
{
    printer p = {out, terminal_width(width), terminal_group, terminal_flag};
    fc_buf_puts(out,
                "usage: fooocus serve [flags]\n\nServes the web page and the API, and works on the queue.\n");
    print_table(&p, "Server", cli_serve_option_at);
}

void cli_help_worker(int width, fc_buf *out)
{
    printer p = {out, terminal_width(width), terminal_group, terminal_flag};
    fc_buf_puts(out,
                "usage: fooocus worker --library postgresql://user@host/database --outputs DIR [flags]\n\n"
                "Draws jobs of a queue that several machines share, until a signal comes.\n");
    print_table(&p, "Worker", cli_worker_option_at);
}

void cli_help_bench(int width, fc_buf *out)
{
    printer p = {out, terminal_width(width), terminal_group, terminal_flag};
    fc_buf_puts(out, "usage: fooocus bench [ops] [step] [text] [vae] [load] [e2e] [flags]\n\n"
                     "Measures what a model costs on this machine; without a part all but e2e.\n\n"
                     "  ops   every operation at the model's shapes, as a share of the machine's peak\n"
                     "  step  one guided step, split by kind of operation and by block\n"
                     "  text  both text encoders, a prompt and a negative one\n"
                     "  vae   the decoder: in one piece, in strips, the small one\n"
                     "  load  opening the file and preparing its weights\n"
                     "  e2e   a whole picture\n");
    print_table(&p, "Bench", cli_bench_option_at);
}

static void help_small(const char *command, int width, fc_buf *out)
{
    const cli_command *c;
    printer p = {out, terminal_width(width), terminal_group, terminal_flag};
    for (int i = 0; (c = cli_command_at(i)); i++)
        if (strcmp(c->name, command) == 0)
            fc_buf_printf(out, "usage: fooocus %s\n\n%s\n\n%s\n", c->usage, c->summary, c->details);
    print_small_flags(&p, command);
}

int cli_print_help(const char *command)
{
    fc_buf text;
    fc_buf_init(&text, 1 << 20);
    help_small(command, tty_width(), &text);
    int failed = fputs(fc_buf_cstr(&text), stdout) < 0;
    fc_buf_fini(&text);
    return failed;
}

void cli_help_main(fc_buf *out)
{
    const cli_command *c;
    fc_buf_printf(out, "fooocus %s: pictures from a sentence, with SDXL models\n\n", fc_version());
    fc_buf_puts(out, "usage: fooocus COMMAND [arguments]\n\n");
    for (int i = 0; (c = cli_command_at(i)); i++) fc_buf_printf(out, "  %-10s %s\n", c->name, c->summary);
    fc_buf_puts(out, "\nfooocus COMMAND --help says more. fooocus --version prints the version.\n");
}

/* ---- for man(1) ---- */

/* '\' and leading '.' and ''' mean something to roff; '-' must not become a hyphen. */
static void roff(fc_buf *out, const char *text)
{
    for (const char *s = text; *s; s++) {
        if ((*s == '.' || *s == '\'') && s == text) fc_buf_puts(out, "\\&");
        if (*s == '\\')
            fc_buf_puts(out, "\\e");
        else if (*s == '-')
            fc_buf_puts(out, "\\-");
        else
            fc_buf_putc(out, *s);
    }
}

static void man_group(printer *p, const char *title)
{
    fc_buf_printf(p->out, ".SS %s\n", title);
}

static void man_flag(printer *p, const entry *e)
{
    fc_buf_puts(p->out, ".TP\n");
    if (e->short_flag) fc_buf_printf(p->out, "\\fB\\-%c\\fR, ", e->short_flag);
    fc_buf_puts(p->out, "\\fB\\-\\-");
    if (e->is_bool) fc_buf_puts(p->out, "[no\\-]");
    roff(p->out, e->flag);
    fc_buf_puts(p->out, "\\fR");
    if (e->value) {
        fc_buf_puts(p->out, " \\fI");
        roff(p->out, e->value);
        fc_buf_puts(p->out, "\\fR");
    }
    fc_buf_putc(p->out, '\n');
    roff(p->out, fc_buf_cstr(&e->text));
    fc_buf_putc(p->out, '\n');
}

static void man_commands(fc_buf *out)
{
    const cli_command *c;
    for (int i = 0; (c = cli_command_at(i)); i++) {
        fc_buf_puts(out, ".TP\n\\fBfooocus ");
        roff(out, c->usage);
        fc_buf_puts(out, "\\fR\n");
        roff(out, c->summary);
        fc_buf_putc(out, '\n');
        if (!c->details) continue;
        fc_buf_puts(out, ".RS\n.nf\n");
        roff(out, c->details);
        fc_buf_puts(out, ".fi\n.RE\n");
    }
}

static void man_small_commands(printer *p)
{
    const cli_command *c;
    for (int i = 0; (c = cli_command_at(i)); i++) {
        if (!small_option_at(c->name, 0)) continue;
        p->group(p, c->name);
        print_small_flags(p, c->name);
    }
}

/* What no table has. '-' must not become a hyphen where it may be copied. */
static const char man_description[] =
    ".SH DESCRIPTION\n"
    "Makes pictures from a sentence with Stable Diffusion XL models, on this machine.\n"
    "The network serves to fetch models only.\n"
    "Standard output has nothing but the names of the finished pictures, or with \\-\\-json one JSON object "
    "a line;\nprogress, warnings and errors go to standard error.\n"
    "Ctrl\\-C stops at once and keeps the pictures that are finished; a second one ends the program.\n";

static const char man_examples[] = ".SH EXAMPLES\n"
                                   ".TP\nfooocus generate \"a fox in the snow\"\n"
                                   "One picture in outputs/; the program decides the rest.\n"
                                   ".TP\nfooocus generate \"a fox\" \\-\\-count 4 \\-\\-seed 7 \\-o foxes/\n"
                                   "Four pictures in one folder. The same seed gives the same pictures.\n"
                                   ".TP\nfooocus doctor model.safetensors\n"
                                   "What kind of model a file is, and what is missing in it.\n";

static const char man_files[] =
    ".SH FILES\n"
    ".TP\nmodels/checkpoints, models/loras, models/vae\nModel files that flags may name without a folder.\n"
    ".TP\noutputs/DATE\nThe pictures, and log.html that shows them with their settings.\n"
    ".TP\nconfig.txt\nDefaults of your own.\n";

static const char man_environment[] =
    ".SH ENVIRONMENT\n"
    ".TP\nFOOOCUS_HOME\nThe folder that holds models/ and outputs/, unless \\-\\-home names one.\n"
    ".TP\nHF_TOKEN\nAccess token for models that ask for one; sent to huggingface.co alone.\n"
    ".TP\nHF_MIRROR\nThe address to fetch from instead of https://huggingface.co.\n"
    ".TP\nhttp_proxy, https_proxy, no_proxy\nProxies for downloads.\n"
    ".TP\nFC_BACKEND\nWhat computes, unless \\-\\-backend names it.\n"
    ".TP\nFC_LOG\nerror, warn, info or debug: diagnostics on standard error.\n";

/* In the order of the numbers; the table has the order of the enum. */
static void man_exit_codes(fc_buf *out)
{
    static const fc_status all[] = {
#define X(name, text) FC_##name,
        FC_STATUS_TABLE(X)
#undef X
    };
    fc_buf_puts(out, ".SH EXIT STATUS\n");
    for (int code = 0; code < 256; code++)
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            if (fc_status_exit_code(all[i]) == code)
                fc_buf_printf(out, ".TP\n%d\n%s\n", code, fc_status_text(all[i]));
}

void cli_help_man(fc_buf *out)
{
    printer p = {out, 0, man_group, man_flag};
    fc_buf_printf(out, ".TH FOOOCUS 1 \"\" \"fooocus %s\"\n", fc_version());
    fc_buf_puts(out, ".SH NAME\nfooocus \\- pictures from a sentence, with SDXL models\n.SH SYNOPSIS\n"
                     ".B fooocus\n\\fICOMMAND\\fR [\\fIarguments\\fR]\n");
    fc_buf_puts(out, man_description);
    fc_buf_puts(out, ".SH COMMANDS\n");
    man_commands(out);
    fc_buf_puts(out, ".SH FLAGS OF GENERATE\n");
    print_flags(&p, true);
    fc_buf_puts(out, ".SH FLAGS OF SERVE\n");
    print_table(&p, "Server", cli_serve_option_at);
    fc_buf_puts(out, ".SH FLAGS OF WORKER\n");
    print_table(&p, "Worker", cli_worker_option_at);
    fc_buf_puts(out, ".SH FLAGS OF BENCH\n");
    print_table(&p, "Bench", cli_bench_option_at);
    fc_buf_puts(out, ".SH FLAGS OF OTHER COMMANDS\n");
    man_small_commands(&p);
    fc_buf_puts(out, man_examples);
    fc_buf_puts(out, man_files);
    fc_buf_puts(out, man_environment);
    man_exit_codes(out);
}
