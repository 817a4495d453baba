/* tokenizer.c: a vocabulary opened: what the file says is checked, made up for where files are known to be wrong, and indexed.
 * Keys, defaults and quirks: the GGUF reference, sections 7 and 12. */
#include "engine/tokenizer_priv.h"

/* --- texts to indices ------------------------------------------------------------------------------------------------------------- */

/* NULL when all near its place are taken: only texts that were made to collide lie so. */
static struct text_slot *free_slot(const struct text_table *table, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash >> 32) & table->mask;
    for (int probes = 0; probes < TABLE_PROBES_MAX; probes++, at = (at + 1) & table->mask)
        if (!table->slot[at].index)
            return &table->slot[at];
    return NULL;
}

/* The step of the polynomial spreads the last bytes over the high half only, so both halves are mixed once more. */
static uint64_t mixed(uint64_t hash)
{
    hash ^= hash >> 32;
    return hash * 0xD6E8FEB86659FD93u;
}

uint32_t text_table_find(const struct tokenizer *t, struct str text, uint64_t hash)
{
    const struct text_table *table = &t->table;
    hash = mixed(hash);
    uint32_t at = (uint32_t)(hash >> 32) & table->mask;
    for (int probes = 0; probes < TABLE_PROBES_MAX && table->slot[at].index; probes++, at = (at + 1) & table->mask)
        if (table->slot[at].tag == (uint32_t)hash && str_eq(symbol_text(t, table->slot[at].index - 1), text))
            return table->slot[at].index - 1;
    return SYMBOL_NONE;
}

static int table_grow(struct tokenizer *t, size_t slots)
{
    struct text_table grown = {.slot = new0_array(struct text_slot, slots), .mask = (uint32_t)slots - 1, .used = t->table.used};
    if (!grown.slot)
        return ERR_NOMEM;
    for (size_t i = 0; t->table.slot && i <= t->table.mask; i++) {
        struct text_slot old = t->table.slot[i];
        struct text_slot *new = old.index ? free_slot(&grown, mixed(text_hash(0, symbol_text(t, old.index - 1)))) : NULL;
        if (new)
            *new = old;
        else if (old.index) {
            mem_free(grown.slot);
            return ERR_LIMIT;
        }
    }
    mem_free(t->table.slot);
    t->table = grown;
    return 0;
}

int text_table_put(struct tokenizer *t, uint32_t index, uint64_t hash)
{
    int rc = t->table.used > t->table.mask / 2 ? table_grow(t, 2 * ((size_t)t->table.mask + 1)) : 0;
    if (rc < 0)
        return rc;
    hash = mixed(hash);
    struct text_slot *slot = free_slot(&t->table, hash);
    if (!slot)
        return ERR_LIMIT;
    *slot = (struct text_slot){index + 1, (uint32_t)hash};
    t->table.used++;
    return 0;
}

/* --- the texts ------------------------------------------------------------------------------------------------------------------- */

/* Files made by Ollama may hold more texts than the model has rows. */
static uint64_t rows_of(const struct gguf *g, uint64_t texts)
{
    const struct gguf_tensor *rows = gguf_tensor_find(g, "token_embd.weight");
    return rows && rows->dims >= 2 && rows->ne[1] > 0 && rows->ne[1] < texts ? rows->ne[1] : texts;
}

static int read_texts(struct tokenizer *t, const struct gguf *g, struct err *e)
{
    if (!gguf_get_array(g, "tokenizer.ggml.tokens", &t->texts) || t->texts.type != GGUF_STRING || t->texts.count == 0)
        return err_set(e, ERR_SYNTAX, "the file holds no vocabulary (tokenizer.ggml.tokens)");
    uint64_t count = rows_of(g, t->texts.count);
    if (count > TOKEN_COUNT_MAX)
        return err_set(e, ERR_LIMIT, "a vocabulary of %llu tokens; the limit is %d", (unsigned long long)count, TOKEN_COUNT_MAX);
    size_t longest_max = t->kind == TOKENIZER_WPM ? WORDPIECE_BYTES_MAX : TOKEN_BYTES_MAX;
    t->count = (int32_t)count;
    for (int32_t i = 0; i < t->count; i++) {
        size_t len = tokenizer_text(t, i).len;
        if (len > longest_max)
            return err_set(e, ERR_LIMIT, "the text of token %d has %zu bytes; the limit is %zu", i, len, longest_max);
        t->longest = len > t->longest ? len : t->longest;
    }
    return 0;
}

static int read_types(struct tokenizer *t, const struct gguf *g, struct err *e)
{
    struct gguf_array types;
    bool typed = gguf_get_array(g, "tokenizer.ggml.token_type", &types);
    if (typed && (types.count != t->texts.count || types.type == GGUF_STRING))
        return err_set(e, ERR_SYNTAX, "the vocabulary has %llu texts and %llu types of tokens", (unsigned long long)t->texts.count,
                       (unsigned long long)types.count);
    t->info = new0_array(uint8_t, (size_t)t->count);
    if (!t->info)
        return err_set(e, ERR_NOMEM, "a vocabulary");
    for (int32_t i = 0; i < t->count; i++) {
        int64_t type = typed ? gguf_array_i64(&types, (uint64_t)i) : TOKEN_NORMAL;
        t->info[i] = type >= TOKEN_NORMAL && type <= TOKEN_BYTE ? (uint8_t)type : TOKEN_NORMAL;
    }
    return 0;
}

/* Of several tokens of one text the first is found; a token without a text never is. */
static int index_texts(struct tokenizer *t, struct err *e)
{
    size_t slots = 16;
    while (slots / 2 <= (size_t)t->count)
        slots *= 2;
    int rc = table_grow(t, slots);
    for (int32_t i = 0; i < t->count && rc == 0; i++) {
        struct str text = tokenizer_text(t, i);
        uint64_t hash = text_hash(0, text);
        if (text.len && text_table_find(t, text, hash) == SYMBOL_NONE)
            rc = text_table_put(t, (uint32_t)i, hash);
    }
    return rc == ERR_LIMIT ? err_set(e, rc, TABLE_COLLIDES) : rc < 0 ? err_set(e, rc, "a vocabulary") : 0;
}

/* --- what tokens emit --------------------------------------------------------------------------------------------------------------- */

static int byte_of(struct str text)
{
    static const char digits[] = "0123456789ABCDEF";
    if (text.len != 6 || !str_starts(text, STR("<0x")) || text.ptr[5] != '>')
        return -1;
    const char *high = memchr(digits, text.ptr[3], 16), *low = memchr(digits, text.ptr[4], 16);
    return high && low ? (int)(16 * (high - digits) + (low - digits)) : -1;
}

/* U+2581 stands for a blank. */
static size_t spaced(struct str text, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len;) {
        bool blank = str_starts(str_skip(text, i), STR("\xE2\x96\x81"));
        out[len++] = blank ? ' ' : text.ptr[i];
        i += blank ? 3 : 1;
    }
    return len;
}

static size_t piece_of(const struct tokenizer *t, int32_t id, char *out)
{
    struct str text = tokenizer_text(t, id);
    enum token_type type = token_type(t, id);
    int byte = type == TOKEN_BYTE && t->kind == TOKENIZER_SPM ? byte_of(text) : -1;
    if (byte >= 0) {
        out[0] = (char)byte;
        return 1;
    }
    if (t->kind != TOKENIZER_SPM && (type == TOKEN_USER || type == TOKEN_CONTROL || type == TOKEN_UNKNOWN)) {
        if (text.len)
            memcpy(out, text.ptr, text.len);
        return text.len;
    }
    return t->kind == TOKENIZER_BPE ? bpe_piece(text, out) : spaced(text, out);
}

static int make_pieces(struct tokenizer *t, struct err *e)
{
    size_t bytes = 1;
    for (int32_t i = 0; i < t->count; i++)
        bytes += tokenizer_text(t, i).len;
    if (bytes > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "the texts of a vocabulary have %zu bytes; the limit is 4 GiB", bytes);
    t->pieces = mem_alloc(bytes);
    t->piece_at = new0_array(uint32_t, (size_t)t->count + 1);
    if (!t->pieces || !t->piece_at)
        return err_set(e, ERR_NOMEM, "a vocabulary");
    for (int32_t i = 0; i < t->count; i++)
        t->piece_at[i + 1] = t->piece_at[i] + (uint32_t)piece_of(t, i, t->pieces + t->piece_at[i]);
    return 0;
}

/* --- tokens with a meaning ------------------------------------------------------------------------------------------------------------ */

/* An id that is none leaves what was there, and so does a key that is missing. */
static void read_id(const struct tokenizer *t, const struct gguf *g, const char *key, int32_t *id)
{
    uint64_t given;
    if (gguf_get_u64(g, key, &given) && given < (uint64_t)t->count)
        *id = (int32_t)given;
    else if (*id >= t->count)
        *id = TOKEN_NONE;
}

static void mark(struct tokenizer *t, int32_t id, uint8_t flag)
{
    if (id >= 0 && id < t->count)
        t->info[id] |= flag;
}

static void mark_text(struct tokenizer *t, const char *text, uint8_t flag)
{
    mark(t, tokenizer_find(t, str_from(text)), flag);
}

/* Whoever ends a turn by these names is a control token, whatever the file says: a user's text must not contain it by accident. */
static void mark_ends_by_name(struct tokenizer *t)
{
    /* Gemma ends by other names; there this is HTML's, as <b> is. */
    bool strike = tokenizer_find(t, STR("<end_of_turn>")) != TOKEN_NONE || tokenizer_find(t, STR("<|tool_response>")) != TOKEN_NONE;
    static const char *const names[] = {
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>",
        "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
        "<｜end▁of▁sentence｜>",
        "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", /* fim_pad, fim_rep and fim_sep of files older than those keys */
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        int32_t id = tokenizer_find(t, str_from(names[i]));
        if (id != TOKEN_NONE && !(strike && str_eq(str_from(names[i]), STR("</s>"))))
            t->info[id] = TOKEN_CONTROL | TOKEN_END;
    }
}

static void mark_ends_by_key(struct tokenizer *t, const struct gguf *g)
{
    static const char *const keys[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id", "tokenizer.ggml.fim_pad_token_id",
                                       "tokenizer.ggml.fim_rep_token_id", "tokenizer.ggml.fim_sep_token_id"};
    mark(t, t->eos, TOKEN_END);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        int32_t id = TOKEN_NONE;
        read_id(t, g, keys[i], &id);
        mark(t, id, TOKEN_END);
    }
    struct gguf_array more; /* of files made by Ollama */
    if (gguf_get_array(g, "tokenizer.ggml.eos_token_ids", &more) && more.type != GGUF_STRING)
        for (uint64_t i = 0; i < more.count; i++) {
            int64_t id = gguf_array_i64(&more, i);
            mark(t, id >= 0 && id < t->count ? (int32_t)id : TOKEN_NONE, TOKEN_END);
        }
}

/* One family uses a name of the list for something else. */
static void unmark_ends(struct tokenizer *t)
{
    int32_t end = tokenizer_find(t, STR("<|end|>"));
    if (tokenizer_find(t, STR("<|return|>")) != TOKEN_NONE && tokenizer_find(t, STR("<|call|>")) != TOKEN_NONE) { /* gpt-oss */
        if (end != TOKEN_NONE)
            t->info[end] &= (uint8_t)~TOKEN_END;
        static const char *const shown[] = {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"};
        for (size_t i = 0; i < COUNT_OF(shown); i++)
            mark_text(t, shown[i], TOKEN_SHOWN);
    }
}

/* Llama 3 ends its turns with <|eot_id|>, but early files say the end of the text. */
static void mend_llama3(struct tokenizer *t, const struct gguf *g)
{
    enum { END_OF_TEXT = 128001, EOT = 128009 };
    uint64_t eos = END_OF_TEXT;
    struct str template = STR_NONE, pre = STR("default");
    (void)gguf_get_u64(g, "tokenizer.ggml.eos_token_id", &eos);
    (void)gguf_get_text(g, "tokenizer.chat_template", &template);
    (void)gguf_get_text(g, "tokenizer.ggml.pre", &pre);
    if (t->kind == TOKENIZER_BPE && t->count > EOT && str_eq(tokenizer_text(t, EOT), STR("<|eot_id|>")) &&
        (str_eq(pre, STR("default")) || (eos == END_OF_TEXT && str_find(template, STR("<|start_header_id|>")) >= 0)))
        t->eos = EOT;
}

/* Phi-3's special tokens take the blanks behind them, but for three; no key says so. */
static void mend_phi3(struct tokenizer *t, const struct gguf *g)
{
    struct str name = STR_NONE;
    (void)gguf_get_text(g, "general.name", &name);
    if (!str_contains_fold(name, STR("phi-3")) && !str_contains_fold(name, STR("phi3")))
        return;
    for (int32_t i = 0; i < t->count; i++) {
        struct str text = tokenizer_text(t, i);
        bool plain = token_type(t, i) == TOKEN_NORMAL || token_type(t, i) == TOKEN_UNUSED || token_type(t, i) == TOKEN_BYTE;
        if (!plain && !str_eq(text, STR("<unk>")) && !str_eq(text, STR("<s>")) && !str_eq(text, STR("<|endoftext|>")))
            t->info[i] |= TOKEN_EATS_SPACE;
    }
}

static void read_ends(struct tokenizer *t, const struct gguf *g)
{
    read_id(t, g, "tokenizer.ggml.bos_token_id", &t->bos);
    if (t->kind == TOKENIZER_WPM)
        read_id(t, g, "tokenizer.ggml.cls_token_id", &t->bos);
    read_id(t, g, "tokenizer.ggml.eos_token_id", &t->eos);
    read_id(t, g, "tokenizer.ggml.unknown_token_id", &t->unk);
    read_id(t, g, "tokenizer.ggml.seperator_token_id", &t->sep); /* as files spell it */
    mend_llama3(t, g);
    bool add_eos = false, add_sep = t->add_sep;
    bool said = gguf_get_bool(g, "tokenizer.ggml.add_eos_token", &add_eos);
    (void)gguf_get_bool(g, "tokenizer.ggml.add_bos_token", &t->add_bos);
    (void)gguf_get_bool(g, "tokenizer.ggml.add_space_prefix", &t->add_space_prefix);
    if (t->kind == TOKENIZER_WPM) { /* always between CLS and SEP */
        t->add_bos = add_sep = true;
        add_eos = false;
    } else if (said) {
        add_sep = false;
    } else if (t->sep == TOKEN_NONE) {
        add_eos = add_sep;
        add_sep = false;
    }
    if (t->kind != TOKENIZER_WPM)
        (void)gguf_get_bool(g, "tokenizer.ggml.add_sep_token", &add_sep);
    if (t->kind == TOKENIZER_BPE)
        t->add_space_prefix = false;
    t->add_bos = t->add_bos && t->bos != TOKEN_NONE;
    t->add_eos = add_eos && t->eos != TOKEN_NONE;
    t->add_sep = add_sep && t->sep != TOKEN_NONE;
}

/* --- the door ----------------------------------------------------------------------------------------------------------------------- */

static int read_kind(struct tokenizer *t, const struct gguf *g, struct err *e)
{
    struct str model = STR_NONE;
    if (!gguf_get_text(g, "tokenizer.ggml.model", &model))
        return err_set(e, ERR_SYNTAX, "the file does not say what kind of vocabulary it has (tokenizer.ggml.model)");
    if (str_eq(model, STR("gpt2")))
        t->kind = TOKENIZER_BPE;
    else if (str_eq(model, STR("llama")))
        t->kind = TOKENIZER_SPM;
    else if (str_eq(model, STR("bert")))
        t->kind = TOKENIZER_WPM;
    else if (str_eq(model, STR("none")) || str_eq(model, STR("no_vocab")))
        return err_set(e, ERR_UNSUPPORTED, "the file has no vocabulary: text cannot become tokens");
    else
        return err_set(e, ERR_UNSUPPORTED, "vocabularies of the kind %s are not supported; those of gpt2, llama and bert are",
                       gguf_shown(model).text);
    return 0;
}

/* A vocabulary is one without capitals and accents unless newer files say otherwise; of the second, what they say of the first. */
static void read_normalizer(struct tokenizer *t, const struct gguf *g)
{
    bool lower = true;
    (void)gguf_get_bool(g, "tokenizer.ggml.normalizer.lowercase", &lower);
    bool strip = lower;
    (void)gguf_get_bool(g, "tokenizer.ggml.normalizer.strip_accents", &strip);
    t->keeps_case = !lower;
    t->keeps_accents = !strip;
}

static int open_kind(struct tokenizer *t, const struct gguf *g, struct err *e)
{
    switch (t->kind) {
    case TOKENIZER_BPE: return bpe_open(t, g, e);
    case TOKENIZER_SPM: return spm_open(t, g, e);
    case TOKENIZER_WPM:
        t->bos = 101;
        t->sep = 102;
        t->unk = 100;
        read_normalizer(t, g);
        t->kind_name = mem_dup_text("WordPiece");
        return t->kind_name ? 0 : err_set(e, ERR_NOMEM, "a vocabulary");
    }
    return 0;
}

static int fill(struct tokenizer *t, const struct gguf *g, struct err *e)
{
    int rc = read_kind(t, g, e);
    if (rc == 0)
        rc = read_texts(t, g, e);
    if (rc == 0)
        rc = read_types(t, g, e);
    if (rc == 0)
        rc = index_texts(t, e);
    if (rc < 0)
        return rc;
    mark_ends_by_name(t); /* before anything asks for types */
    rc = open_kind(t, g, e);
    if (rc < 0)
        return rc;
    read_ends(t, g);
    mark_ends_by_key(t, g);
    unmark_ends(t);
    mend_phi3(t, g);
    rc = make_pieces(t, e);
    return rc < 0 ? rc : special_open(t, e);
}

int tokenizer_open(struct tokenizer **out, const struct gguf *g, struct err *e)
{
    struct tokenizer *t = new0(struct tokenizer);
    if (!t)
        return err_set(e, ERR_NOMEM, "a vocabulary");
    t->bos = t->eos = t->unk = t->sep = TOKEN_NONE;
    int rc = fill(t, g, e);
    if (rc < 0) {
        tokenizer_close(t);
        return rc;
    }
    *out = t;
    return 0;
}

void tokenizer_close(struct tokenizer *t)
{
    if (!t)
        return;
    mem_free((void *)(uintptr_t)t->kind_name);
    mem_free(t->info);
    mem_free(t->piece_at);
    mem_free(t->pieces);
    mem_free(t->table.slot);
    mem_free(t->special);
    mem_free(t->special_by_length);
    mem_free(t->merge);
    mem_free(t->pair);
    mem_free(t->extra);
    mem_free(t->extra_bytes);
    mem_free(t->order);
    mem_free(t->power);
    mem_free(t);
}

int32_t tokenizer_count(const struct tokenizer *t)
{
    return t->count;
}

const char *tokenizer_kind(const struct tokenizer *t)
{
    return t->kind_name;
}

const char *tokenizer_warning(const struct tokenizer *t)
{
    return t->warning;
}

static bool is_token(const struct tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->count;
}

struct str tokenizer_piece(const struct tokenizer *t, int32_t id)
{
    return is_token(t, id) ? str_of(t->pieces + t->piece_at[id], t->piece_at[id + 1] - t->piece_at[id]) : STR("");
}

struct str tokenizer_text(const struct tokenizer *t, int32_t id)
{
    return is_token(t, id) ? gguf_array_text(&t->texts, (uint64_t)id) : STR("");
}

int32_t tokenizer_find(const struct tokenizer *t, struct str text)
{
    uint32_t found = text_table_find(t, text, text_hash(0, text));
    return found < (uint32_t)t->count ? (int32_t)found : TOKEN_NONE;
}

bool tokenizer_is_end(const struct tokenizer *t, int32_t id)
{
    return is_token(t, id) && t->info[id] & TOKEN_END;
}

bool tokenizer_is_control(const struct tokenizer *t, int32_t id)
{
    if (!is_token(t, id) || t->info[id] & TOKEN_SHOWN)
        return false;
    return token_type(t, id) == TOKEN_CONTROL || token_type(t, id) == TOKEN_UNKNOWN;
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->bos;
}

int32_t tokenizer_eos(const struct tokenizer *t)
{
    return t->eos;
}

bool tokenizer_adds_bos(const struct tokenizer *t)
{
    return t->add_bos;
}
