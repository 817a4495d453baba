/* answer_json_priv.h: JSON one byte at a time: whether it is still right, and where values begin and end.
 *
 * base/json.h reads texts that are there; a call of a tool arrives in pieces and is passed on before it is whole. Strict as RFC
 * 8259, but for the inside of strings, where any byte from 0x20 up will do. Nothing allocates; one thread. */
#pragma once
#include "base/str.h"

enum { ANSWER_JSON_DEPTH_MAX = 128 };

enum answer_json_state {
    AJ_VALUE,
    AJ_VALUE_OR_END,
    AJ_KEY_OR_END,
    AJ_KEY,
    AJ_COLON,
    AJ_AFTER,
    AJ_STRING,
    AJ_ESCAPE,
    AJ_HEX,
    AJ_LITERAL,
    AJ_MINUS,
    AJ_ZERO,
    AJ_DIGITS,
    AJ_POINT,
    AJ_FRACTION,
    AJ_E,
    AJ_E_SIGN,
    AJ_EXPONENT,
    AJ_DONE,
    AJ_BAD
};

struct answer_json {
    enum answer_json_state state;
    uint32_t depth;
    uint8_t object[ANSWER_JSON_DEPTH_MAX / 8]; /* a bit per level */
    bool key;                                  /* the string is one */
    uint8_t left;                              /* hex digits to come */
    const char *literal;                       /* what is to come of true, false, null */
};

static inline bool answer_json_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
/* A value of any kind; the zeroed struct is ready. False once it is wrong (state AJ_BAD); AJ_DONE when the value has ended, except
 * that a number at depth 0 never ends. */
bool answer_json_step(struct answer_json *j, char c);
