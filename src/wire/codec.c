/* codec.c: the table of dialects, and what each cannot say; see codec.h. */
#include "wire/codec.h"

static const struct codec *const codecs[] = {
    [DIALECT_OPENAI] = &codec_openai,
    [DIALECT_RESPONSES] = &codec_responses,
    [DIALECT_ANTHROPIC] = &codec_anthropic,
    [DIALECT_OLLAMA] = &codec_ollama,
};

const struct codec *codec_of(enum dialect d)
{
    return (size_t)d < COUNT_OF(codecs) ? codecs[d] : NULL;
}

bool codec_knows(struct str field)
{
    for (size_t i = 0; i < COUNT_OF(codecs); i++)
        for (size_t k = 0; k < codecs[i]->limit_count; k++)
            if (str_eq(str_from(codecs[i]->limit[k].field), field))
                return true;
    return false;
}

static int reference_of(struct buf *out, const struct codec *codec)
{
    int rc = buf_append_format(out, "\n## To %s\n\n| field | | why |\n| --- | --- | --- |\n", codec->name);
    for (size_t i = 0; i < codec->limit_count && rc == 0; i++)
        rc = buf_append_format(out, "| `%s` | %s | %s |\n", codec->limit[i].field,
                               codec->limit[i].then == LIMIT_LOST ? "lost" : "refused", codec->limit[i].why);
    return rc;
}

int codec_reference(struct buf *out)
{
    int rc = buf_append_text(
        out,
        "# What a translation cannot carry\n\n"
        "Made from the program's own tables by `hearth help --translation`; a test holds this page against them.\n\n"
        "A call whose client and upstream speak the same dialect is not translated: its bytes pass. Otherwise what the upstream's dialect "
        "cannot say is either *refused* (that step of the chain is passed over with a message that names the field; when no step can, "
        "the client gets a 400) or *lost*: left out, and listed in the header `x-hearth-lost`. Members that no table knows are lost by their "
        "names, those inside messages and tools as `messages.prefix` or `tools.input_examples`.\n");
    for (size_t i = 0; i < COUNT_OF(codecs) && rc == 0; i++)
        rc = reference_of(out, codecs[i]);
    return rc;
}
