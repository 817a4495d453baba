/* fuzz_litellm.c: the importer of LiteLLM's configs against any bytes.
 *
 * Checked: what it makes is a config that the mesh takes; a refusal has a story; every note has a place and a text without
 * line ends of its own; the same file gives the same result. */
#include "base/mem.h"
#include "config/config.h"
#include "litellm_kit.h"
#include "mesh/mesh.h"
#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_config(struct str yaml)
{
    struct config *c = NULL;
    struct mesh *m = NULL;
    struct err e = {0};
    int rc = config_read(&c, yaml, STR("result"), &e);
    if (rc == 0)
        rc = mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, &e);
    if (rc)
        fprintf(stderr, "%d:%d: %s\n%.*s\n", e.line, e.column, e.text, STR_FMT(yaml));
    assert(rc == 0);
    mesh_close(m);
    config_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct litellm_import *im = NULL, *again = NULL;
    struct err e = {0};
    struct str text = str_of(data, size);
    int rc = litellm_import(&im, text, STR("fuzz.yaml"), &litellm_kit_world, &e);
    if (rc < 0) {
        assert(!im && e.code == rc && e.text[0]);
        return 0;
    }
    check_config(buf_str(&im->yaml));
    for (const struct litellm_note *n = im->note; n; n = n->next)
        assert(n->mark.line > 0 && n->mark.column > 0 && n->text.len && n->kind < LITELLM_KINDS);
    rc = litellm_import(&again, text, STR("fuzz.yaml"), &litellm_kit_world, &e);
    assert(rc == 0 && str_eq(buf_str(&again->yaml), buf_str(&im->yaml)));
    litellm_import_free(again);
    litellm_import_free(im);
    return 0;
}
