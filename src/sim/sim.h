/* sim.h: simulated vendors on loopback, for `hearth rehearse` and for the tests; one thread, one loop, real HTTP.
 *
 * Each simulated upstream speaks the OpenAI-compatible face of its vendor with that vendor's habits (where usage is
 * put, keep-alive comments, extra members, error shapes) and takes a script of behaviours. Asked at /v1/messages, /v1/responses
 * or, being an Ollama, at its own API, it says the same in that dialect. They answer only on
 * 127.0.0.1 and only where a person or a test started them (promise 9). Callable from any thread. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct sim;

/* Flavours: openai, deepseek, moonshot, groq, openrouter, anthropic (its OpenAI face), ollama, llama-server, gemini. */
int sim_open(struct sim **out, struct err *e);
void sim_close(struct sim *s);

/* Adds an upstream listening on 127.0.0.1:`port` (0 picks one). Returns its index or a negative code. */
int sim_add(struct sim *s, const char *name, const char *flavour, int port, struct err *e);
int sim_port(struct sim *s, int upstream);

/* What it does from now on, until changed. A script is steps separated by ';', used up one per request, the last one
 * staying. A step is words:
 *   reply [TEXT]                 a normal answer (streamed when asked); TEXT in double quotes
 *   echo                         answers with the last user message
 *   status N [header NAME VALUE]… [body TEXT | file PATH]
 *   tokens N [every MS] [bytes B]  a stream of N chunks, MS apart, B bytes of text each (also embeddings' length)
 *   first MS                     waits before the head of the reply;  head MS: head at once, waits before the body
 *   ping MS                      keep-alive comments while waiting
 *   refuse                       closes the connection on accept;  hang: reads and never answers
 *   drop N                       resets the connection after N chunks (0: after the head; -1: before it)
 *   cut N                        proper chunked end after N chunks, without finish reason or [DONE]
 *   sse-error N TEXT             an error event after N chunks
 *   error-200 TEXT               status 200, JSON body with an error member
 *   garbage | empty | no-choices | html
 *   usage on|off                 reports usage or not
 *   finish REASON | tool NAME JSON | reasoning TEXT | refusal TEXT
 *   raw PATH                     the file's bytes as they are (a whole recorded reply, head included), then close
 *   malformed                    JSON that breaks off
 *   close                        closes after the reply without having said so
 *   slow-read                    reads the request one KiB per 10 ms
 *   redirect URL                 307, or the status given
 *   usage IN OUT, cached N       reports these figures instead of counted ones
 *   fault NAME                   an error in the vendor's words: context quota policy rate overload key forbidden model
 *                                parameter server
 *   forwards NAME                Ollama: lists this model as forwarded to its cloud while this step is the next
 *   info TEXT | ps TEXT          likewise: TEXT is the whole reply, head included, to every question about the server; the
 *                                body of /api/ps
 *   when TEXT                    the step is for every request whose body holds TEXT, instead of the step whose turn it is;
 *                                it is never used up (so a program's tool call and its answer to the result can be told)
 * Several words may stand in one step, in any order. Chunks of drop, cut and sse-error are events of the stream: the
 * one with the role is the first. raw takes a text in quotes as well. Questions about the server itself (models,
 * Ollama's /api/tags …) are answered whatever the script says, use no step and count as probes. */
int sim_script(struct sim *s, int upstream, const char *script, struct err *e);
/* Takes the listener away (connections are reset, new ones refused) and gives it back on the same port. */
void sim_down(struct sim *s, int upstream);
int sim_up(struct sim *s, int upstream, struct err *e);

struct sim_seen {
    long connections, requests, completed, aborted; /* aborted: the client closed before the reply's end */
    long probes;                                    /* questions about the server, not among the requests */
    long open;                                      /* replies under way */
    long connected;                                 /* connections that are open now, kept ones included */
    int64_t last_abort_ms;                          /* monotonic time of the last one */
};
void sim_seen(struct sim *s, int upstream, struct sim_seen *out);
void sim_seen_reset(struct sim *s, int upstream);
/* The last request as it arrived (head with the header names as sent, blank line, decoded body). */
int sim_last_request(struct sim *s, int upstream, struct buf *out);
int sim_last_probe(struct sim *s, int upstream, struct buf *out); /* the same of questions about the server */
/* All that it has read since it began, or since sim_seen_reset: requests and questions. ERR_LIMIT: it was more than is kept. */
int sim_wire(struct sim *s, int upstream, struct buf *out);
