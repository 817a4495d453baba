/* ollama.c: the loaded models of an Ollama; see ollama.h. */
#include "wire/ollama.h"
#include "base/json.h"
#include "base/mem.h"

enum { TREE_BYTES_MAX = 4 * 1024 * 1024 };

/* It is shown on terminals. */
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
            return false;
    return s.len > 0 && s.len < OLLAMA_NAME_BYTES;
}

static bool read_one(const struct json_node *m, struct ollama_loaded *out)
{
    struct str name = json_get_text(m, "name");
    if (name.len == 0)
        name = json_get_text(m, "model");
    if (!is_name(name))
        return false;
    *out = (struct ollama_loaded){0};
    memcpy(out->name, name.ptr, name.len);
    if (!json_get_i64(m, "size", &out->bytes) || out->bytes < 0)
        out->bytes = 0;
    if (!json_get_i64(m, "size_vram", &out->gpu_bytes) || out->gpu_bytes < 0) /* left out when it is none */
        out->gpu_bytes = 0;
    if (!json_get_i64(m, "context_length", &out->context) || out->context < 0)
        out->context = 0;
    if (out->gpu_bytes > out->bytes)
        out->gpu_bytes = out->bytes;
    return true;
}

int ollama_loaded_read(struct str body, struct ollama_loaded *out, int max, struct err *e)
{
    struct arena a = ARENA_INIT(TREE_BYTES_MAX);
    struct json_node *root;
    int count = 0, rc = json_parse(&a, body, &root, e);
    const struct json_node *list = rc == 0 ? json_get(root, "models") : NULL;
    if (rc == 0 && (!list || (list->type != JSON_ARRAY && list->type != JSON_NULL)))
        rc = err_set(e, ERR_SYNTAX, "an answer without a list of models");
    for (const struct json_node *m = rc == 0 ? list->child : NULL; m && count < max; m = m->next)
        count += read_one(m, &out[count]);
    arena_fini(&a);
    return rc < 0 ? rc : count;
}

int ollama_spill_percent(const struct ollama_loaded *m)
{
    if (m->bytes <= 0 || m->gpu_bytes >= m->bytes)
        return 0;
    return (int)(((__int128)(m->bytes - m->gpu_bytes) * 100 + m->bytes - 1) / m->bytes);
}

static struct str without_latest(struct str s)
{
    struct str latest = STR(":latest");
    return s.len > latest.len && str_eq_fold(str_skip(s, s.len - latest.len), latest)
               ? str_slice(s, 0, s.len - latest.len)
               : s;
}

bool ollama_same_model(struct str a, struct str b)
{
    return str_eq_fold(without_latest(a), without_latest(b));
}
