/* config_reference.c: the option table as Markdown; docs/reference/config.md is made from it. */
#include "base/mem.h"
#include "config/config_priv.h"

static const char intro[] =
    "# Configuration\n"
    "\n"
    "One YAML file: `--config`, else `$HEARTH_CONFIG`, `./hearth.yaml`, `~/.config/hearth/hearth.yaml`, "
    "`/etc/hearth/hearth.yaml`.\n"
    "Unknown and duplicate keys, wrong types and values out of range are errors with file, line and column. Anchors "
    "and "
    "aliases work; tags,\n"
    "merge keys and several documents in one file are refused.\n"
    "\n"
    "Made from the option table; in a path, NAME and TARGET are yours to choose and `[]` is each entry of a list.\n"
    "\n"
    "| key | value | default | what it does |\n"
    "| --- | --- | --- | --- |\n";

static const char outro[] =
    "\n"
    "## Values\n"
    "\n"
    "- **duration**: numbers with units, `500ms`, `5s`, `2m`, `1h30m`, `400d`. A number without a unit is refused.\n"
    "- **size**: bytes, or `KiB`, `MiB`, `GiB` (1024), `kB`, `MB`, `GB` (1000).\n"
    "- **tokens**: a count, or `100k` (thousands), `1.5m` (millions).\n"
    "- **money**: an amount and a currency, `10 USD`, `0.25 EUR`; a currency other than USD needs its rate in `fx`.\n"
    "- **names** of upstreams and jobs: `[a-z0-9][a-z0-9._-]*`, at most 64 characters; an alias may hold `*`. Jobs and "
    "aliases share one namespace.\n"
    "- **target**: `upstream/model`, split at the first `/`.\n"
    "- One value stands for a list of one wherever a list is allowed beside it.\n"
    "\n"
    "## Prices by time of day\n"
    "\n"
    "```yaml\n"
    "prices:\n"
    "  deepseek/deepseek-flash:\n"
    "    input: 0.15\n"
    "    cached: 0.003\n"
    "    output: 0.60\n"
    "    hours:\n"
    "      - { days: mon-fri, from: \"09:00\", to: \"12:00\", utc: \"+08:00\", input: 0.30, output: 1.20 }\n"
    "      - { days: mon-fri, from: \"14:00\", to: \"18:00\", utc: \"+08:00\", input: 0.30, output: 1.20 }\n"
    "```\n"
    "\n"
    "The first entry whose days and hours cover the moment counts, else the prices beside `hours`. What an entry "
    "leaves "
    "out (`cached` above) is\n"
    "taken from there. `to` is the minute before which the span ends; without `days` it may be earlier than `from`, "
    "over "
    "midnight.\n";

static bool is_number(const struct config_option *o)
{
    return o->kind >= OPTION_COUNT && o->kind <= OPTION_OFFSET;
}

static int append_value(struct buf *out, const struct config_option *o)
{
    if (o->kind == OPTION_OWN)
        return buf_append_text(out, o->shape);
    int rc = 0;
    for (int i = 0; o->words && o->words[i] && rc == 0; i++)
        rc = buf_append_format(out, "%s`%s`", i ? ", " : "", o->words[i]);
    if (rc == 0 && o->words && o->kind == OPTION_BITS)
        rc = buf_append_text(out, ", or a list");
    if (o->words || rc < 0)
        return rc;
    rc = buf_append_text(out, config_kind_name(o->kind));
    if (rc == 0 && o->room)
        rc = buf_append_format(out, ", %d to %d", o->room_min, o->room);
    if (rc == 0 && is_number(o) && o->min == o->max)
        rc = buf_append_format(out, ", %s", config_value_words(o->kind, o->min).text);
    else if (rc == 0 && is_number(o))
        rc = buf_append_format(out, ", %s%s to %s", o->room ? "each " : "", config_value_words(o->kind, o->min).text,
                               config_value_words(o->kind, o->max).text);
    if (rc == 0 && o->zero)
        rc = buf_append_format(out, ", or `%s`", o->zero);
    return rc;
}

static int append_row(struct buf *out, struct str prefix, const struct config_option *o)
{
    int rc = buf_append_format(out, "| `%.*s%s` | ", STR_FMT(prefix), o->key);
    if (rc == 0)
        rc = append_value(out, o);
    if (rc == 0 && o->standard)
        rc = buf_append_format(out, " | `%s`", o->standard);
    else if (rc == 0)
        rc = buf_append_format(out, " | %s", o->required ? "required" : o->absent ? o->absent : "");
    return rc ? rc : buf_append_format(out, " | %s |\n", o->text);
}

/* Recursion is as deep as the tables are nested. */
static int append_table(struct buf *out, struct str prefix, const struct option_table *t)
{
    enum { PATH_BYTES_MAX = 256 };
    int rc = 0;
    for (int i = 0; i < t->count && rc == 0; i++) {
        const struct config_option *o = &t->row[i];
        rc = append_row(out, prefix, o);
        if (rc < 0 || !o->table)
            continue;
        char path[PATH_BYTES_MAX];
        size_t len = text_format(path, sizeof path, "%.*s%s%s.", STR_FMT(prefix), o->key, o->part ? o->part : "");
        rc = append_table(out, str_of(path, len), o->table);
    }
    return rc;
}

int config_reference(struct buf *out)
{
    int rc = buf_append_text(out, intro);
    if (rc == 0)
        rc = append_table(out, STR(""), &config_options);
    return rc ? rc : buf_append_text(out, outro);
}
