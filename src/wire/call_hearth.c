/* call_hearth.c: the member `hearth` of a request: its class, how soon it must begin, what becomes of a conversation that is too long, and
 * which conversation it is a part of. What is not among these is refused by name: nobody else reads it. */
#include "wire/call_priv.h"

enum { NAME_BYTES_MAX = 64, DEADLINE_MS_MAX = 86400000 /* a day */ };

static const struct str class_words[] = {STR("interactive"), STR("batch")}, overflow_words[] = {STR("error"), STR("drop_oldest")};

/* One of two words, as 1 or 2; null leaves *out alone. */
static int word_read(struct call_reader *r, const char *name, const struct str words[2], int *out)
{
    struct str raw;
    enum json_type type = json_peek(&r->scan);
    if (type == JSON_NULL)
        return json_skip(&r->scan, NULL), 0;
    if (type == JSON_STRING && !json_string(&r->scan, &raw))
        return 0;
    for (int i = 0; i < 2 && type == JSON_STRING; i++)
        if (json_key_is(raw, words[i]))
            return *out = i + 1, 0;
    return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "hearth.%s must be %s or %s", name, words[0].ptr, words[1].ptr);
}

static int class_read(struct call_reader *r)
{
    int word = (int)r->call->hearth.class, rc = word_read(r, "class", class_words, &word);
    r->call->hearth.class = (enum wire_class)word;
    return rc;
}

static int overflow_read(struct call_reader *r)
{
    int word = (int)r->call->hearth.overflow, rc = word_read(r, "overflow", overflow_words, &word);
    r->call->hearth.overflow = (enum wire_overflow)word;
    return rc;
}

static int deadline_read(struct call_reader *r)
{
    struct str raw;
    int64_t ms;
    enum json_type type = json_peek(&r->scan);
    if (!json_skip(&r->scan, &raw) || type == JSON_NULL)
        return 0;
    if (type != JSON_NUMBER || !json_to_i64(raw, &ms) || ms < 1 || ms > DEADLINE_MS_MAX)
        return err_set(r->err, ERR_INVALID, "hearth.deadline_ms must be a whole number from 1 to %d", DEADLINE_MS_MAX);
    r->call->hearth.deadline_ms = ms;
    return 0;
}

static int conversation_read(struct call_reader *r)
{
    struct str raw = STR_NONE;
    enum json_type type = json_peek(&r->scan);
    if (type == JSON_NULL)
        return json_skip(&r->scan, NULL), 0;
    if (type == JSON_STRING && !json_string(&r->scan, &raw))
        return 0;
    if (raw.len < 1 || raw.len > NAME_BYTES_MAX)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "hearth.conversation must be a text of 1 to %d bytes", NAME_BYTES_MAX);
    r->call->hearth.conversation = raw;
    return 0;
}

static const struct {
    struct str name;
    int (*read)(struct call_reader *r);
} members[] = {{STR("class"), class_read}, {STR("overflow"), overflow_read}, {STR("deadline_ms"), deadline_read}, {STR("conversation"), conversation_read}};

static int member_read(struct call_reader *r, struct str key, unsigned *seen)
{
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        if (!json_key_is(key, members[i].name))
            continue;
        if (*seen >> i & 1)
            return err_set(r->err, ERR_INVALID, "hearth.%s is given twice", members[i].name.ptr);
        *seen |= 1u << i;
        return members[i].read(r);
    }
    return err_set(r->err, ERR_INVALID, "hearth has the members class, deadline_ms, overflow and conversation, and no others");
}

/* Of two commas around it, one goes too. */
static size_t end_of(const struct call_reader *r, size_t begin)
{
    size_t end = json_offset(&r->scan), at = end;
    struct str body = r->call->body;
    while (begin == r->call->insert_offset && at < body.len && (body.ptr[at] == ' ' || (body.ptr[at] >= '\t' && body.ptr[at] <= '\r')))
        at++;
    return begin == r->call->insert_offset && at < body.len && body.ptr[at] == ',' ? at + 1 : end;
}

int call_hearth_read(struct call_reader *r, size_t begin)
{
    struct str key;
    unsigned seen = 0;
    int rc = 0;
    enum json_type type = json_peek(&r->scan);
    if (type == JSON_NULL)
        json_skip(&r->scan, NULL);
    else if (type != JSON_OBJECT)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "hearth must be an object");
    else
        json_enter(&r->scan);
    while (type == JSON_OBJECT && rc == 0 && json_member(&r->scan, &key))
        rc = member_read(r, key, &seen);
    r->call->hearth.offset = begin;
    r->call->hearth.len = end_of(r, begin) - begin;
    return rc;
}
