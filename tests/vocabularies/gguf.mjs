// gguf.mjs: a model file that holds a vocabulary and nothing else, as the converters of llama.cpp write it; and one read back.
import {readFileSync, writeFileSync} from 'node:fs';

const U8 = 0, U32 = 4, I32 = 5, F32 = 6, BOOL = 7, STRING = 8, ARRAY = 9;
const WIDTH = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8};
export const TYPE = {normal: 1, unknown: 2, control: 3, user: 4, unused: 5, byte: 6};

const u32 = n => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b; };
const u64 = n => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b; };
const text = s => { const b = Buffer.from(s, 'utf8'); return [u64(b.length), b]; };
const numbers = (type, list) => {
    const b = Buffer.alloc(4 * list.length);
    list.forEach((n, i) => type === F32 ? b.writeFloatLE(n, 4 * i) : b.writeInt32LE(n, 4 * i));
    return [u32(ARRAY), u32(type), u64(list.length), b];
};

// vocabulary: {model, pre, tokens, types, scores?, merges?, bos?, eos?, unk?, addBos?, addSpacePrefix?, lowercase?, stripAccents?, template?, name?}
export function writeVocabulary(path, v) {
    const keys = [];
    const put = (key, ...value) => keys.push([...text(key), ...value.flat(Infinity)]);
    const string = (key, s) => s !== undefined && put(key, u32(STRING), text(s));
    const number = (key, n) => n !== undefined && put(key, u32(U32), u32(n));
    const bool = (key, b) => b !== undefined && put(key, u32(BOOL), Buffer.from([b ? 1 : 0]));
    const texts = (key, list) => list && put(key, u32(ARRAY), u32(STRING), u64(list.length), list.map(text));
    string('general.architecture', v.architecture ?? 'llama');
    string('general.name', v.name);
    string('tokenizer.ggml.model', v.model);
    string('tokenizer.ggml.pre', v.pre);
    texts('tokenizer.ggml.tokens', v.tokens);
    put('tokenizer.ggml.token_type', numbers(I32, v.types));
    if (v.scores) put('tokenizer.ggml.scores', numbers(F32, v.scores));
    texts('tokenizer.ggml.merges', v.merges);
    number('tokenizer.ggml.bos_token_id', v.bos);
    number('tokenizer.ggml.eos_token_id', v.eos);
    number('tokenizer.ggml.unknown_token_id', v.unk);
    bool('tokenizer.ggml.add_bos_token', v.addBos);
    bool('tokenizer.ggml.add_space_prefix', v.addSpacePrefix);
    bool('tokenizer.ggml.normalizer.lowercase', v.lowercase);
    bool('tokenizer.ggml.normalizer.strip_accents', v.stripAccents);
    string('tokenizer.chat_template', v.template);
    writeFileSync(path, Buffer.concat([Buffer.from('GGUF'), u32(3), u64(0), u64(keys.length), ...keys.flat()]));
}

// The keys of a file as an object; numbers of 64 bits as they fit.
export function readKeys(path) {
    const b = readFileSync(path), keys = {};
    let at = 16;
    const n64 = () => { const n = Number(b.readBigUInt64LE(at)); at += 8; return n; };
    const n32 = () => { const n = b.readUInt32LE(at); at += 4; return n; };
    const str = () => { const n = n64(), s = b.toString('utf8', at, at + n); at += n; return s; };
    const value = type => {
        if (type === STRING) return str();
        if (type === ARRAY) {
            const of = n32(), count = n64();
            return Array.from({length: count}, () => value(of));
        }
        const from = at;
        at += WIDTH[type];
        switch (type) {
        case U8: case BOOL: return b[from];
        case I32: return b.readInt32LE(from);
        case U32: return b.readUInt32LE(from);
        case F32: return b.readFloatLE(from);
        case 12: return b.readDoubleLE(from);
        default: return WIDTH[type] === 8 ? Number(b.readBigUInt64LE(from)) : b.readIntLE(from, WIDTH[type]);
        }
    };
    for (let count = n64(); count > 0; count--) {
        const key = str(), type = n32();
        keys[key] = value(type);
    }
    return keys;
}
