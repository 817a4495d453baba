/* grammar_vocab_priv.h: a vocabulary as a tree of bytes, and what is known of its tokens inside a JSON string.
 *
 * The tree lies in an array in the order of a walk: a node's children follow it, `skip` is where its next sibling stands. Going
 * through it is reading forward. Most tokens are plain content of a string: those are known beforehand, by the number of characters
 * that they begin, and so are those that hold a closing quote, which have a tree of their own: inside a string no others can occur. */
#pragma once
#include "engine/grammar.h"

struct trie_node {
    uint32_t skip, token; /* token: an id plus one; 0: none ends here */
    uint16_t depth;       /* 1: first bytes */
    uint8_t byte;
};

struct trie {
    struct trie_node *node;
    uint32_t count;
};

struct grammar_vocab {
    uint32_t count, words, depth_max;
    struct trie all, closing;
    uint32_t *same;    /* (count) the next token of the same bytes, plus one */
    uint64_t *end;     /* (words) tokens that end an answer */
    uint64_t *content; /* (words) tokens that may stand inside a string */
    uint32_t *by_chars, by_chars_count; /* the same, ascending by the characters they begin */
    uint32_t *chars_upto;               /* (chars_max + 1) how many of them begin at most so many */
    uint32_t chars_max;
};
