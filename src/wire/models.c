/* models.c: lookups in the table of models that tools/models-table makes from models.csv at build time; see models.h.
 *
 * `names` is sorted by vendor and name and has one entry per name and row, so that aliases (full dated ids, names a
 * vendor still answers to) cost nothing extra. Within a name the row for facts comes first. */
#include "wire/models.h"
#include "base/clock.h"

struct model_name {
    const char *vendor, *name;
    uint16_t row;
    bool on_request; /* a variant that a request has to ask for, so never the price of a plain one */
};

#include "models_table.inc"

size_t model_row_count(void)
{
    return COUNT_OF(rows);
}

const struct model_row *model_row_at(size_t i)
{
    return i < COUNT_OF(rows) ? &rows[i] : NULL;
}

static int name_compare(const struct model_name *n, struct str vendor, struct str id)
{
    int order = str_compare(str_from(n->vendor), vendor);
    return order ? order : str_compare(str_from(n->name), id);
}

static bool name_is(const struct model_name *n, struct str vendor, struct str id)
{
    return n < names + COUNT_OF(names) && name_compare(n, vendor, id) == 0;
}

/* The first entry that is not before (vendor, id). Every call asks for a price, hence the binary search. */
static const struct model_name *name_lower_bound(struct str vendor, struct str id)
{
    size_t from = 0, to = COUNT_OF(names);
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (name_compare(&names[middle], vendor, id) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return names + from;
}

/* Gemini lists its models with this prefix and takes them with and without it. */
static struct str id_bare(struct str id)
{
    struct str prefix = STR("models/");
    return str_starts(id, prefix) ? str_skip(id, prefix.len) : id;
}

const struct model_row *model_find(struct str vendor, struct str id)
{
    id = id_bare(id);
    const struct model_name *n = name_lower_bound(vendor, id);
    return name_is(n, vendor, id) ? &rows[n->row] : NULL;
}

bool model_hours_fit(const struct model_hours *h, int64_t wall_ms)
{
    if (h->weekdays == 0)
        return true;
    struct civil local = civil_from_ms(wall_ms + (int64_t)h->utc_offset_min * 60000);
    int minute = local.hour * 60 + local.minute;
    if (!(h->weekdays & (1u << local.weekday)))
        return false;
    for (size_t i = 0; i < COUNT_OF(h->span) && h->span[i].to_min > 0; i++)
        if (minute >= h->span[i].from_min && minute < h->span[i].to_min)
            return true;
    return false;
}

const struct model_row *model_price_at(struct str vendor, struct str id, int64_t wall_ms)
{
    const struct model_row *otherwise = NULL;
    id = id_bare(id);
    for (const struct model_name *n = name_lower_bound(vendor, id); name_is(n, vendor, id); n++) {
        const struct model_row *r = &rows[n->row];
        if (n->on_request || wall_ms < r->valid_from_ms || wall_ms >= r->valid_to_ms)
            continue;
        if (r->hours.otherwise)
            otherwise = r;
        else if (model_hours_fit(&r->hours, wall_ms))
            return r;
    }
    return otherwise;
}
