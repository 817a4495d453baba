/* fuzz_multipart.c: any bytes as a form for transcriptions. The first byte says in which pieces it comes: whatever they are, what is found is
 * the same, every part lies within the body, and the model's place holds the model. */
#include "wire/audio.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_form(struct audio_form *f, struct str body, size_t piece)
{
    struct err e = {0};
    int rc = audio_form_open(f, STR("multipart/form-data; boundary=b"), &e);
    assert(rc == 0);
    for (size_t at = 0; rc == 0 && at < body.len; at += piece)
        rc = audio_form_feed(f, str_slice(body, at, at + piece), &e);
    rc = rc ? rc : audio_form_end(f, &e);
    assert(rc == 0 || (rc == ERR_INVALID && e.text[0]));
    audio_form_fini(f);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct audio_form whole, parts;
    struct str body = str_of(data + 1, size - 1);
    int rc = read_form(&whole, body, body.len ? body.len : 1), again = read_form(&parts, body, 1 + data[0] % 32);
    assert(rc == again);
    if (rc == 0) {
        struct call c;
        audio_facts(&whole, WIRE_TRANSCRIBE, body, &c);
        assert(whole.model_begin <= whole.model_end && whole.model_end <= body.len && whole.file_bytes <= body.len);
        assert(str_eq(c.model, str_slice(body, whole.model_begin, whole.model_end)) && c.model.len > 0);
        assert(whole.model_begin == parts.model_begin && whole.model_end == parts.model_end && whole.file_bytes == parts.file_bytes);
        assert(whole.format_begin == parts.format_begin && whole.format_end == parts.format_end && whole.format_end <= body.len);
        if (whole.has_format)
            assert(str_eq(str_of(whole.format, whole.format_len), str_slice(body, whole.format_begin, whole.format_end)));
        assert(whole.stream == parts.stream && whole.format_len == parts.format_len);
        assert(memcmp(whole.format, parts.format, whole.format_len) == 0);
    }
    return 0;
}
