/* models.h: the dated table of models: prices, limits, abilities, retired names and their successors.
 *
 * The rows come from src/wire/models.csv at build time (tools/models-table). A model may have several rows: variants by
 * time of day (`hours`), and prices that were valid from or until a day. Amounts are nano-dollars per million tokens;
 * MODEL_UNKNOWN where the table has no figure, which is not the same as 0. */
#pragma once
#include "base/str.h"

#define MODEL_UNKNOWN INT64_MIN

/* When a row of a day applies: weekdays and hours in a fixed offset from UTC. */
struct model_hours {
    uint8_t weekdays;        /* bit 0 = Sunday … bit 6 = Saturday; 0 = always */
    int16_t utc_offset_min;
    struct { int16_t from_min, to_min; } span[4]; /* minutes of the local day, from included, to excluded; 0,0 ends */
    bool otherwise;          /* applies whenever no sibling row with hours does (off-peak) */
};

/* What of a model's work OpenAI's chat endpoint does not do, and its Responses endpoint does. */
enum model_responses {
    MODEL_RESPONSES_NEVER,       /* it does everything */
    MODEL_RESPONSES_TOOLS_ASKED, /* tools, when a call asks it to think; by itself it does not */
    MODEL_RESPONSES_TOOLS,       /* tools, unless a call asks it not to think */
    MODEL_RESPONSES_ONLY,        /* it is not there at all */
};

struct model_row {
    const char *vendor, *id, *variant;
    int32_t row;                        /* line of the csv: the `price row` of the ledger */
    int64_t valid_from_ms, valid_to_ms; /* UTC; INT64_MIN / INT64_MAX when open; `to` is excluded */
    int64_t input, cached, cache_write, output;          /* nano-dollars per million tokens */
    int64_t long_over_tokens, long_input, long_cached, long_output; /* 0 = no long tier */
    int64_t audio_hour;                                  /* nano-dollars per hour of sound; 0 = not sold by it */
    int64_t context_tokens, output_tokens_max;           /* 0 = unknown */
    bool retired, tools, json_schema, vision, audio, pdf, embedding, reasoning; /* vision, audio, pdf: what it takes in */
    enum model_responses responses;
    const char *successor; /* for retired ones; NULL when none is known */
    struct model_hours hours;
    const char *as_of, *source;
};

size_t model_row_count(void);
const struct model_row *model_row_at(size_t i);
/* The row for facts (limits, abilities, retired): the current one, else the newest. NULL if the model is unknown. */
const struct model_row *model_find(struct str vendor, struct str id);
/* The row whose price applies at that moment; NULL when none does. */
const struct model_row *model_price_at(struct str vendor, struct str id, int64_t wall_ms);
/* Does a row with these hours apply at that moment? Always true without weekdays; `otherwise` is the caller's business,
 * because it depends on the siblings. */
bool model_hours_fit(const struct model_hours *h, int64_t wall_ms);
