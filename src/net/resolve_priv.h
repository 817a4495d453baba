/* resolve_priv.h: what resolve.c and resolve_ask.c share. */
#pragma once
#include "net/resolve.h"
#include <netinet/in.h>

void resolve_port_set(struct sockaddr_storage *a, int port);
/* Both fill *a (zeroed by the caller) with ports 0, or a->problem. They block for seconds. */
void resolve_ask_system(const char *host, struct resolve_answer *a);
void resolve_ask_server(const struct sockaddr_in *server, const char *host, struct resolve_answer *a);
