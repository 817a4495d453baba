/* scenario_rows.c: scenarios that differ in a few words are one file and a table. `each` names the columns, and what follows
 * it is run once for each row, every time in a folder and with a process of its own. */
#include "scenario.h"

static struct str column(struct str *row)
{
    ptrdiff_t bar = str_find(*row, STR(" | "));
    struct str one = bar < 0 ? *row : str_slice(*row, 0, (size_t)bar);
    *row = bar < 0 ? STR_NONE : str_skip(*row, (size_t)bar + 3);
    return str_trim(one);
}

/* each NAME... <<X: the rows, a line each, with ` | ` between their columns; $NAME is the column from here on. */
bool each_verb(struct scenario *s, struct words *w)
{
    struct str rest = w->here_raw, line, row = STR_NONE;
    s->row_count = 0;
    while (str_cut(&rest, '\n', &line))
        if (str_trim(line).len && s->row_count++ == s->row)
            row = line;
    if (!row.ptr || s->column_count)
        return scenario_fail(s, "each NAME... and a text with rows, once");
    s->row_text = row;
    while (words_peek(w).ptr && s->column_count < COLUMNS_MAX)
        s->column[s->column_count++] = (struct column){.name = words_next(w), .text = column(&row)};
    for (int i = 0; i < s->column_count; i++)
        if (!s->column[i].text.ptr)
            return scenario_fail(s, "a row with too few columns: %.*s", STR_FMT(s->row_text));
    return row.ptr == NULL || scenario_fail(s, "a row with too many columns: %.*s", STR_FMT(s->row_text));
}

/* The text of a column, itself not yet expanded; ptr NULL when there is none of that name. */
struct str row_column(const struct scenario *s, struct str name)
{
    for (int i = 0; i < s->column_count; i++)
        if (str_eq(s->column[i].name, name))
            return s->column[i].text;
    return STR_NONE;
}
