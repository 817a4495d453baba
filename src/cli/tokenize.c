/* tokenize.c: `hearth tokenize FILE`: standard input, or each of the texts in it, as the tokens of a model file's vocabulary. */
#include "base/json.h"
#include "cli/cli_priv.h"
#include "engine/gguf.h"
#include "engine/tokenizer.h"
#include <unistd.h>

static int print_json(const struct token_list *tokens)
{
    AUTO_BUF struct buf out = BUF_INIT(16 * tokens->count + 64);
    struct json_writer w = JSON_WRITER(&out);
    json_object_begin(&w);
    json_key(&w, "tokens");
    json_array_begin(&w);
    for (size_t i = 0; i < tokens->count; i++)
        json_i64(&w, tokens->id[i]);
    json_array_end(&w);
    json_object_end(&w);
    if (json_done(&w) < 0 || buf_append_char(&out, '\n') < 0)
        return cli_fail("out of memory");
    return cli_print(buf_str(&out));
}

/* Bytes as they are where they print; what could move the cursor, or is no character, as \xHH. */
static int quote(struct buf *out, struct str piece)
{
    int rc = buf_append_char(out, '"');
    for (size_t i = 0; i < piece.len && rc == 0;) {
        unsigned char c = (unsigned char)piece.ptr[i];
        unsigned len = str_utf8_length(str_skip(piece, i));
        if (c == '\n')
            rc = buf_append_text(out, "\\n");
        else if (len == 0 || c < ' ' || c == 0x7F || (c == 0xC2 && (unsigned char)piece.ptr[i + 1] < 0xA0))
            rc = buf_append_format(out, "\\x%02X", c), len = 1;
        else if (c == '"' || c == '\\')
            rc = buf_append_format(out, "\\%c", c);
        else
            rc = buf_append(out, str_slice(piece, i, i + len));
        i += len ? len : 1;
    }
    return rc < 0 ? rc : buf_append_char(out, '"');
}

static int print_list(const struct tokenizer *t, const struct token_list *tokens)
{
    AUTO_BUF struct buf line = BUF_INIT(8 * (size_t)TOKEN_BYTES_MAX);
    printf("%zu token%s, %s\n", tokens->count, tokens->count == 1 ? "" : "s", tokenizer_kind(t));
    for (size_t i = 0; i < tokens->count; i++) {
        int32_t id = tokens->id[i];
        buf_clear(&line);
        if (quote(&line, tokenizer_piece(t, id)) < 0)
            return cli_fail("out of memory");
        printf("%8d  %.*s%s%s\n", id, STR_FMT(buf_str(&line)), tokenizer_is_control(t, id) ? "  control" : "",
               tokenizer_is_end(t, id) ? ", ends an answer" : "");
    }
    return cli_print(STR(""));
}

struct asked {
    unsigned flags;
    bool json, each; /* each: a NUL ends a text */
};

static int show(const struct tokenizer *t, struct str text, const struct asked *a)
{
    struct err e = {0};
    AUTO_TOKENS struct token_list tokens = TOKEN_LIST_INIT(TOKENIZE_BYTES_MAX + 2);
    if (tokenizer_encode(t, text, a->flags, &tokens, &e) < 0)
        return cli_fail_err(&e);
    return a->json ? print_json(&tokens) : print_list(t, &tokens);
}

/* What stands behind the last NUL is a text as well, unless nothing does. */
static int show_each(const struct tokenizer *t, struct str rest, const struct asked *a)
{
    int status = 0;
    while (rest.len && status == 0) {
        ptrdiff_t end = str_find_char(rest, '\0');
        status = show(t, end < 0 ? rest : str_slice(rest, 0, (size_t)end), a);
        rest = end < 0 ? STR_NONE : str_skip(rest, (size_t)end + 1);
    }
    return status;
}

static int tokenize(const char *path, const struct asked *a)
{
    struct err e = {0};
    struct gguf *g = NULL;
    struct tokenizer *t = NULL;
    AUTO_BUF struct buf text = BUF_INIT(TOKENIZE_BYTES_MAX);
    int rc = gguf_open(&g, path, &e);
    if (rc < 0)
        return cli_fail_err(&e);
    rc = tokenizer_open(&t, g, &e);
    if (rc < 0) {
        gguf_close(g);
        return cli_fail("%s: %s", path, e.text);
    }
    if (tokenizer_warning(t))
        fprintf(stderr, "warning: %s\n", tokenizer_warning(t));
    rc = buf_read_fd(&text, STDIN_FILENO, "standard input", &e);
    int status = rc < 0 ? cli_fail_err(&e) : a->each ? show_each(t, buf_str(&text), a) : show(t, buf_str(&text), a);
    tokenizer_close(t);
    gguf_close(g);
    return status;
}

static int run(int argc, char **argv)
{
    bool special = false, no_bos = false, json = false, each = false;
    const struct cli_option options[] = {
        {0, "special", NULL, "recognise control tokens in the text (<|im_start|>, </s>, …), as in a rendered template", OPTION_FLAG, &special},
        {0, "no-bos", NULL, "the tokens of the text alone: nothing is put before or behind them", OPTION_FLAG, &no_bos},
        {'0', "null", NULL, "standard input is several texts, each ended by a NUL: the tokens of each in turn, with --json a line", OPTION_FLAG, &each},
        {0, "json", NULL, "{\"tokens\":[…]} and nothing else", OPTION_FLAG, &json},
    };
    int words;
    int end = cli_parse(&command_tokenize, options, COUNT_OF(options),
                        "Standard input is taken as it is: no line end is added or dropped, and it need not be UTF-8; 16 MiB at most. What the\n"
                        "file wants around a text is put there (BOS where its add_bos_token, or the way of its family, says so; CLS and SEP for\n"
                        "embedding models); --no-bos leaves all of that out. User-defined tokens are recognised always.",
                        argc, argv, &words);
    if (end)
        return end - 1;
    if (words != 1)
        return cli_usage_error(&command_tokenize, words ? "one file at a time" : "which model file?");
    struct asked a = {(special ? TOKENIZE_SPECIAL : 0u) | (no_bos ? 0u : TOKENIZE_ENDS), json, each};
    return tokenize(argv[0], &a);
}

const struct cli_command command_tokenize = {
    .name = "tokenize",
    .synopsis = "FILE [options] < TEXT",
    .summary = "the tokens that a model file makes of a text",
    .run = run,
};
