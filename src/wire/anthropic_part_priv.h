/* anthropic_part_priv.h: between anthropic_turn.c, which decides what is said and in which order, and anthropic_part.c, which
 * says it. */
#pragma once
#include "wire/anthropic_priv.h"

bool anthropic_blank(struct str text); /* no such text is taken */
int anthropic_item_write(struct anthropic_write *w, const struct turn_item *item);
