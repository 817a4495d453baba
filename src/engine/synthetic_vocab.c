/* synthetic_vocab.c: made-up vocabularies of the three kinds, of any size, in which every text can be told.
 *
 *   byte-level BPE   the 256 bytes as printable characters · words and syllables, each with the merge that makes it · specials
 *   SentencePiece    specials · <0x00> to <0xFF> · words and syllables with falling scores · single characters · more specials
 *   WordPiece        specials · characters, at the start of a word and inside · words and syllables
 *
 * A piece is made of a piece that is there already and something behind it: so each can be reached by merging. After the words
 * come syllables of a consonant and a vowel, in ones, twos and threes, until the vocabulary has its size. */
#include "engine/gguf.h"
#include "engine/synthetic_priv.h"

enum kind { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER = 4, UNUSED = 5, BYTE = 6 }; /* tokenizer.ggml.token_type */

struct special {
    const char *text;
    enum kind kind;
};

struct vocab {
    struct arena *a;
    struct str *token; /* size of them, in order */
    uint8_t *kind;
    float *score;
    struct str *merge;                                   /* "left right" */
    uint32_t *slot;                                      /* open hash: token + 1, or 0; twice the size at least */
    uint32_t count, size, merge_count, slot_count, full; /* full: where pieces must stop, for what comes after */
    const char *space;                                   /* how a piece that starts a word starts */
    bool failed;                                         /* memory */
};

static bool vocab_init(struct vocab *v, struct arena *a, uint32_t size, const char *space)
{
    *v = (struct vocab){.a = a, .size = size, .full = size, .space = space, .slot_count = 4};
    while (v->slot_count < 2 * size)
        v->slot_count *= 2;
    v->token = arena_new_array(a, struct str, size);
    v->kind = arena_new_array(a, uint8_t, size);
    v->score = arena_new_array(a, float, size);
    v->merge = arena_new_array(a, struct str, size);
    v->slot = arena_new_array(a, uint32_t, v->slot_count);
    return v->token && v->kind && v->score && v->merge && v->slot;
}

static uint32_t *slot_of(const struct vocab *v, struct str text)
{
    uint32_t i = (uint32_t)str_hash(text) & (v->slot_count - 1);
    while (v->slot[i] && !str_eq(v->token[v->slot[i] - 1], text))
        i = (i + 1) & (v->slot_count - 1);
    return &v->slot[i];
}

static bool has(const struct vocab *v, struct str text)
{
    return *slot_of(v, text) != 0;
}

/* `text` must live as long as the arena. True when it is a new token. */
static bool add(struct vocab *v, struct str text, enum kind kind)
{
    uint32_t *slot = slot_of(v, text);
    if (*slot || v->count == v->size)
        return false;
    v->token[v->count] = text;
    v->kind[v->count] = (uint8_t)kind;
    *slot = ++v->count;
    return true;
}

static void add_copy(struct vocab *v, struct str text, enum kind kind)
{
    struct str copy = arena_dup(v->a, text);
    v->failed |= !copy.ptr;
    if (copy.ptr)
        (void)add(v, copy, kind); /* there already is as good */
}

/* "BEFOREnumberAFTER" */
static void add_numbered(struct vocab *v, enum kind kind, const char *before, uint32_t number, const char *after)
{
    char text[64];
    (void)text_format(text, sizeof text, "%s%u%s", before, number, after);
    add_copy(v, str_from(text), kind);
}

/* The piece left + right, made by merging the two. */
static void join(struct vocab *v, struct str left, struct str right)
{
    if (v->failed || v->count >= v->full)
        return;
    size_t n = left.len + right.len;
    char *text = arena_alloc(v->a, 2 * n + 1), *merge = text + n; /* "leftright", and "left right" */
    v->failed |= !text;
    if (!text)
        return;
    memcpy(text, left.ptr, left.len);
    memcpy(text + left.len, right.ptr, right.len);
    if (!add(v, str_of(text, n), NORMAL))
        return; /* there already */
    memcpy(merge, left.ptr, left.len);
    merge[left.len] = ' ';
    memcpy(merge + left.len + 1, right.ptr, right.len);
    v->merge[v->merge_count++] = str_of(merge, n + 1);
}

/* Bytes of the character at the start. */
static size_t first_char(struct str s)
{
    size_t n = 1;
    while (n < s.len && ((uint8_t)s.ptr[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* The word and all its beginnings. */
static void add_word(struct vocab *v, struct str word)
{
    for (size_t n = first_char(word); n < word.len;) {
        size_t more = first_char(str_skip(word, n));
        join(v, str_slice(word, 0, n), str_slice(word, n, n + more));
        n += more;
    }
}

static void add_words(struct vocab *v)
{
    for (size_t i = 0; i < synthetic_word_count && v->count < v->full; i++) {
        char word[64];
        (void)text_format(word, sizeof word, "%s%s", v->space, synthetic_words[i]);
        add_word(v, str_from(word));
        add_word(v, str_from(synthetic_words[i]));
    }
}

/* A word of so many syllables, by number; returns its length. */
static size_t syllables(uint32_t number, uint32_t count, char out[8])
{
    static const char consonants[] = "bdfghjklmnprstvwyz", vowels[] = "aeiou";
    enum { EACH = (sizeof consonants - 1) * (sizeof vowels - 1) };
    for (uint32_t s = 0; s < count; s++, number /= EACH) {
        out[2 * s] = consonants[number % EACH / (sizeof vowels - 1)];
        out[2 * s + 1] = vowels[number % (sizeof vowels - 1)];
    }
    return 2 * (size_t)count;
}

static void add_syllables(struct vocab *v)
{
    static const uint32_t counts[] = {90, 90 * 90, 90 * 90 * 90};
    for (uint32_t count = 1; count <= COUNT_OF(counts); count++)
        for (uint32_t i = 0; i < counts[count - 1] && v->count < v->full && !v->failed; i++) {
            char text[8];
            size_t n = syllables(i, count, text), cut = count == 1 ? 1 : n - 2;
            join(v, str_of(text, cut), str_of(text + cut, n - cut));
            join(v, str_from(v->space), str_of(text, n));
        }
}

static void add_pieces(struct vocab *v)
{
    add_words(v);
    add_syllables(v);
}

/* ---- byte-level BPE ---- */

static bool prints(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
}

static void add_byte_chars(struct vocab *v)
{
    char text[4];
    for (uint32_t byte = 0; byte < 256; byte++)
        if (prints(byte))
            add_copy(v, str_of(text, str_utf8_put(byte, text)), NORMAL);
    for (uint32_t byte = 0, code = 0x100; byte < 256; byte++)
        if (!prints(byte))
            add_copy(v, str_of(text, str_utf8_put(code++, text)), NORMAL);
}

/* clang-format off */
static const struct special llama3_specials[] = {
    {"<|begin_of_text|>", CONTROL}, {"<|end_of_text|>", CONTROL}, {"<|reserved_special_token_0|>", CONTROL},
    {"<|reserved_special_token_1|>", CONTROL}, {"<|finetune_right_pad_id|>", CONTROL}, {"<|reserved_special_token_2|>", CONTROL},
    {"<|start_header_id|>", CONTROL}, {"<|end_header_id|>", CONTROL}, {"<|eom_id|>", CONTROL}, {"<|eot_id|>", CONTROL},
    {"<|python_tag|>", CONTROL},
};
static const struct special qwen_specials[] = {
    {"<|endoftext|>", CONTROL}, {"<|im_start|>", CONTROL}, {"<|im_end|>", CONTROL}, {"<|object_ref_start|>", CONTROL},
    {"<|object_ref_end|>", CONTROL}, {"<|box_start|>", CONTROL}, {"<|box_end|>", CONTROL}, {"<|quad_start|>", CONTROL},
    {"<|quad_end|>", CONTROL}, {"<|vision_start|>", CONTROL}, {"<|vision_end|>", CONTROL}, {"<|vision_pad|>", CONTROL},
    {"<|image_pad|>", CONTROL}, {"<|video_pad|>", CONTROL}, {"<tool_call>", USER}, {"</tool_call>", USER},
    {"<|fim_prefix|>", CONTROL}, {"<|fim_middle|>", CONTROL}, {"<|fim_suffix|>", CONTROL}, {"<|fim_pad|>", CONTROL},
    {"<|repo_name|>", CONTROL}, {"<|file_sep|>", CONTROL},
    {"<tool_response>", USER}, {"</tool_response>", USER}, {"<think>", USER}, {"</think>", USER}, /* Qwen3 */
};
static const struct special mistral_specials[] = {
    {"<unk>", UNKNOWN}, {"<s>", CONTROL}, {"</s>", CONTROL}, {"[INST]", CONTROL}, {"[/INST]", CONTROL}, {"[TOOL_CALLS]", CONTROL},
    {"[AVAILABLE_TOOLS]", CONTROL}, {"[/AVAILABLE_TOOLS]", CONTROL}, {"[TOOL_RESULTS]", CONTROL}, {"[/TOOL_RESULTS]", CONTROL},
};
static const struct special gemma_specials[] = {
    {"<pad>", CONTROL}, {"<eos>", CONTROL}, {"<bos>", CONTROL}, {"<unk>", UNKNOWN}, {"<mask>", CONTROL},
    {"<start_of_turn>", CONTROL}, {"<end_of_turn>", CONTROL},
};
static const struct special phi3_first[] = {{"<unk>", UNKNOWN}, {"<s>", CONTROL}, {"</s>", CONTROL}};
static const struct special phi3_specials[] = {
    {"<|endoftext|>", CONTROL}, {"<|assistant|>", CONTROL}, {"<|placeholder1|>", CONTROL}, {"<|placeholder2|>", CONTROL},
    {"<|placeholder3|>", CONTROL}, {"<|placeholder4|>", CONTROL}, {"<|system|>", CONTROL}, {"<|end|>", CONTROL},
    {"<|placeholder5|>", CONTROL}, {"<|placeholder6|>", CONTROL}, {"<|user|>", CONTROL},
};
static const struct special bert_specials[] = {
    {"[UNK]", UNKNOWN}, {"[CLS]", CONTROL}, {"[SEP]", CONTROL}, {"[MASK]", CONTROL},
};
/* clang-format on */

/* Both generations of Qwen: they differ in how many special tokens they have. */
#define QWEN \
    .model = "gpt2", .pre = "qwen2", .last = qwen_specials, .last_at = 151643, .filler = "[PAD", \
    .filler_end = "]", .filler_kind = UNUSED, .bos = "<|endoftext|>", .eos = "<|im_end|>", .pad = \
    "<|endoftext|>"

/* What differs between the families. Numbers of ids are those of the real vocabularies; a tiny one keeps the named tokens only. */
static const struct family {
    const char *model, *pre;            /* tokenizer.ggml.model and .pre */
    const struct special *first, *last; /* at the start and behind the pieces */
    uint32_t first_count, last_count;   /* of the named ones */
    uint32_t first_ids;                 /* with the unused ones behind them */
    uint32_t last_at;                   /* the id of the first behind the pieces */
    const char *filler, *filler_end;    /* the unused ones' names, around a number */
    enum kind filler_kind;
    const char *bos, *eos, *pad, *eot, *unk; /* NULL: no such key */
    int add_bos;                             /* -1: no such key */
    bool no_space_prefix;
} families[] = {
    [SYNTHETIC_LLAMA3] = {.model = "gpt2",
                          .pre = "llama-bpe",
                          .last = llama3_specials,
                          .last_at = 128000,
                          .last_count = 11,
                          .filler = "<|reserved_special_token_",
                          .filler_end = "|>",
                          .filler_kind = CONTROL,
                          .bos = "<|begin_of_text|>",
                          .eos = "<|eot_id|>",
                          .add_bos = -1},
    [SYNTHETIC_QWEN2] = {QWEN, .last_count = 22},
    [SYNTHETIC_QWEN3] = {QWEN, .last_count = 26},
    [SYNTHETIC_MISTRAL] = {.model = "llama",
                           .pre = "default",
                           .first = mistral_specials,
                           .first_ids = 771,
                           .first_count = 10,
                           .filler = "[control_",
                           .filler_end = "]",
                           .filler_kind = CONTROL,
                           .bos = "<s>",
                           .eos = "</s>",
                           .unk = "<unk>",
                           .add_bos = 1},
    [SYNTHETIC_GEMMA] = {.model = "llama",
                         .pre = "default",
                         .first = gemma_specials,
                         .first_ids = 217,
                         .first_count = 7,
                         .filler = "<unused",
                         .filler_end = ">",
                         .filler_kind = UNUSED,
                         .bos = "<bos>",
                         .eos = "<eos>",
                         .pad = "<pad>",
                         .eot = "<end_of_turn>",
                         .unk = "<unk>",
                         .add_bos = 1,
                         .no_space_prefix = true},
    [SYNTHETIC_PHI3] = {.model = "llama",
                        .pre = "default",
                        .first = phi3_first,
                        .first_ids = 3,
                        .first_count = 3,
                        .last = phi3_specials,
                        .last_at = 32000,
                        .last_count = 11,
                        .filler = "<|placeholder",
                        .filler_end = "|>",
                        .filler_kind = UNUSED,
                        .bos = "<s>",
                        .eos = "<|endoftext|>",
                        .pad = "<|endoftext|>",
                        .unk = "<unk>",
                        .add_bos = 0},
    [SYNTHETIC_BERT] = {.model = "bert",
                        .first = bert_specials,
                        .first_ids = 104,
                        .first_count = 4,
                        .filler = "[unused",
                        .filler_end = "]",
                        .filler_kind = UNUSED,
                        .add_bos = -1},
};
#define TINY_VOCAB 4096 /* a smaller one has no ids to spare for unused tokens */

static void add_specials(struct vocab *v, const struct special *list, uint32_t count, uint32_t ids,
                         const struct family *f)
{
    uint32_t end = v->count + ids;
    for (uint32_t i = 0; i < count; i++)
        add_copy(v, str_from(list[i].text), list[i].kind);
    for (uint32_t n = 3; v->count < end && v->count < v->size && !v->failed; n++)
        add_numbered(v, f->filler_kind, f->filler, n, f->filler_end);
}

/* Where the pieces end. A vocabulary without specials behind them has pieces up to its end. */
static uint32_t last_at(const struct vocab *v, const struct family *f)
{
    return v->size < TINY_VOCAB || !f->last_at ? v->size - f->last_count : f->last_at;
}

static void build_bpe(struct vocab *v, const struct family *f)
{
    v->full = last_at(v, f);
    add_byte_chars(v);
    add_pieces(v);
    add_specials(v, f->last, f->last_count, v->size - v->count, f);
}

/* ---- SentencePiece ---- */

/* Letters and marks that many texts need whole; the others are told in bytes. */
static const char chars[] =
    "▁eaoitnsrhldcumpgfybvwkxjqz.,ETAOINSRHLDCUMPGFYBVWKXJQZ0123456789-_'\"()[]{}<>=:;/\\!?*+&%$#@^|~`"
    "éèêàâäöüßñçíóúáåøæœ«»–—’‘“”…€£°§àìòùïôîûëÄÖÜ"
    "абвгдежзийклмнопрстуфхцчшщъыьэюяαβγδεζηθικλμνξοπρςστυφχψω"
    "的一是不了人我在有他这中大来上国个到说们あいうえおかきくけこさしすせそのはをに가나다라마바사아자하";

static void add_chars(struct vocab *v, bool all)
{
    struct str rest = str_of(chars, sizeof chars - 1);
    for (size_t n; rest.len && (all || rest.ptr[0] != "é"[0]); rest = str_skip(rest, n)) {
        n = first_char(rest);
        add_copy(v, str_slice(rest, 0, n), NORMAL);
    }
}

static uint32_t count_chars(bool all)
{
    uint32_t count = 0;
    struct str rest = str_of(chars, sizeof chars - 1);
    for (; rest.len && (all || rest.ptr[0] != "é"[0]); rest = str_skip(rest, first_char(rest)))
        count++;
    return count; /* some stand in it twice: the vocabulary then has a few pieces less and is filled up */
}

static void build_spm(struct vocab *v, const struct family *f)
{
    bool tiny = v->size < TINY_VOCAB;
    add_specials(v, f->first, f->first_count, tiny ? f->first_count : f->first_ids, f);
    for (uint32_t byte = 0; byte < 256; byte++) {
        char text[8];
        (void)text_format(text, sizeof text, "<0x%02X>", byte);
        add_copy(v, str_from(text), BYTE);
    }
    uint32_t pieces_from = v->count;
    v->full = last_at(v, f) - count_chars(!tiny);
    add_pieces(v);
    add_chars(v, !tiny);
    v->full = last_at(v, f); /* characters that were there already leave room */
    add_syllables(v);
    for (uint32_t i = pieces_from; i < v->count; i++)
        v->score[i] = -(float)(i - pieces_from);
    add_specials(v, f->last, f->last_count, v->size - v->count, f);
}

/* ---- WordPiece, as files hold it: a piece that starts a word starts with U+2581, one inside stands alone ---- */

static void build_wordpiece(struct vocab *v, const struct family *f)
{
    bool tiny = v->size < TINY_VOCAB;
    add_copy(v, STR("[PAD]"), CONTROL);
    for (uint32_t n = 0; n < 99; n++)
        add_numbered(v, f->filler_kind, f->filler, n, f->filler_end);
    add_specials(v, f->first, f->first_count, f->first_count, f);
    struct str rest = str_skip(str_of(chars, sizeof chars - 1), strlen(v->space));
    for (size_t n; rest.len && (!tiny || rest.ptr[0] != "é"[0]); rest = str_skip(rest, n)) {
        n = first_char(rest);
        if (rest.ptr[0] >= 'A' && rest.ptr[0] <= 'Z')
            continue; /* text is lower-cased before it is looked up */
        add_copy(v, str_slice(rest, 0, n), NORMAL);
        char start[16];
        add_copy(v, str_of(start, text_format(start, sizeof start, "%s%.*s", v->space, (int)n, rest.ptr)), NORMAL);
    }
    add_pieces(v);
    add_specials(v, NULL, 0, v->size - v->count, f);
}

/* ---- into the file ---- */

static void put_id(struct synthetic_head *h, const struct vocab *v, const char *key, const char *token)
{
    if (token && has(v, str_from(token)))
        synthetic_key_u32(h, key, *slot_of(v, str_from(token)) - 1);
}

static void put_texts(struct synthetic_head *h, const char *key, const struct str *list, uint32_t count)
{
    synthetic_key_array(h, key, GGUF_STRING, count);
    for (uint32_t i = 0; i < count; i++)
        synthetic_put_text(h, list[i]);
}

static void put_tokens(struct synthetic_head *h, const struct vocab *v, const struct family *f)
{
    synthetic_key_text(h, "tokenizer.ggml.model", f->model);
    if (f->pre)
        synthetic_key_text(h, "tokenizer.ggml.pre", f->pre);
    put_texts(h, "tokenizer.ggml.tokens", v->token, v->count);
    synthetic_key_array(h, "tokenizer.ggml.token_type", GGUF_I32, v->count);
    for (uint32_t i = 0; i < v->count; i++)
        synthetic_put_u32(h, v->kind[i]);
    if (str_eq(str_from(f->model), STR("gpt2"))) {
        put_texts(h, "tokenizer.ggml.merges", v->merge, v->merge_count);
    } else if (str_eq(str_from(f->model), STR("llama"))) {
        synthetic_key_array(h, "tokenizer.ggml.scores", GGUF_F32, v->count);
        synthetic_put(h, v->score, v->count * sizeof *v->score);
    }
}

static void put_ids(struct synthetic_head *h, const struct vocab *v, const struct family *f, bool bert)
{
    put_id(h, v, "tokenizer.ggml.bos_token_id", bert ? "[CLS]" : f->bos);
    put_id(h, v, "tokenizer.ggml.eos_token_id", bert ? "[SEP]" : f->eos);
    put_id(h, v, "tokenizer.ggml.eot_token_id", f->eot);
    put_id(h, v, "tokenizer.ggml.unknown_token_id", bert ? "[UNK]" : f->unk);
    put_id(h, v, "tokenizer.ggml.padding_token_id", bert ? "[PAD]" : f->pad);
    if (bert) {
        put_id(h, v, "tokenizer.ggml.seperator_token_id", "[SEP]"); /* spelled so in all files */
        put_id(h, v, "tokenizer.ggml.cls_token_id", "[CLS]");
        put_id(h, v, "tokenizer.ggml.mask_token_id", "[MASK]");
        synthetic_key_u32(h, "tokenizer.ggml.token_type_count", 2);
    }
    if (f->add_bos >= 0)
        synthetic_key_bool(h, "tokenizer.ggml.add_bos_token", f->add_bos);
    if (f->no_space_prefix)
        synthetic_key_bool(h, "tokenizer.ggml.add_space_prefix", false);
}

int synthetic_vocab_keys(struct synthetic_head *h, const struct synthetic_shape *s, struct arena *a)
{
    const struct family *f = &families[s->family];
    bool bpe = str_eq(str_from(f->model), STR("gpt2")), bert = s->family == SYNTHETIC_BERT;
    struct vocab v;
    if (!vocab_init(&v, a, s->vocab, bpe ? "Ġ" : "▁"))
        return ERR_NOMEM;
    if (bpe)
        build_bpe(&v, f);
    else if (bert)
        build_wordpiece(&v, f);
    else
        build_spm(&v, f);
    if (v.failed)
        return ERR_NOMEM;
    put_tokens(h, &v, f);
    put_ids(h, &v, f, bert);
    if (synthetic_chat(s->family))
        synthetic_key_text(h, "tokenizer.chat_template", synthetic_chat(s->family));
    return 0;
}
