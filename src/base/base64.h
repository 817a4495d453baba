/* base64.h: bytes as text and back, in the usual alphabet (RFC 4648, section 4). */
#pragma once
#include "base/buf.h"

int base64_append(struct buf *out, struct str bytes); /* with padding; an error of the buf */
/* With or without padding. ERR_SYNTAX when it is none, and an error of the buf. */
int base64_read(struct str text, struct buf *out);
