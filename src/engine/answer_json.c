/* answer_json.c: a JSON automaton with a stack of bits; see answer_json_priv.h. */
#include "engine/answer_json_priv.h"

static bool become(struct answer_json *j, enum answer_json_state state)
{
    j->state = state;
    return state != AJ_BAD;
}

static bool in_object(const struct answer_json *j)
{
    return j->object[(j->depth - 1) / 8] >> ((j->depth - 1) % 8) & 1;
}

static bool open_container(struct answer_json *j, bool object)
{
    if (j->depth == ANSWER_JSON_DEPTH_MAX)
        return become(j, AJ_BAD);
    uint8_t bit = (uint8_t)(1u << (j->depth % 8));
    j->object[j->depth / 8] = (uint8_t)(object ? j->object[j->depth / 8] | bit : j->object[j->depth / 8] & ~bit);
    j->depth++;
    return become(j, object ? AJ_KEY_OR_END : AJ_VALUE_OR_END);
}

static bool value_ended(struct answer_json *j)
{
    return become(j, j->depth ? AJ_AFTER : AJ_DONE);
}

static bool close_container(struct answer_json *j, char c)
{
    if (j->depth == 0 || in_object(j) != (c == '}'))
        return become(j, AJ_BAD);
    j->depth--;
    return value_ended(j);
}

static bool start_value(struct answer_json *j, char c)
{
    static const char *const literals[] = {"true", "false", "null"};

    if (c == '{' || c == '[')
        return open_container(j, c == '{');
    if (c == '"') {
        j->key = false;
        return become(j, AJ_STRING);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return become(j, c == '-' ? AJ_MINUS : c == '0' ? AJ_ZERO : AJ_DIGITS);
    for (size_t i = 0; i < COUNT_OF(literals); i++) {
        if (literals[i][0] == c) {
            j->literal = literals[i] + 1;
            return become(j, AJ_LITERAL);
        }
    }
    return become(j, AJ_BAD);
}

static bool after_value(struct answer_json *j, char c)
{
    if (c == ',' && j->depth)
        return become(j, in_object(j) ? AJ_KEY : AJ_VALUE);
    return c == '}' || c == ']' ? close_container(j, c) : become(j, AJ_BAD);
}

static bool in_string(struct answer_json *j, char c)
{
    if (c == '"')
        return j->key ? become(j, AJ_COLON) : value_ended(j);
    if (c == '\\')
        return become(j, AJ_ESCAPE);
    return (unsigned char)c >= 0x20 || become(j, AJ_BAD);
}

static bool in_escape(struct answer_json *j, char c)
{
    if (j->state == AJ_HEX) {
        bool hex = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
        return hex ? become(j, --j->left ? AJ_HEX : AJ_STRING) : become(j, AJ_BAD);
    }
    if (c == 'u') {
        j->left = 4;
        return become(j, AJ_HEX);
    }
    return become(j, c && strchr("\"\\/bfnrt", c) ? AJ_STRING : AJ_BAD);
}

/* A byte behind a number that may end here belongs to what is around it. */
static bool behind_number(struct answer_json *j, char c)
{
    if (j->depth == 0)
        return become(j, AJ_BAD);
    j->state = AJ_AFTER;
    return answer_json_blank(c) || after_value(j, c);
}

static bool in_number(struct answer_json *j, char c)
{
    bool digit = c >= '0' && c <= '9', e = c == 'e' || c == 'E';

    switch (j->state) {
    case AJ_MINUS: return become(j, !digit ? AJ_BAD : c == '0' ? AJ_ZERO : AJ_DIGITS);
    case AJ_POINT: return become(j, digit ? AJ_FRACTION : AJ_BAD);
    case AJ_E: return become(j, digit ? AJ_EXPONENT : c == '+' || c == '-' ? AJ_E_SIGN : AJ_BAD);
    case AJ_E_SIGN: return become(j, digit ? AJ_EXPONENT : AJ_BAD);
    default: break;
    }
    if (digit && j->state != AJ_ZERO)
        return true;
    if (c == '.' && (j->state == AJ_ZERO || j->state == AJ_DIGITS))
        return become(j, AJ_POINT);
    if (e && j->state != AJ_EXPONENT)
        return become(j, AJ_E);
    return behind_number(j, c);
}

static bool at_key(struct answer_json *j, char c)
{
    if (c == '}' && j->state == AJ_KEY_OR_END)
        return close_container(j, c);
    j->key = true;
    return become(j, c == '"' ? AJ_STRING : AJ_BAD);
}

bool answer_json_step(struct answer_json *j, char c)
{
    switch (j->state) {
    case AJ_STRING: return in_string(j, c);
    case AJ_ESCAPE:
    case AJ_HEX: return in_escape(j, c);
    case AJ_LITERAL:
        if (*j->literal != c)
            return become(j, AJ_BAD);
        return *++j->literal ? true : value_ended(j);
    default: break;
    }
    if (j->state >= AJ_MINUS && j->state <= AJ_EXPONENT)
        return in_number(j, c);
    if (answer_json_blank(c))
        return j->state != AJ_BAD;
    switch (j->state) {
    case AJ_VALUE: return start_value(j, c);
    case AJ_VALUE_OR_END: return c == ']' ? close_container(j, c) : start_value(j, c);
    case AJ_KEY_OR_END:
    case AJ_KEY: return at_key(j, c);
    case AJ_COLON: return become(j, c == ':' ? AJ_VALUE : AJ_BAD);
    case AJ_AFTER: return after_value(j, c);
    default: return become(j, AJ_BAD);
    }
}
