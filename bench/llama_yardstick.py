"""What llama.cpp does with a model file: bench/engine runs this with a Python that has the package llama-cpp-python.

usage: llama_yardstick.py FILE THREADS PROMPT TOKENS      one JSON object
"""
import ctypes
import json
import random
import resource
import sys
import time

from llama_cpp import llama_cpp as C

FILE, THREADS, PROMPT, TOKENS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
STREAMS, FIRST_PROMPT, TEXT = (1, 4, 8), 128, 128


def fill(batch, rows):
    """rows: (token, position, sequence, wanted)"""
    batch.n_tokens = len(rows)
    for i, (token, position, sequence, wanted) in enumerate(rows):
        batch.token[i] = token
        batch.pos[i] = position
        batch.n_seq_id[i] = 1
        batch.seq_id[i][0] = sequence
        batch.logits[i] = wanted


def main():
    C.llama_backend_init()
    quiet = C.llama_log_callback(lambda level, text, data: None)
    C.llama_log_set(quiet, ctypes.c_void_p(0))
    mp = C.llama_model_default_params()
    mp.n_gpu_layers = 0
    began = time.monotonic()
    model = C.llama_model_load_from_file(FILE.encode(), mp)
    load_ms = (time.monotonic() - began) * 1e3
    vocab = C.llama_vocab_n_tokens(C.llama_model_get_vocab(model))
    arch = ctypes.create_string_buffer(64)
    C.llama_model_meta_val_str(model, b"general.architecture", arch, len(arch))
    embeds = b"bert" in arch.value
    cp = C.llama_context_default_params()
    cp.n_ctx, cp.n_batch, cp.n_ubatch = 4096, 2048 if embeds else 512, 2048 if embeds else 512
    cp.n_threads = cp.n_threads_batch = THREADS
    cp.n_seq_max = max(STREAMS)
    cp.embeddings = embeds
    if hasattr(cp, "kv_unified"):
        cp.kv_unified = True
    ctx = C.llama_init_from_model(model, cp)
    batch = C.llama_batch_init(2048, 0, max(STREAMS))
    chance = random.Random(1)
    token = lambda: chance.randrange(vocab)

    def decode(rows):
        fill(batch, rows)
        if C.llama_decode(ctx, batch) if not embeds else C.llama_encode(ctx, batch):
            sys.exit("llama.cpp could not decode")

    def clear():
        C.llama_memory_clear(C.llama_get_memory(ctx), True)

    def timed(fn):
        began = time.monotonic()
        fn()
        return time.monotonic() - began

    rates, first_ms = {}, 0
    if embeds:
        for texts in (1, 8):
            rows = lambda: [(token(), p, t, True) for t in range(texts) for p in range(TEXT)]
            decode(rows())
            rounds = 8 // texts
            rates[f"embed {texts}"] = rounds * texts * TEXT / timed(lambda: [decode(rows()) for _ in range(rounds)])
    else:
        decode([(token(), p, 0, p == 15) for p in range(16)])
        clear()
        rates["prefill 1"] = PROMPT / timed(lambda: decode([(token(), p, 0, p == PROMPT - 1) for p in range(PROMPT)]))
        clear()
        first_ms = timed(lambda: decode([(token(), p, 0, p == FIRST_PROMPT - 1) for p in range(FIRST_PROMPT)])) * 1e3
        for streams in STREAMS:
            clear()
            step = lambda p: decode([(token(), p, s, True) for s in range(streams)])
            step(0)
            step(1)
            rates[f"decode {streams}"] = streams * TOKENS / timed(lambda: [step(p) for p in range(2, 2 + TOKENS)])
    print(json.dumps({"rates": rates, "load_ms": load_ms, "first_ms": first_ms,
                      "resident_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


main()
