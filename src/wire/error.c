/* error.c: the error object we write in the OpenAI dialect; see wire.h. */
#include "wire/wire.h"

/* What OpenAI itself says for that status; clients choose their exception by it. */
static const char *type_of_status(int status)
{
    if (status == 429)
        return "rate_limit_exceeded";
    return status >= 500 ? "server_error" : "invalid_request_error";
}

int error_write(struct buf *out, int status, struct str message, const char *type, const char *param, const char *code)
{
    size_t before = out->len;
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "error");
    json_object_begin(&w);
    json_key(&w, "message");
    json_str(&w, message);
    json_key(&w, "type");
    json_text(&w, type ? type : type_of_status(status));
    json_key(&w, "param");
    json_text(&w, param);
    json_key(&w, "code");
    json_text(&w, code);
    json_object_end(&w);
    json_object_end(&w);
    int rc = json_done(&w);
    if (rc)
        out->len = before; /* all of it or nothing */
    return rc;
}
