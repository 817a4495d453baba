/* scenario_metrics.c: a page of metrics held against its format, line by line, and against the ledger.
 *
 * The format is Prometheus' text format 0.0.4, as strictly as any reader takes it: HELP, then TYPE, then the samples of that
 * name and no other; names and labels of the allowed letters, values quoted and escaped, no sample twice, numbers that are
 * numbers; a histogram's buckets rise, and +Inf is its count. */
#include "base/mem.h"
#include "scenario.h"

struct sample {
    struct str name, labels, value; /* labels with their braces; empty: none */
};
struct page {
    struct scenario *s;
    struct str family, type; /* of the lines now */
    struct str seen;         /* the text before this line, to find repetitions */
    int64_t bucket_count;    /* of the histogram under way */
    bool at_inf;
};

static bool letter(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static size_t name_length(struct str s)
{
    size_t n = 0;
    while (n < s.len && letter(s.ptr[n], n == 0))
        n++;
    return n;
}

/* {a="b",c="d"}; the length, or 0 when it is none. */
static size_t labels_length(struct str s)
{
    size_t at = 1;
    for (;;) {
        size_t n = name_length(str_skip(s, at));
        at += n;
        if (n == 0 || !str_starts(str_skip(s, at), STR("=\"")))
            return 0;
        for (at += 2; at < s.len && s.ptr[at] != '"'; at++)
            if (s.ptr[at] == '\\' && (++at == s.len || !strchr("\\\"n", s.ptr[at])))
                return 0;
        if (++at >= s.len)
            return 0;
        if (s.ptr[at] == '}')
            return at + 1;
        if (s.ptr[at++] != ',')
            return 0;
    }
}

static bool sample_read(struct str line, struct sample *out)
{
    size_t n = name_length(line);
    *out = (struct sample){.name = str_slice(line, 0, n)};
    struct str rest = str_skip(line, n);
    if (rest.len && rest.ptr[0] == '{') {
        out->labels = str_slice(rest, 0, labels_length(rest));
        rest = str_skip(rest, out->labels.len);
        if (!out->labels.len)
            return false;
    }
    out->value = str_skip(rest, 1);
    bool fine = n > 0 && rest.len > 1 && rest.ptr[0] == ' ';
    int dots = 0;
    for (size_t i = 0; i < out->value.len; i++) {
        char c = out->value.ptr[i];
        dots += c == '.';
        fine = fine && ((c >= '0' && c <= '9') || c == '.' || (c == '-' && i == 0));
    }
    return fine && dots <= 1;
}

static bool is_of_family(const struct page *p, struct str name)
{
    static const char *const ends[] = {"_bucket", "_sum", "_count"};
    if (str_eq(p->type, STR("histogram"))) {
        for (size_t i = 0; i < COUNT_OF(ends); i++)
            if (str_starts(name, p->family) && str_eq(str_skip(name, p->family.len), str_from(ends[i])))
                return true;
        return false;
    }
    return str_eq(name, p->family);
}

static bool histogram_fits(struct page *p, const struct sample *one)
{
    int64_t n = -1;
    if (!str_eq(p->type, STR("histogram")) || str_ends(one->name, STR("_sum")))
        return true;
    if (!str_to_i64(one->value, &n))
        return false;
    if (str_ends(one->name, STR("_count")))
        return p->at_inf && n == p->bucket_count;
    if (p->at_inf)
        p->bucket_count = 0; /* the next series begins */
    p->at_inf = str_find(one->labels, STR("le=\"+Inf\"")) >= 0;
    bool rises = n >= p->bucket_count;
    p->bucket_count = n;
    return rises;
}

static bool comment_fits(struct page *p, struct str line)
{
    struct str rest = str_skip(line, 7), name;
    bool help = str_starts(line, STR("# HELP "));
    if ((!help && !str_starts(line, STR("# TYPE "))) || !str_cut(&rest, ' ', &name) || name_length(name) != name.len ||
        rest.len == 0)
        return false;
    if (help) {
        p->family = name;
        p->type = STR_NONE;
        return true;
    }
    bool fits = str_eq(name, p->family) && !p->type.len &&
                (str_eq(rest, STR("counter")) || str_eq(rest, STR("gauge")) || str_eq(rest, STR("histogram")));
    p->type = rest;
    return fits;
}

static bool line_fits(struct page *p, struct str line)
{
    struct sample one;
    if (line.len && line.ptr[0] == '#')
        return comment_fits(p, line);
    if (!p->type.len || !sample_read(line, &one) || !is_of_family(p, one.name) || !histogram_fits(p, &one))
        return false;
    if (str_eq(p->type, STR("counter")) && !str_ends(p->family, STR("_total")))
        return false;
    struct str key = str_slice(line, 0, one.name.len + one.labels.len + 1);
    AUTO_BUF struct buf again = BUF_INIT(64 * KiB);
    (void)buf_append_format(&again, "\n%.*s", STR_FMT(key));
    return str_find(p->seen, buf_str(&again)) < 0;
}

static const struct reply *page_reply(struct scenario *s)
{
    const struct reply *r =
        s->current && s->current->reply_count > s->current_reply ? &s->current->reply[s->current_reply] : NULL;
    if (!r || !r->complete || !str_starts(reply_header(r, STR("content-type")), STR("text/plain; version=0.0.4"))) {
        (void)scenario_fail(s, "the reply is no page of metrics");
        return NULL;
    }
    return r;
}

static bool expect_format(struct scenario *s, struct str body)
{
    struct page p = {.s = s};
    struct str rest = body, line;
    if (!str_ends(body, STR("\n")))
        return scenario_fail(s, "metrics: the last line does not end");
    for (int n = 1; str_cut(&rest, '\n', &line); n++) {
        if (!line_fits(&p, line))
            return scenario_fail(s, "metrics: line %d does not fit: %.*s", n, STR_FMT(line));
        p.seen = str_slice(body, 0, (size_t)(rest.ptr - body.ptr) - 1);
        if (rest.len == 0)
            break;
    }
    return true;
}

/* The sum of all samples of that name whose labels hold the text, in units of 10^-scale. */
static int64_t sum_of(struct str body, const char *name, const char *label, int scale)
{
    int64_t sum = 0;
    struct str line;
    struct sample one;
    while (str_cut(&body, '\n', &line)) {
        if (line.len == 0 || line.ptr[0] == '#' || !sample_read(line, &one) || !str_eq(one.name, str_from(name)) ||
            str_find(one.labels, str_from(label)) < 0)
            continue;
        struct str whole = one.value, part;
        int64_t n = 0, decimals = 0;
        (void)str_cut(&whole, '.', &part);
        (void)str_to_i64(part, &n);
        (void)str_to_i64(whole.len ? whole : STR("0"), &decimals);
        for (int i = 0; i < scale; i++)
            n *= 10;
        for (int i = (int)whole.len; i < scale; i++)
            decimals *= 10;
        sum += n + decimals;
    }
    return sum;
}

static int64_t of_line(struct scenario *s, struct str line, const char *path)
{
    AUTO_BUF struct buf got = BUF_INIT(1 * MiB);
    int64_t n = 0;
    (void)(json_path(s, line, str_from(path), &got) && str_to_i64(buf_str(&got), &n));
    return n;
}

struct sums {
    int64_t done, failed, left, cut, attempts, input, output, cost;
};

static bool ledger_sums(struct scenario *s, struct sums *out)
{
    static const char *const ask[] = {"usage", "--calls", "--json"};
    AUTO_BUF struct buf text = BUF_INIT(64 * MiB);
    struct words cli = {0};
    int status;
    for (size_t i = 0; i < COUNT_OF(ask); i++)
        cli.word[cli.count++] = str_from(ask[i]);
    if (!process_cli(s, &cli, &text, &status) || status != 0)
        return scenario_fail(s, "no usage");
    struct str rest = buf_str(&text), line;
    while (str_cut(&rest, '\n', &line)) {
        out->done += str_find(line, STR("\"outcome\":\"done\"")) >= 0;
        out->failed += str_find(line, STR("\"outcome\":\"failed\"")) >= 0;
        out->left += str_find(line, STR("\"outcome\":\"left\"")) >= 0;
        out->cut += str_find(line, STR("\"outcome\":\"cut\"")) >= 0;
        out->attempts += of_line(s, line, ".attempts");
        out->input += of_line(s, line, ".input");
        out->output += of_line(s, line, ".output");
        out->cost += of_line(s, line, ".cost_nusd");
    }
    return true;
}

static bool expect_ledger_says_so(struct scenario *s, struct str body)
{
    struct sums books = {0};
    if (!ledger_sums(s, &books))
        return false;
    const struct {
        const char *name, *label;
        int scale;
        int64_t want;
    } row[] = {
        {"hearth_calls_total", "outcome=\"done\"", 0, books.done},
        {"hearth_calls_total", "outcome=\"failed\"", 0, books.failed},
        {"hearth_calls_total", "outcome=\"left\"", 0, books.left},
        {"hearth_calls_total", "outcome=\"cut\"", 0, books.cut},
        {"hearth_attempts_total", "", 0, books.attempts},
        {"hearth_tokens_total", "class=\"input\"", 0, books.input},
        {"hearth_tokens_total", "class=\"output\"", 0, books.output},
        {"hearth_cost_usd_total", "", 9, books.cost},
        {"hearth_attempt_seconds_count", "", 0, books.attempts},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        int64_t got = sum_of(body, row[i].name, row[i].label, row[i].scale);
        if (got != row[i].want)
            return scenario_fail(s, "metrics: %s %s are %lld, the ledger says %lld", row[i].name, row[i].label,
                                 (long long)got, (long long)row[i].want);
    }
    return books.done > 0 || scenario_fail(s, "the ledger is empty: nothing was compared");
}

/* expect metrics format | ledger | "line": of the current reply. */
bool expect_metrics(struct scenario *s, struct words *w)
{
    const struct reply *r = page_reply(s);
    if (!r)
        return false;
    if (words_take(w, "format"))
        return expect_format(s, r->body);
    if (words_take(w, "ledger"))
        return expect_ledger_says_so(s, r->body);
    AUTO_BUF struct buf line = BUF_INIT(64 * KiB);
    struct str word = words_next(w);
    (void)buf_append_format(&line, "\n%.*s\n", STR_FMT(word));
    return str_find(r->body, buf_str(&line)) >= 0 || scenario_fail(s, "metrics: there is no line `%.*s` in\n%.*s",
                                                                   STR_FMT(str_trim(buf_str(&line))), STR_FMT(r->body));
}
