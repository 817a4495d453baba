/* fuzz_tokenizer.c: vocabularies of any kind × texts of any bytes. Checked: every id is one of the vocabulary; what BPE and SPM make of a
 * text stands for its bytes, each once and in order; and the stream of text is valid UTF-8 at every token, whole characters only.
 * Input: kind and flags, pre-tokenizer, then lines up to an empty one: a token each, or a merge ("+left right"), a user-defined token
 * ("="), a control one ("!"); then the text. The 256 bytes are in every vocabulary, so that nothing is unknown but to WordPiece. */
#include "engine/tokenizer_priv.h"
#include "tokenizer_kit.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input beyond 1 KiB finds nothing that shorter input does not, and each run would take several times as long. */
enum { INPUT_MAX = 1024, LINES_MAX = 200, TOKENS_MAX = 256 + LINES_MAX + 2 };

static const char *const pre[] = {"default", "llama-bpe", "qwen2", "qwen35", "tekken", "gpt-4o", "gpt-2", "starcoder", "falcon", "deepseek-coder",
                                  "deepseek-llm", "deepseek-v3", "roberta-bpe", "glm4"};

struct input {
    const char *model;
    struct str pre, token[TOKENS_MAX], merge[LINES_MAX];
    int32_t type[TOKENS_MAX];
    float score[TOKENS_MAX];
    size_t tokens, merges;
};

static void add(struct input *in, struct str text, int32_t type)
{
    in->token[in->tokens] = text;
    in->type[in->tokens] = type;
    in->score[in->tokens] = (float)(int)(text.len * 37 % 11) - (float)in->tokens / 64;
    in->tokens++;
}

/* Made once: making a name looks at all bytes before it, and was half of a run's time. */
static void add_bytes(struct input *in)
{
    static char names[2][256][8];
    static struct str name[2][256];
    bool spm = strcmp(in->model, "llama") == 0;
    for (unsigned b = 0; b < 256; b++) {
        if (!name[spm][b].ptr)
            name[spm][b] = spm ? str_of(names[1][b], text_format(names[1][b], sizeof names[1][b], "<0x%02X>", b)) : vocab_byte(b, names[0][b]);
        add(in, name[spm][b], spm ? 6 : 1);
    }
    add(in, STR("\xE2\x96\x81"), 1);
}

static void add_line(struct input *in, struct str line)
{
    struct str rest = str_skip(line, 1);
    if (line.ptr[0] == '+')
        in->merge[in->merges++] = rest;
    else if (line.ptr[0] == '=' || line.ptr[0] == '!')
        add(in, rest, line.ptr[0] == '=' ? 4 : 3);
    else
        add(in, line, 1);
}

static void open_vocab(struct vocab *v, struct input *in, uint8_t flags)
{
    vocab_text(v, "tokenizer.ggml.model", str_from(in->model));
    vocab_text(v, "tokenizer.ggml.pre", in->pre);
    vocab_texts(v, "tokenizer.ggml.tokens", in->token, in->tokens);
    vocab_i32s(v, "tokenizer.ggml.token_type", in->type, in->tokens);
    vocab_f32s(v, "tokenizer.ggml.scores", in->score, in->tokens);
    vocab_texts(v, "tokenizer.ggml.merges", in->merge, in->merges);
    vocab_bool(v, "tokenizer.ggml.add_bos_token", flags & 16);
    vocab_u32(v, "tokenizer.ggml.eos_token_id", flags);
    vocab_u32(v, "tokenizer.ggml.unknown_token_id", 63);
    if (flags & 32)
        vocab_bool(v, "tokenizer.ggml.add_space_prefix", false);
    (void)vocab_open(v);
}

static void check_valid(struct str text)
{
    for (size_t at = 0; at < text.len;) {
        unsigned len = str_utf8_length(str_skip(text, at));
        assert(len > 0);
        at += len;
    }
}

/* Appends what a token stands for in the text it was made of: SPM puts a blank before the text, and behind each special token. */
static void append_piece(struct buf *raw, const struct tokenizer *t, int32_t id, bool *first)
{
    struct str piece = tokenizer_piece(t, id);
    bool user = token_type(t, id) == TOKEN_USER;
    if (*first && t->add_space_prefix && !user) {
        assert(piece.len && piece.ptr[0] == ' ');
        piece = str_skip(piece, 1);
    }
    *first = user;
    int rc = buf_append(raw, piece);
    assert(rc == 0);
}

/* SPM cannot tell U+2581 from a blank, but where a user-defined token has it. */
static bool spells(struct str raw, struct str text, bool spm)
{
    static const struct str mark = {"\xE2\x96\x81", 3};
    while (raw.len && text.len) {
        bool same = raw.ptr[0] == text.ptr[0], blank = spm && raw.ptr[0] == ' ' && str_starts(text, mark);
        if (!same && !blank)
            return false;
        raw = str_skip(raw, 1);
        text = str_skip(text, same ? 1 : mark.len);
    }
    return raw.len == 0 && text.len == 0;
}

static void encode(const struct vocab *v, struct str text, unsigned flags, bool spm, bool exact)
{
    struct token_list list = TOKEN_LIST_INIT(1 << 20);
    struct buf raw = BUF_INIT(4 * MiB), shown = BUF_INIT(4 * MiB);
    struct detokenizer d;
    bool first = true;
    int rc = tokenizer_encode(v->tokenizer, text, flags, &list, NULL);
    assert(rc == 0);
    detokenizer_init(&d, v->tokenizer, flags & TOKENIZE_SPECIAL ? DETOKENIZE_SPECIAL : 0);
    for (size_t i = 0; i < list.count; i++) {
        assert(list.id[i] >= 0 && list.id[i] < tokenizer_count(v->tokenizer));
        if (exact)
            append_piece(&raw, v->tokenizer, list.id[i], &first);
        size_t before = shown.len; /* up to there it was looked at: whole characters, so what comes begins with one */
        rc = detokenizer_push(&d, list.id[i], &shown);
        assert(rc == 0);
        check_valid(str_skip(buf_str(&shown), before));
    }
    size_t before = shown.len;
    rc = detokenizer_finish(&d, &shown);
    assert(rc == 0);
    check_valid(str_skip(buf_str(&shown), before));
    if (exact)
        assert(spells(buf_str(&raw), text, spm));
    token_list_fini(&list);
    buf_fini(&raw);
    buf_fini(&shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_MAX)
        return 0;
    static const char *const models[] = {"gpt2", "llama", "bert"};
    struct input *in = new0(struct input);
    assert(in);
    in->model = models[data[0] % 3];
    in->pre = str_from(pre[data[1] % COUNT_OF(pre)]);
    add_bytes(in);
    struct str rest = str_of(data + 2, size - 2), line;
    for (size_t n = 0; n < LINES_MAX && str_cut(&rest, '\n', &line) && line.len; n++)
        add_line(in, line);
    struct vocab v = VOCAB_INIT;
    open_vocab(&v, in, data[0]);
    if (v.rc == 0) {
        bool wordpiece = data[0] % 3 == 2; /* drops and changes characters */
        struct buf composed = BUF_INIT(4 * MiB);
        int rc = v.tokenizer->composed ? unicode_compose(rest, &composed) : buf_append(&composed, rest);
        assert(rc == 0);
        encode(&v, buf_str(&composed), 0, data[0] % 3 == 1, !wordpiece);
        buf_fini(&composed);
        encode(&v, rest, TOKENIZE_SPECIAL | TOKENIZE_ENDS, data[0] % 3 == 1, false);
    }
    vocab_fini(&v);
    mem_free(in);
    return 0;
}
