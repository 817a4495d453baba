/* json_kit.h: what the tests of JSON and its fuzzer share: a tree written back as text. */
#pragma once
#include "base/json.h"

static inline void json_kit_write(struct json_writer *w, const struct json_node *n)
{
    switch (n->type) {
    case JSON_STRING: json_str(w, n->text); break;
    case JSON_OBJECT:
        json_object_begin(w);
        for (const struct json_node *m = n->child; m; m = m->next) {
            json_key_str(w, m->key);
            json_kit_write(w, m);
        }
        json_object_end(w);
        break;
    case JSON_ARRAY:
        json_array_begin(w);
        for (const struct json_node *m = n->child; m; m = m->next)
            json_kit_write(w, m);
        json_array_end(w);
        break;
    default: json_raw(w, n->text);
    }
}
