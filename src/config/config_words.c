/* config_words.c: how the errors of the configuration speak: what was found, what is allowed, what was meant. */
#include "base/mem.h"
#include "config/config_priv.h"

enum { SHOWN_BYTES_MAX = 60, NEAREST_BYTES_MAX = 32 };

/* Nothing of a file may steer the terminal that shows the error. */
static bool is_control(struct str s, size_t i)
{
    unsigned char c = (unsigned char)s.ptr[i];
    bool c1 = c == 0xc2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] < 0xa0; /* U+0080 to U+009F */
    return c < 0x20 || c == 0x7f || c1;
}

struct config_words config_quoted(struct str s)
{
    struct config_words w;
    size_t len = 0, i = 0;
    w.text[len++] = '`';
    for (; i < s.len && i < SHOWN_BYTES_MAX; i++) {
        bool control = is_control(s, i);
        w.text[len++] = control ? '?' : s.ptr[i];
        i += control && (unsigned char)s.ptr[i] == 0xc2;
    }
    if (i < s.len) {
        while (len > 1 && ((unsigned char)w.text[len - 1] & 0xc0) == 0x80) /* the whole last character goes */
            len--;
        if (len > 1 && (unsigned char)w.text[len - 1] >= 0xc0)
            len--;
        memcpy(w.text + len, "...", 3);
        len += 3;
    }
    w.text[len++] = '`';
    w.text[len] = '\0';
    return w;
}

struct config_words config_found(const struct config_node *n)
{
    struct config_words w = {{0}};
    if (n->kind == NODE_SCALAR && n->text.len)
        return config_quoted(n->text);
    text_format(w.text, sizeof w.text, "%s",
                n->kind == NODE_SCALAR ? "nothing"
                : n->kind == NODE_LIST ? "a list"
                                       : "a map");
    return w;
}

struct unit {
    int64_t size;
    const char *name;
};

static struct config_words in_units(int64_t value, const struct unit *unit)
{
    struct config_words w;
    while (unit->size > 1 && (value == 0 || value % unit->size))
        unit++;
    text_format(w.text, sizeof w.text, "%lld%s", (long long)(value / unit->size), unit->name);
    return w;
}

static struct config_words in_money(int64_t nusd, const char *after)
{
    struct config_words w;
    text_format(w.text, sizeof w.text, "%lld%s", (long long)(nusd / 1000000000), after);
    return w;
}

/* Ranges are whole numbers of their units, so nothing is rounded here. */
struct config_words config_value_words(enum option_kind k, int64_t v)
{
    static const struct unit spans[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    static const struct unit sizes[] = {{1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}, {1, ""}};
    static const struct unit tokens[] = {{1000000, "m"}, {1000, "k"}, {1, ""}};
    static const struct unit plain[] = {{1, ""}};
    struct config_words w;
    switch (k) {
    case OPTION_DURATION:
    case OPTION_DURATIONS: return in_units(v, spans);
    case OPTION_SIZE: return in_units(v, sizes);
    case OPTION_TOKENS: return in_units(v, tokens);
    case OPTION_MONEY: return in_money(v, " USD");
    case OPTION_PRICE: return in_money(v, "");
    case OPTION_ENERGY: return in_money(v, " USD/kWh");
    case OPTION_MINUTE: text_format(w.text, sizeof w.text, "%02d:%02d", (int)(v / 60), (int)(v % 60)); return w;
    case OPTION_OFFSET:
        text_format(w.text, sizeof w.text, "%c%02d:%02d", v < 0 ? '-' : '+', (int)(v < 0 ? -v : v) / 60,
                    (int)(v < 0 ? -v : v) % 60);
        return w;
    default: return in_units(v, plain);
    }
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Edit distance with neighbours swapped counted as one (optimal string alignment); both texts at most
 * NEAREST_BYTES_MAX long. */
static int distance(struct str a, struct str b)
{
    int d[NEAREST_BYTES_MAX + 1][NEAREST_BYTES_MAX + 1];
    for (int i = 0; i <= (int)a.len; i++) {
        for (int j = 0; j <= (int)b.len; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            int differ = a.ptr[i - 1] != b.ptr[j - 1];
            d[i][j] = smaller(smaller(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + differ);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.len][b.len];
}

const char *config_nearest(struct str word, const char *const *candidate, int count)
{
    const char *best = NULL;
    int best_distance = (int)(word.len + 2) / 3 + 1; /* from here on it is another word, not a slip */
    for (int i = 0; i < count; i++) {
        struct str c = str_from(candidate[i]);
        if (word.len > NEAREST_BYTES_MAX || c.len > NEAREST_BYTES_MAX)
            continue;
        int d = distance(word, c);
        if (d < best_distance) {
            best = candidate[i];
            best_distance = d;
        }
    }
    return best;
}
