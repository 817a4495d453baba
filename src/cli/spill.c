/* spill.c: warns of models that an Ollama at home computes on the CPU in part, because they do not fit its GPU: nobody else
 * says so, and it is the commonest reason for a slow house. For `config check`; asks for the list of loaded models only. */
#include "cli/cli_priv.h"
#include "config/config.h"
#include "wire/ollama.h"
#include "wire/wire.h"

enum { PATIENCE_MS = 500 };

static void warn(const struct config_upstream *u, struct str body, struct buf *out)
{
    struct ollama_loaded loaded[OLLAMA_LOADED_MAX];
    int count = ollama_loaded_read(body, loaded, COUNT_OF(loaded), NULL);
    for (int i = 0; i < count; i++) {
        int percent = ollama_spill_percent(&loaded[i]);
        if (percent)
            (void)buf_append_format(out,
                                    "upstream %.*s: %s does not fit its GPU, %d %% of it is computed by the CPU; "
                                    "`hearth doctor` says what to do\n",
                                    STR_FMT(u->name.text), loaded[i].name, percent);
    }
}

static void ask(const struct config_upstream *u, struct str base, struct buf *out)
{
    AUTO_BUF struct buf url = BUF_INIT(8 * KiB);
    struct fetch_reply r;
    struct str root = str_ends(base, STR("/v1")) ? str_slice(base, 0, base.len - 3) : base;
    if (buf_append_format(&url, "%.*s/api/ps", STR_FMT(root)))
        return;
    if (cli_fetch(&r, buf_str(&url), STR_NONE, STR_NONE, NULL, NULL, PATIENCE_MS, NULL, NULL) == 0 && r.status == 200)
        warn(u, buf_str(&r.body), out);
    fetch_reply_fini(&r);
}

void cli_warn_spills(const struct config *c, struct cli_awake *awake, struct buf *out)
{
    for (int i = 0; i < c->upstream_count; i++) {
        const struct config_upstream *u = &c->upstream[i];
        const struct vendor *v = u->vendor.text.ptr ? vendor_find(u->vendor.text) : NULL;
        struct str base = u->url.text.ptr ? u->url.text : str_from(v ? v->openai_url : NULL);
        while (base.len && base.ptr[base.len - 1] == '/')
            base.len--;
        AUTO_BUF struct buf url = BUF_INIT(8 * KiB);
        bool here = u->place == PLACE_HOME && base.len && !u->unix_path.text.ptr && buf_append_format(&url, "%.*s/", STR_FMT(base)) == 0;
        if (here && !cli_awake_why_not(buf_str(&url), awake)) /* who sleeps is not waited for again */
            ask(u, base, out);
    }
}
