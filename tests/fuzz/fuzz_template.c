/* fuzz_template.c: any bytes as a template, over a fixed conversation and under small limits. Checked: it ends (with a text or with
 * a story); the pieces alternate and hold what the limits allow; a second rendering gives the same; and what the template did not
 * write itself, it does not pass off as its own: the user's marker stands in no special piece whole. */
#include "engine/template.h"
#include "base/mem.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VARIABLES                                                                                                     \
    "{\"messages\":[{\"role\":\"system\",\"content\":\"s \\u00b6\\u00b6 "                                             \
    "s\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"p\"}]},"                                      \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"abcdefghi\",\"function\":{\"name\":\"f\","    \
    "\"arguments\":"                                                                                                  \
    "{\"a\":[1,2.5,true,null]}}}]},{\"role\":\"tool\",\"content\":\" "                                                \
    "42\\n\"}],\"tools\":[{\"type\":\"function\",\"function\":"                                                       \
    "{\"name\":\"f\",\"parameters\":{\"properties\":{\"a\":{\"type\":\"array\"}}}}}],\"add_generation_prompt\":true," \
    "\"bos_token\":\"<s>\","                                                                                          \
    "\"n\":5,\"f\":1.5,\"none\":null}"

enum { OUTPUT = 100000 };

static int render(const struct template *t, struct arena *a, struct template_output *out, struct err *e)
{
    static const struct civil now = {2026, 11, 21, 15, 31, 44, 6};
    const struct template_limits limits = {
        .steps_max = 50000, .output_bytes_max = OUTPUT, .memory_bytes_max = 16 * MiB, .depth_max = 200};
    struct template_input in[16];
    struct json_node *root;
    size_t n = 0;

    int rc = json_parse(a, STR(VARIABLES), &root, NULL);
    assert(rc == 0);
    for (const struct json_node *m = root->child; m; m = m->next)
        in[n++] = (struct template_input){m->key, m, str_eq(m->key, STR("bos_token"))};
    return template_render(t, in, n, &now, &limits, a, out, e);
}

static void check(const struct template_output *o, bool clean)
{
    size_t total = 0;

    for (size_t i = 0; i < o->count; i++) {
        assert(o->piece[i].text.len > 0);
        assert(i == 0 || o->piece[i].special != o->piece[i - 1].special);
        assert(!clean || !o->piece[i].special || str_find(o->piece[i].text, STR("\xC2\xB6\xC2\xB6")) < 0);
        total += o->piece[i].text.len;
    }
    assert(total <= OUTPUT && o->steps <= 50000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str source = str_of(data, size);
    struct template *t = NULL;
    struct err e = {0};

    if (size > 64 * KiB)
        return 0;
    int rc = template_compile(&t, source, &e);
    assert(rc == 0 || (e.text[0] && !t && e.code == rc));
    if (rc < 0)
        return 0;
    struct arena a = ARENA_INIT(4 * MiB), b = ARENA_INIT(4 * MiB);
    struct template_output one = {0}, two = {0};
    struct err f = {0};
    rc = render(t, &a, &one, &e);
    int again = render(t, &b, &two, &f);
    assert(rc == again && one.count == two.count && one.steps == two.steps);
    assert(rc == 0 ? !e.code : e.text[0] && str_eq(str_from(e.text), str_from(f.text)));
    /* A template may write the marker itself: then it says nothing. */
    bool clean = str_find_char(source, (char)0xB6) < 0 && str_find(source, STR("\\")) < 0;
    if (rc == 0)
        check(&one, clean);
    arena_fini(&a);
    arena_fini(&b);
    template_free(t);
    return 0;
}
