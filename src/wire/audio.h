/* audio.h: speech into text: OpenAI's /v1/audio/transcriptions and /v1/audio/translations.
 *
 * The request is a form with a file in it (multipart.h), read as it comes; of it only the few fields that decide where it goes are kept,
 * and where in the body the model's name stands. Answers are JSON, text, subtitles or a stream of events, and pass as they are; what is
 * read of them is whether they are answers, and what they cost. */
#pragma once
#include "wire/multipart.h"
#include "wire/wire.h"

enum { AUDIO_FIELD_MAX = 256 };

struct audio_form {
    char model[AUDIO_FIELD_MAX], format[AUDIO_FIELD_MAX], stream_text[8]; /* response_format; empty: not given */
    size_t model_len, format_len, stream_len;
    uint64_t model_begin, model_end; /* its place in the body */
    uint64_t format_begin, format_end; /* the same of response_format; both 0 while it was not seen */
    uint64_t file_bytes;
    bool has_model, has_file, has_format, has_stream;
    bool stream;
    int field;                       /* being read; enum field of audio.c */
    uint64_t field_begin;
    struct multipart parts;
};
/* ERR_INVALID with a story fit for the client's 400; ERR_NOMEM. */
int audio_form_open(struct audio_form *f, struct str content_type, struct err *e);
int audio_form_feed(struct audio_form *f, struct str bytes, struct err *e);
int audio_form_end(struct audio_form *f, struct err *e);
bool audio_form_is_routable(const struct audio_form *f); /* the file has begun, and the model is known */
void audio_form_fini(struct audio_form *f);

/* What such a request is for the mesh; `body` is all of it (it may still be coming, but for the model's name), and the form outlives the call. */
void audio_facts(const struct audio_form *f, enum wire_op op, struct str body, struct call *out);
/* The longest that so many bytes of sound may be: for what a budget reserves. */
int64_t audio_ms_at_most(uint64_t file_bytes);
/* Subtitles, which not every vendor writes. */
bool audio_wants_subtitles(const struct audio_form *f);

/* They are made of the segments of a transcript in verbose_json, which every vendor has. ERR_SYNTAX: it has none; ERR_NOMEM, ERR_LIMIT. */
#define AUDIO_WITH_SEGMENTS STR("verbose_json")
int audio_subtitles_write(const struct audio_form *f, struct str body, struct buf *out);

/* A whole answer to that form. ERR_SYNTAX: it is none. */
int audio_answer_read(const struct audio_form *f, struct str body, struct wire_answer *out, struct err *e);
/* The data of one event of a stream. */
int audio_chunk_read(struct str data, struct wire_answer *out, struct err *e);
