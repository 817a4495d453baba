/* responses_input.c: the `input` of a Responses request: one text, or a list of items.
 *
 * A turn of the model is several items there (what it thought, said and called) and one message here: an item of the model's joins
 * the message just before it, unless both are texts. Results that stand together are one message of the user's. */
#include "wire/responses_priv.h"

enum { FORMAT_BYTES_MAX = 32 };

struct input {
    struct chat *c;
    struct err *e;
    struct message *last; /* the one that items may join; NULL: none yet */
    struct part **tail;   /* where its next part goes */
    struct part *newest;  /* its last part, NULL if it has none */
    bool results;         /* it is one of tool results */
    int item;             /* index, for the words of errors */
    const char *list;     /* content, output, …, and the index there; NULL */
    int part;
};

static int no_memory(struct input *in)
{
    return err_set(in->e, ERR_NOMEM, "out of memory while reading the input");
}

/* "input.3.content.1.text must be a string" */
static int bad(struct input *in, const char *member, const char *what)
{
    char place[64] = "";
    if (in->list)
        text_format(place, sizeof(place), ".%s.%d", in->list, in->part);
    return err_set(in->e, ERR_INVALID, "input.%d%s%s%s %s", in->item, place, *member ? "." : "", member, what);
}

static bool given(const struct json_node *n)
{
    return n && n->type != JSON_NULL;
}

/* Missing and null leave *out empty. */
static int text_of(struct input *in, const struct json_node *object, const char *key, struct str *out)
{
    const struct json_node *n = json_get(object, key);
    if (!given(n))
        return 0;
    if (n->type != JSON_STRING)
        return bad(in, key, "must be a string");
    *out = n->text;
    return 0;
}

static int text_needed(struct input *in, const struct json_node *object, const char *key, struct str *out)
{
    *out = STR_NONE;
    int rc = text_of(in, object, key, out);
    return rc == 0 && !out->ptr ? bad(in, key, "is missing") : rc;
}

/* --- messages and their parts ------------------------------------------------------------------------------------------------ */

static int open_message(struct input *in, enum chat_role role)
{
    in->last = chat_message_add(in->c, role);
    if (!in->last)
        return no_memory(in);
    in->tail = &in->last->part;
    in->newest = NULL;
    in->results = false;
    return 0;
}

static struct part *add_part(struct input *in, struct part ***tail, enum part_kind kind)
{
    struct part *p = chat_part_add(in->c, *tail, kind); /* at the end already: no walk */
    if (p)
        *tail = &p->next;
    return p;
}

/* A part of the message under way; it is opened when the one under way is not the model's. */
static struct part *model_part(struct input *in, enum part_kind kind)
{
    if ((!in->last || in->last->role != ROLE_ASSISTANT) && open_message(in, ROLE_ASSISTANT))
        return NULL;
    return in->newest = add_part(in, &in->tail, kind);
}

static struct part *result_part(struct input *in)
{
    if (!in->results && open_message(in, ROLE_USER))
        return NULL;
    in->results = true;
    return in->newest = add_part(in, &in->tail, PART_RESULT);
}

static int read_image(struct input *in, const struct json_node *n, struct part *p)
{
    struct str url = STR_NONE, id = STR_NONE;
    const struct json_node *image = json_get(n, "image_url");
    int rc = image && image->type == JSON_OBJECT ? text_of(in, image, "url", &url) /* as in chat */
                                                 : text_of(in, n, "image_url", &url);
    if (rc == 0)
        rc = text_of(in, n, "file_id", &id);
    if (rc == 0)
        rc = text_of(in, n, "detail", &p->detail);
    if (rc)
        return rc;
    if (!url.len && !id.len)
        return bad(in, "", "must have image_url or file_id");
    p->source = url.len ? SOURCE_URL : SOURCE_ID;
    p->data = url.len ? url : id;
    if (url.len && data_url_read(url, &p->media_type, &p->data))
        p->source = SOURCE_BASE64;
    return 0;
}

static int read_file(struct input *in, const struct json_node *n, struct part *p)
{
    struct str data = STR_NONE, url = STR_NONE, id = STR_NONE;
    int rc = text_of(in, n, "file_data", &data);
    if (rc == 0)
        rc = text_of(in, n, "file_url", &url);
    if (rc == 0)
        rc = text_of(in, n, "file_id", &id);
    if (rc == 0)
        rc = text_of(in, n, "filename", &p->title);
    if (rc)
        return rc;
    p->source = data.len ? SOURCE_BASE64 : url.len ? SOURCE_URL : SOURCE_ID;
    p->data = data.len ? data : url.len ? url : id;
    if (!p->data.len)
        return bad(in, "", "must have file_data, file_url or file_id");
    if (data.len && !data_url_read(data, &p->media_type, &p->data))
        p->media_type = media_type_sniff(data);
    return 0;
}

static int read_audio(struct input *in, const struct json_node *n, struct part *p)
{
    struct str format = STR_NONE;
    const struct json_node *audio = json_get(n, "input_audio");
    if (!audio || audio->type != JSON_OBJECT)
        return bad(in, "input_audio", "must be an object");
    int rc = text_needed(in, audio, "data", &p->data);
    if (rc == 0)
        rc = text_of(in, audio, "format", &format);
    if (rc == 0 && format.len > FORMAT_BYTES_MAX)
        rc = bad(in, "input_audio.format", "is longer than any");
    if (rc)
        return rc;
    p->source = SOURCE_BASE64;
    const char *type = arena_format(in->c->arena, "audio/%.*s", STR_FMT(format));
    p->media_type = str_from(type);
    return !type ? no_memory(in) : 0;
}

/* What is in it that nobody reads is lost by name, to this dialect, too: items are written anew. */
static int check_odd(struct input *in, const char *list, const struct json_node *object, const char *const *known)
{
    return chat_odd_members(in->c, list, object, known, false) ? 0 : no_memory(in);
}

static int read_known_part(struct input *in, const struct json_node *n, struct part *p, struct str type)
{
    switch (p->kind) {
    case PART_IMAGE: return read_image(in, n, p);
    case PART_FILE: return read_file(in, n, p);
    case PART_AUDIO: return read_audio(in, n, p);
    case PART_OPAQUE:
        p->name = type;
        p->raw = n->text;
        return 0;
    default: return text_needed(in, n, p->kind == PART_REFUSAL ? "refusal" : "text", &p->text);
    }
}

static int read_part(struct input *in, const struct json_node *n, struct part ***tail)
{
    static const struct {
        struct str type;
        enum part_kind kind;
    } kinds[] = {
        {STR("input_text"), PART_TEXT},   {STR("output_text"), PART_TEXT},   {STR("text"), PART_TEXT},
        {STR("refusal"), PART_REFUSAL},   {STR("input_image"), PART_IMAGE},  {STR("input_file"), PART_FILE},
        {STR("input_audio"), PART_AUDIO}, {STR("reasoning_text"), PART_REASONING},
    };
    struct str type;
    if (n->type != JSON_OBJECT)
        return bad(in, "", "must be an object");
    int rc = text_needed(in, n, "type", &type);
    if (rc)
        return rc;
    size_t i = 0;
    while (i < COUNT_OF(kinds) && !str_eq(type, kinds[i].type))
        i++;
    struct part *p = add_part(in, tail, i < COUNT_OF(kinds) ? kinds[i].kind : PART_OPAQUE);
    if (!p)
        return no_memory(in);
    static const char *const known[] = {"type",      "text",     "annotations", "logprobs", "refusal",     "image_url", "file_id",
                                        "detail",    "file_data", "file_url",    "filename", "input_audio", NULL};
    rc = read_known_part(in, n, p, type);
    return rc || p->kind == PART_OPAQUE ? rc : check_odd(in, "content", n, known);
}

/* A string, or a list of parts; null, missing and an empty string are no parts at all. */
static int read_content(struct input *in, const struct json_node *item, const char *key, struct part ***tail)
{
    const struct json_node *n = json_get(item, key);
    if (!given(n))
        return 0;
    if (n->type == JSON_STRING) {
        if (!n->text.len)
            return 0;
        struct part *p = add_part(in, tail, PART_TEXT);
        if (!p)
            return no_memory(in);
        p->text = n->text;
        return 0;
    }
    if (n->type != JSON_ARRAY)
        return bad(in, key, "must be a string or an array");
    int rc = 0;
    in->list = key;
    in->part = 0;
    for (const struct json_node *child = n->child; child && rc == 0; child = child->next, in->part++)
        rc = read_part(in, child, tail);
    in->list = NULL;
    return rc;
}

/* --- items -------------------------------------------------------------------------------------------------------------------------- */

static bool joins(const struct input *in, enum chat_role role)
{
    bool after_text = !in->newest || in->newest->kind == PART_TEXT || in->newest->kind == PART_REFUSAL;
    return role == ROLE_ASSISTANT && in->last && in->last->role == ROLE_ASSISTANT && !after_text;
}

static int read_message(struct input *in, const struct json_node *item)
{
    static const struct {
        struct str name;
        enum chat_role role;
    } roles[] = {{STR("user"), ROLE_USER},
                 {STR("assistant"), ROLE_ASSISTANT},
                 {STR("system"), ROLE_SYSTEM},
                 {STR("developer"), ROLE_DEVELOPER}};
    struct str role, phase = STR_NONE;
    size_t i = 0;
    int rc = text_needed(in, item, "role", &role);
    if (rc == 0)
        rc = text_of(in, item, "phase", &phase);
    while (rc == 0 && i < COUNT_OF(roles) && !str_eq(role, roles[i].name))
        i++;
    if (rc == 0 && i == COUNT_OF(roles))
        rc = bad(in, "role", "must be user, assistant, system or developer");
    if (rc == 0 && !joins(in, roles[i].role))
        rc = open_message(in, roles[i].role);
    if (rc)
        return rc;
    struct part **first = in->tail;
    rc = read_content(in, item, "content", &in->tail);
    for (struct part *p = *first; p; p = p->next) {
        p->phase = phase;
        in->newest = p;
    }
    return rc;
}

static int read_call(struct input *in, const struct json_node *item, bool custom)
{
    const struct json_node *arguments = json_get(item, "arguments");
    struct part *p = model_part(in, PART_CALL);
    if (!p)
        return no_memory(in);
    p->custom = custom;
    int rc = text_needed(in, item, "call_id", &p->id);
    if (rc == 0)
        rc = text_needed(in, item, "name", &p->name);
    if (rc == 0)
        rc = text_of(in, item, "namespace", &p->space);
    if (rc)
        return rc;
    if (p->space.len && !(p->name = tool_name_join(p->space, p->name, in->c->arena)).ptr)
        return no_memory(in);
    if (!custom && arguments && arguments->type == JSON_OBJECT) { /* some send what the text says */
        p->arguments = arguments->text;
        return 0;
    }
    return text_of(in, item, custom ? "input" : "arguments", &p->arguments);
}

static int read_function_call(struct input *in, const struct json_node *item)
{
    return read_call(in, item, false);
}

static int read_custom_call(struct input *in, const struct json_node *item)
{
    return read_call(in, item, true);
}

static int read_output(struct input *in, const struct json_node *item, bool custom)
{
    struct part *p = result_part(in), **tail;
    if (!p)
        return no_memory(in);
    p->custom = custom;
    int rc = text_needed(in, item, "call_id", &p->id);
    tail = &p->content;
    return rc ? rc : read_content(in, item, "output", &tail);
}

static int read_function_output(struct input *in, const struct json_node *item)
{
    return read_output(in, item, false);
}

static int read_custom_output(struct input *in, const struct json_node *item)
{
    return read_output(in, item, true);
}

static int read_thoughts(struct input *in, const struct json_node *item, const char *key, struct str id)
{
    const struct json_node *list = json_get(item, key);
    if (!given(list))
        return 0;
    if (list->type != JSON_ARRAY)
        return bad(in, key, "must be an array");
    in->part = 0;
    for (const struct json_node *n = list->child; n; n = n->next, in->part++) {
        struct str text = json_get_text(n, "text");
        if (!text.len)
            continue;
        struct part *p = model_part(in, PART_REASONING);
        if (!p)
            return no_memory(in);
        p->id = id;
        p->text = text;
    }
    return 0;
}

static int read_sealed(struct input *in, struct str id, struct str data)
{
    bool seal = str_starts(data, RESPONSES_SEAL), foreign = seal || str_starts(data, RESPONSES_HIDDEN);
    struct part *p = in->newest;
    bool has_text = p && in->last->role == ROLE_ASSISTANT && p->kind == PART_REASONING && str_eq(p->id, id);
    if (foreign)
        in->c->has_signed_only = false;
    if (!seal || !has_text)
        p = model_part(in, seal ? PART_REASONING : PART_HIDDEN);
    if (!p)
        return no_memory(in);
    if (seal) {
        p->signature = str_skip(data, RESPONSES_SEAL.len);
        return 0;
    }
    p->id = foreign ? STR_NONE : id;
    p->text = foreign ? str_skip(data, RESPONSES_HIDDEN.len) : data;
    return 0;
}

static int read_reasoning(struct input *in, const struct json_node *item)
{
    struct str id = STR_NONE, data = STR_NONE;
    int rc = text_of(in, item, "id", &id);
    if (rc == 0)
        rc = text_of(in, item, "encrypted_content", &data);
    if (rc == 0)
        rc = read_thoughts(in, item, "summary", id);
    if (rc == 0)
        rc = read_thoughts(in, item, "content", id);
    if (str_starts(id, STR(RESPONSES_FOREIGN)))
        in->c->has_signed_only = false;
    return rc || !data.len ? rc : read_sealed(in, id, data);
}

/* Calls and results of tools that the vendor runs, compacted history, and what nobody has thought of yet. */
static int read_opaque(struct input *in, const struct json_node *item, struct str type)
{
    bool answer = str_ends(type, STR("_output")) || str_ends(type, STR("_response"));
    struct part *p = answer ? result_part(in) : model_part(in, PART_OPAQUE);
    if (!p)
        return no_memory(in);
    p->kind = PART_OPAQUE;
    p->name = type;
    p->detail = RESPONSES_ITEM;
    p->raw = item->text;
    return 0;
}

/* A conversation goes on without its earlier reasoning, and without its messages it does not. */
static int read_reference(struct input *in, const struct json_node *item)
{
    struct str id = STR_NONE;
    int rc = text_of(in, item, "id", &id);
    if (rc)
        return rc;
    if (str_starts(id, STR(RESPONSES_FOREIGN))) {
        in->c->has_signed_only = false; /* no vendor has it either */
        return 0;
    }
    if (str_starts(id, STR("rs_")))
        return read_opaque(in, item, STR("item_reference"));
    return bad(in, "", "is an item_reference, which cannot be followed: this server keeps no responses; set `store` to false, and the client "
                       "sends the whole conversation in `input` (Vercel's AI SDK: providerOptions: { openai: { store: false } })");
}

static int read_item(struct input *in, const struct json_node *item)
{
    static const struct {
        const char *type;
        int (*read)(struct input *in, const struct json_node *item);
    } types[] = {
        {"message", read_message},
        {"function_call", read_function_call},
        {"function_call_output", read_function_output},
        {"custom_tool_call", read_custom_call},
        {"custom_tool_call_output", read_custom_output},
        {"reasoning", read_reasoning},
        {"item_reference", read_reference},
    };
    struct str type = STR_NONE;
    if (item->type != JSON_OBJECT)
        return bad(in, "", "must be an object");
    int rc = text_of(in, item, "type", &type);
    if (rc)
        return rc;
    if (!type.ptr && !json_get(item, "role"))
        return bad(in, "type", "is missing");
    if (!type.ptr)
        type = STR("message");
    static const char *const known[] = {"type",      "id",    "status", "role",   "content", "phase",             "call_id", "name",   "namespace",
                                        "arguments", "input", "output", "summary", "encrypted_content", NULL};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (str_eq(type, str_from(types[i].type))) {
            rc = types[i].read(in, item);
            return rc ? rc : check_odd(in, "input", item, known);
        }
    return read_opaque(in, item, type);
}

static int read_whole_text(struct input *in, struct str text)
{
    int rc = open_message(in, ROLE_USER);
    if (rc)
        return rc;
    struct part *p = add_part(in, &in->tail, PART_TEXT);
    if (!p)
        return no_memory(in);
    p->text = text;
    return 0;
}

int responses_input_read(struct chat *c, struct str input, struct err *e)
{
    struct input in = {.c = c, .e = e};
    struct json_node *root;
    int rc = json_parse(c->arena, input, &root, e);
    if (rc)
        return rc;
    if (root->type == JSON_STRING)
        return read_whole_text(&in, root->text);
    if (root->type != JSON_ARRAY)
        return err_set(e, ERR_INVALID, "input must be a string or an array of items");
    for (const struct json_node *n = root->child; n && rc == 0; n = n->next, in.item++)
        rc = read_item(&in, n);
    if (rc == 0 && !c->message)
        return err_set(e, ERR_INVALID, "input is empty");
    return rc;
}
