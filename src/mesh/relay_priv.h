/* relay_priv.h: the doors between the files that relay an answer: relay.c, relay_stream.c, relay_whole.c. */
#pragma once
#include "mesh/mesh_priv.h"

/* relay.c */
void relay_count_held(struct attempt *a);    /* what is held for the client may have changed */
void relay_first_content(struct attempt *a); /* it is here: nobody waits for this attempt any more */
void relay_commit(struct attempt *a);        /* the same, and the client begins to read: nothing is replayed from now on */
void relay_write_out(struct attempt *a, struct str bytes);
void relay_take_usage(struct attempt *a, const struct wire_answer *w);
int64_t relay_sane_wait(int64_t ms); /* no more than a day */

/* relay_stream.c. Both of the next return 1 when the client is full. */
void relay_stream_open(struct attempt *a);
int relay_stream_bytes(struct attempt *a, struct str bytes);
void relay_stream_end(struct attempt *a); /* the upstream has closed it */

/* relay_whole.c */
int relay_whole_bytes(struct attempt *a, struct str bytes);
void relay_whole_end(struct attempt *a); /* a 2xx is complete */
void relay_large_end(struct attempt *a); /* the same of one that was relayed as it came */
void relay_refused(struct attempt *a);   /* an error, and what came of its body */
