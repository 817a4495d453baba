/* fuzz_engine_ask.c: any bytes as a request to the engine, of each kind. One that is taken keeps what engine_face_priv.h says of its
 * numbers; one that is not says why. */
#include "gateway/engine_face_priv.h"
#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct engine_ask *a)
{
    const struct sampler_options *s = &a->host.sampling;
    assert(a->model.len > 0 && a->text_count <= ENGINE_TEXTS_MAX && a->host.stop_count <= ENGINE_STOPS_MAX);
    if (a->host.kind == HOST_EMBED) {
        assert(a->text_count > 0);
        return;
    }
    assert(s->temperature >= 0 && s->temperature <= 100 && s->top_p >= 0 && s->top_p <= 1 && s->min_p >= 0 && s->min_p <= 1);
    assert(s->repeat_penalty > 0 && s->repeat_last_n <= SAMPLER_LAST_MAX && s->logprobs_top <= SAMPLER_TOP_MAX && s->bias_count <= SAMPLER_BIAS_MAX);
    for (size_t i = 0; i < s->bias_count; i++)
        assert(!isnan(s->bias[i].bias) && s->bias[i].bias <= 100);
    for (size_t i = 0; i < a->host.stop_count; i++)
        assert(a->host.stop[i].len > 0);
    assert(!a->host.must_call || a->host.tools);
    assert(a->host.kind != HOST_CHAT || (a->host.messages && a->host.messages->count));
    assert(a->host.deadline_us >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum host_kind kinds[] = {HOST_CHAT, HOST_TEXT, HOST_EMBED};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct engine_ask a;
        struct err e = {0};
        int rc = engine_ask_read(&a, kinds[i], str_of(data, size), 1000, &e);
        if (rc == 0)
            check(&a);
        else
            assert(rc < 0 && e.text[0]);
        engine_ask_fini(&a);
    }
    return 0;
}
