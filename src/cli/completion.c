/* See completion.h. Everything is written into the scripts, so that a key press starts no program. */
#include "cli/completion.h"

#include <stdio.h>
#include <string.h>
#include "app/settings/config.h"
#include "app/settings/params.h"
#include "base/str.h"
#include "cli/args.h"
#include "cli/cli.h"

typedef enum value_kind { VALUE_NONE, VALUE_ANY, VALUE_FILE, VALUE_DIR, VALUE_CHOICE } value_kind;

/* One flag of a command, whichever table it is from. */
typedef struct flag {
    const char *name, *help, *choices; /* choices: words with blanks between */
    char letter;
    value_kind value;
} flag;

typedef struct writer {
    fc_buf *out;
    const cli_command *command;
    const char *presets;
    void (*put)(struct writer *w, const flag *f);
} writer;

/* ---- the tables ---- */

static value_kind kind_of(const char *value)
{
    static const char *const files[] = {"FILE", "FILE|DIR", "FILE:W", "PICTURE", "CERT,KEY"};
    if (!value) return VALUE_NONE;
    if (strcmp(value, "DIR") == 0) return VALUE_DIR;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(value, files[i]) == 0) return VALUE_FILE;
    return VALUE_ANY;
}

static void put_plain(writer *w, const char *name, const char *value, char letter, const char *help)
{
    flag f = {.name = name, .help = help, .letter = letter, .value = kind_of(value)};
    if (strcmp(name, "preset") == 0) f.choices = w->presets;
    if (strcmp(name, "precision") == 0) f.choices = "auto f32 bf16";
    if (strcmp(name, "memory") == 0) f.choices = "auto fast low";
    if (strcmp(name, "weights") == 0) f.choices = "full int8";
    if (f.choices) f.value = VALUE_CHOICE;
    w->put(w, &f);
}

/* Whether all are words that no shell takes apart. */
static bool join_choices(fc_choice_fn choice, fc_buf *out)
{
    for (size_t i = 0; choice(i); i++) {
        if (strpbrk(choice(i), " '\"()\\")) return false;
        fc_buf_printf(out, "%s%s", i ? " " : "", choice(i));
    }
    return true;
}

static void put_param(writer *w, const fc_param *p)
{
    char no[80];
    fc_buf choices;
    if (!p->flag) return;
    fc_buf_init(&choices, 8192);
    flag f = {.name = p->flag, .help = p->help, .letter = p->short_flag, .value = kind_of(p->value)};
    if (p->kind == FC_KIND_BOOL) f.value = VALUE_NONE;
    if (p->choice && join_choices(p->choice, &choices)) {
        f.value = VALUE_CHOICE;
        f.choices = fc_buf_cstr(&choices);
    }
    w->put(w, &f);
    if (p->kind == FC_KIND_BOOL) {
        snprintf(no, sizeof no, "no-%s", p->flag);
        w->put(w, &(flag){.name = no, .help = p->help});
    }
    fc_buf_fini(&choices);
}

static void put_generate(writer *w)
{
    const cli_option_row *o;
    for (int i = 0; i < FC_PARAM_COUNT; i++) put_param(w, &fc_param_table[i]);
    for (size_t i = 0; i < fc_composite_count; i++)
        put_plain(w, fc_composite_table[i].flag, fc_composite_table[i].value, 0, fc_composite_table[i].help);
    for (int i = 0; (o = cli_option_at(i)); i++) put_plain(w, o->flag, o->value, o->short_flag, o->help);
}

/* A command with the flags of the engine besides. */
static void put_table(writer *w, const cli_option_row *(*at)(int index))
{
    const cli_option_row *o;
    for (int i = 0; (o = at(i)); i++) put_plain(w, o->flag, o->value, o->short_flag, o->help);
    for (int i = 0; (o = cli_option_at(i)); i++)
        if (cli_engine_option_is(o->flag, strlen(o->flag)))
            put_plain(w, o->flag, o->value, o->short_flag, o->help);
}

static void put_flags(writer *w)
{
    const cli_option_row *o;
    if (strcmp(w->command->name, "generate") == 0) put_generate(w);
    if (strcmp(w->command->name, "serve") == 0) put_table(w, cli_serve_option_at);
    if (strcmp(w->command->name, "worker") == 0) put_table(w, cli_worker_option_at);
    if (strcmp(w->command->name, "bench") == 0) put_table(w, cli_bench_option_at);
    if (strcmp(w->command->name, "auth") == 0) put_plain(w, "file", "FILE", 0, "The file of users.");
    for (int i = 0; (o = small_option_at(w->command->name, i)); i++)
        put_plain(w, o->flag, o->value, o->short_flag, o->help);
}

static void each_command(writer *w, void (*fn)(writer *w))
{
    for (int i = 0; (w->command = cli_command_at(i)); i++) fn(w);
}

/* ---- bash ---- */

static void bash_name(writer *w, const flag *f)
{
    fc_buf_printf(w->out, "--%s ", f->name);
}

static void bash_value(writer *w, const flag *f)
{
    if (f->value == VALUE_NONE) return;
    fc_buf_printf(w->out, "        %s:--%s", w->command->name, f->name);
    if (f->letter) fc_buf_printf(w->out, "|%s:-%c", w->command->name, f->letter);
    if (f->value == VALUE_CHOICE)
        fc_buf_printf(w->out, ") COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", f->choices);
    else if (f->value == VALUE_DIR)
        fc_buf_puts(w->out, ") compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n");
    else if (f->value == VALUE_FILE)
        fc_buf_puts(w->out, ") compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
    else
        fc_buf_puts(w->out, ") return ;;\n");
}

static void bash_command(writer *w)
{
    const char *actions = w->command->actions ? w->command->actions : "";
    fc_buf_printf(w->out, "        %s) words='%s'; flags='", w->command->name, actions);
    w->put = bash_name;
    put_flags(w);
    fc_buf_puts(w->out, "' ;;\n");
}

static void bash_values(writer *w)
{
    w->put = bash_value;
    put_flags(w);
}

static void bash(writer *w)
{
    const cli_command *c;
    fc_buf_puts(w->out, "# bash completion of fooocus; made by: fooocus --completion bash\n"
                        "_fooocus()\n{\n"
                        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}"
                        " command=${COMP_WORDS[1]} words= flags=\n"
                        "    COMPREPLY=()\n"
                        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                        "        COMPREPLY=($(compgen -W '");
    for (int i = 0; (c = cli_command_at(i)); i++) fc_buf_printf(w->out, "%s ", c->name);
    fc_buf_puts(w->out, "--help --version' -- \"$cur\"))\n        return\n    fi\n"
                        "    case $command:$prev in\n");
    each_command(w, bash_values);
    fc_buf_puts(w->out, "    esac\n    case $command in\n");
    each_command(w, bash_command);
    fc_buf_puts(w->out, "    esac\n"
                        "    if [[ $cur == -* ]]; then\n"
                        "        COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n"
                        "    elif [ -n \"$words\" ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
                        "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                        "    elif [ \"$command\" = doctor ] || [ \"$command\" = models ]; then\n"
                        "        compopt -o filenames\n"
                        "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                        "    fi\n}\n"
                        "complete -F _fooocus fooocus\n");
}

/* ---- zsh ---- */

/* Inside '...' and inside the brackets of _arguments. */
static void zsh_text(fc_buf *out, const char *text)
{
    for (const char *s = text; *s && *s != '\n'; s++) {
        if (*s == '\'')
            fc_buf_puts(out, "'\\''");
        else if (strchr("[]:\\", *s))
            fc_buf_printf(out, "\\%c", *s);
        else
            fc_buf_putc(out, *s);
    }
}

static void zsh_flag(writer *w, const flag *f)
{
    fc_buf_puts(w->out, "            '--");
    fc_buf_printf(w->out, f->value == VALUE_NONE ? "%s[" : "%s=[", f->name);
    zsh_text(w->out, f->help);
    fc_buf_putc(w->out, ']');
    if (f->value == VALUE_CHOICE) fc_buf_printf(w->out, ":value:(%s)", f->choices);
    if (f->value == VALUE_FILE) fc_buf_puts(w->out, ":file:_files");
    if (f->value == VALUE_DIR) fc_buf_puts(w->out, ":folder:_files -/");
    if (f->value == VALUE_ANY) fc_buf_puts(w->out, ":value: ");
    fc_buf_puts(w->out, "' \\\n");
}

static void zsh_command(writer *w)
{
    fc_buf_printf(w->out, "    %s)\n        _arguments \\\n", w->command->name);
    w->put = zsh_flag;
    put_flags(w);
    if (w->command->actions) fc_buf_printf(w->out, "            '1:action:(%s)' \\\n", w->command->actions);
    fc_buf_puts(w->out, "            '*:file:_files'\n        ;;\n");
}

static void zsh(writer *w)
{
    const cli_command *c;
    fc_buf_puts(w->out, "#compdef fooocus\n# made by: fooocus --completion zsh\n"
                        "local -a commands\ncommands=(\n");
    for (int i = 0; (c = cli_command_at(i)); i++) {
        fc_buf_printf(w->out, "    '%s:", c->name);
        zsh_text(w->out, c->summary);
        fc_buf_puts(w->out, "'\n");
    }
    fc_buf_puts(w->out, ")\nif (( CURRENT == 2 )); then\n    _describe command commands\n    return\nfi\n"
                        "shift words\n(( CURRENT-- ))\ncase $words[1] in\n");
    each_command(w, zsh_command);
    fc_buf_puts(w->out, "esac\n");
}

/* ---- fish ---- */

static void fish_text(fc_buf *out, const char *text)
{
    for (const char *s = text; *s && *s != '\n'; s++) {
        if (*s == '\'' || *s == '\\') fc_buf_putc(out, '\\');
        fc_buf_putc(out, *s);
    }
}

static void fish_flag(writer *w, const flag *f)
{
    fc_buf_printf(w->out, "complete -c fooocus -n '__fish_seen_subcommand_from %s' -l %s", w->command->name,
                  f->name);
    if (f->letter) fc_buf_printf(w->out, " -s %c", f->letter);
    if (f->value == VALUE_CHOICE) fc_buf_printf(w->out, " -x -a '%s'", f->choices);
    if (f->value == VALUE_FILE) fc_buf_puts(w->out, " -r -F");
    if (f->value == VALUE_DIR) fc_buf_puts(w->out, " -x -a '(__fish_complete_directories)'");
    if (f->value == VALUE_ANY) fc_buf_puts(w->out, " -x");
    fc_buf_puts(w->out, " -d '");
    fish_text(w->out, f->help);
    fc_buf_puts(w->out, "'\n");
}

static void fish_command(writer *w)
{
    fc_buf_printf(w->out, "complete -c fooocus -n __fish_use_subcommand -f -a %s -d '", w->command->name);
    fish_text(w->out, w->command->summary);
    fc_buf_puts(w->out, "'\n");
    if (w->command->actions)
        fc_buf_printf(w->out, "complete -c fooocus -n '__fish_seen_subcommand_from %s' -f -a '%s'\n",
                      w->command->name, w->command->actions);
    w->put = fish_flag;
    put_flags(w);
}

static void fish(writer *w)
{
    fc_buf_puts(w->out, "# made by: fooocus --completion fish\n");
    each_command(w, fish_command);
}

/* ---- one of them ---- */

/* Only built-in presets: their names are plain words, and the script is for everybody. */
static void list_presets(fc_buf *out)
{
    fc_arena arena;
    fc_lines names;
    fc_arena_init(&arena, 1 << 20);
    fc_lines_init(&names, &arena);
    if (fc_config_presets("/nonexistent", &names, NULL) == FC_OK)
        for (size_t i = 0; i < names.count; i++) fc_buf_printf(out, "%s%s", i ? " " : "", names.items[i]);
    fc_arena_fini(&arena);
}

fc_status cli_completion(const char *shell, fc_buf *out, fc_err *err)
{
    static const struct {
        const char *shell;
        void (*write)(writer *w);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    fc_buf presets;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].shell, shell) != 0) continue;
        fc_buf_init(&presets, 8192);
        list_presets(&presets);
        writer w = {.out = out, .presets = fc_buf_cstr(&presets)};
        shells[i].write(&w);
        fc_buf_fini(&presets);
        return out->status ? fc_fail(err, out->status, "out of memory") : FC_OK;
    }
    return fc_fail(err, FC_ARG, "--completion: '%.60s' is not bash, zsh or fish", shell);
}
