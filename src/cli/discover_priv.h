/* discover_priv.h: what looking around finds (discover_look.c) and a config is made of (discover.c). */
#pragma once
#include "base/buf.h"

enum { DISCOVER_NAME_BYTES = 200, DISCOVER_PLACES_MAX = 4, DISCOVER_VENDORS_MAX = 64 };

struct found_model {
    char name[DISCOVER_NAME_BYTES];
    int64_t parameters; /* 0: unknown */
};
/* An Ollama or a llama-server that answers, at home. */
struct found_place {
    char name[32], url[300]; /* url: with /v1; empty when it is the vendor's usual one */
    char base[300];          /* always, with /v1 */
    const char *vendor;
    struct found_model small, large, embed; /* the chat models to use; names empty where there is none */
    int model_count;
    int64_t measured_ms; /* of the probe; -1: not measured or no answer in time */
};
struct found {
    bool vendor[DISCOVER_VENDORS_MAX]; /* by index of the vendor table: its key is set */
    struct found_place place[DISCOVER_PLACES_MAX];
    int place_count;
};

/* Keys in the environment; servers on loopback and where OLLAMA_HOST points, if that is at home. What is odd is said. */
void discover_look(struct found *f, struct buf *said);
/* The same model at two places: asks each for a few tokens, and puts the faster one first. Says so before. */
void discover_measure(struct found *f, struct buf *said);
/* OLLAMA_HOST as Ollama reads it, as http://host:port (loopback for "all addresses"); false when it cannot be meant. */
bool discover_ollama_url(struct str value, char *out, size_t out_bytes);
