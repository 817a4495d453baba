// run.mjs: what Hearth's tokenizers make of published vocabularies, beside encoders that are not ours. Started by tools/vocabularies.
//
// Environment: HEARTH, the binary; FILES, a folder for the model files that are made; PUBLISHED, a folder with llama.cpp's vocabularies, or
// empty; SEED and COUNT of the texts; SHOWN differences of each; VERBOSE. Arguments: names of vocabularies; without, all.
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {byteTexts, corpus} from './corpus.mjs';
import {TYPE, writeVocabulary} from './gguf.mjs';
import {ofModelFile, vocabularies} from './vocabularies.mjs';

const HEARTH = process.env.HEARTH ?? 'build/hearth', FILES = process.env.FILES ?? '.';
const SEED = Number(process.env.SEED ?? 1), COUNT = Number(process.env.COUNT ?? 6000), SHOWN = Number(process.env.SHOWN ?? 3);
const LONG_SECONDS_MAX = 20, RUN_MS_MAX = 300000;
let passed = 0, failed = 0;

function say(good, what, detail = []) {
    good ? passed++ : failed++;
    console.log(`${good ? 'ok  ' : 'FAIL'} ${what}`);
    for (const d of detail) console.log(`       ${d}`);
}

function hearth(args, input) {
    const p = spawnSync(HEARTH, ['tokenize', ...args], {input, maxBuffer: 1 << 30, timeout: RUN_MS_MAX});
    if (p.status !== 0) throw new Error(`hearth tokenize ${args.join(' ')}: ${p.stderr}${p.error ?? ''}`);
    return p.stdout;
}

const BATCH = 4 << 20; // bytes a run
function hearthIds(file, texts, special) {
    const ids = [];
    for (let i = 0; i < texts.length;) {
        const parts = [];
        for (let bytes = 0; i < texts.length && bytes < BATCH; i++) {
            parts.push(Buffer.from(texts[i]), Buffer.from([0]));
            bytes += parts.at(-2).length;
        }
        const args = [file, '--no-bos', '--json', '-0', ...(special ? ['--special'] : [])];
        for (const line of hearth(args, Buffer.concat(parts)).toString().split('\n'))
            if (line) ids.push(JSON.parse(line).tokens);
    }
    return ids;
}

const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
function difference(v, text, ours, theirs) {
    let at = 0;
    while (at < ours.length && ours[at] === theirs[at]) at++;
    const show = ids => ids.slice(at, at + 6).map(i => `${i} ${JSON.stringify(v.file.tokens[i] ?? null)}`).join(', ');
    return `${JSON.stringify(text.slice(0, 160))} at ${at}: hearth ${show(ours)} | ${v.name} ${show(theirs)}`;
}

async function compare(v, file, texts, special) {
    const ours = hearthIds(file, texts, special), theirs = await v.encode(texts, special);
    const wrong = texts.map((_, i) => i).filter(i => !same(ours[i] ?? [], theirs[i]));
    wrong.sort((a, b) => texts[a].length - texts[b].length);
    say(wrong.length === 0 && ours.length === texts.length, `${v.name}: ${texts.length} texts${special ? ', control tokens recognised' : ''}${wrong.length ? `, ${wrong.length} differ` : ''}`,
        wrong.slice(0, SHOWN).map(i => difference(v, texts[i], ours[i] ?? [], theirs[i])));
}

// The pieces that the list shows, back as bytes.
function shownBytes(list) {
    const out = [];
    for (const line of list) {
        const m = line.match(/^ *-?\d+  "(.*)"(  control)?(, ends an answer)?$/s);
        if (!m) throw new Error(`not a line of the list: ${line}`);
        for (let i = 0; i < m[1].length; i++) {
            if (m[1][i] !== '\\') { const cp = String.fromCodePoint(m[1].codePointAt(i)); out.push(...Buffer.from(cp)); i += cp.length - 1; continue; }
            const c = m[1][++i];
            if (c === 'x') { out.push(parseInt(m[1].slice(i + 1, i + 3), 16)); i += 2; }
            else out.push(...Buffer.from(c === 'n' ? '\n' : c));
        }
    }
    return Buffer.from(out);
}

function roundTrip(v, file) {
    if (v.file.model === 'bert') return;
    const texts = byteTexts(SEED + 7, 400).filter(t => !v.skipBytes?.(t)), lines = hearth([file, '--no-bos', '-0'], Buffer.concat(texts.flatMap(t => [t, Buffer.from([0])]))).toString().split('\n');
    let at = 0, lost = [];
    for (const t of texts) {
        const count = parseInt(lines[at++]);
        let back = shownBytes(lines.slice(at, at + count));
        at += count;
        if (v.file.model === 'llama' && v.file.addSpacePrefix !== false && back[0] === 0x20) back = back.subarray(1);
        if (!back.equals(t)) lost.push(`${t.toString('hex')} came back as ${back.toString('hex')}`);
    }
    say(lost.length === 0, `${v.name}: ${texts.length} texts of random bytes come back whole`, lost.slice(0, SHOWN));
}

async function long(v, file) {
    for (const one of ['a', ' ', '\n', '!', '0', '中', '😀', '\u0301', 'A', '\u00a0']) {
        const began = Date.now(), whole = hearthIds(file, [one.repeat(Math.ceil((1 << 20) / Buffer.from(one).length))], false), seconds = (Date.now() - began) / 1000;
        const text = one.repeat(Math.ceil(v.long / Buffer.from(one).length));
        const ours = hearthIds(file, [text], false)[0], [theirs] = await v.encode([text], false);
        const good = whole.length === 1 && seconds < LONG_SECONDS_MAX && same(ours, theirs);
        if (!good || process.env.VERBOSE) say(good, `${v.name}: 1 MiB of ${JSON.stringify(one)} in ${seconds} s, ${text.length} of them compared`, good ? [] : [difference(v, text, ours, theirs)]);
        else passed++;
    }
}

async function hostile(v, file) {
    const words = v.file.tokens.filter((_, i) => v.file.types[i] === TYPE.normal).map(t => v.file.model === 'gpt2' ? t.replaceAll('Ġ', ' ').replaceAll('Ċ', '\n') : t.replaceAll('▁', ' '));
    const texts = corpus(SEED, COUNT, v.names.slice(0, 40), words).filter(t => !v.skip?.(t));
    await compare(v, file, texts, false);
    if (!v.plainOnly) await compare(v, file, texts, true);
    roundTrip(v, file);
    await long(v, file);
}

// The texts that llama.cpp keeps beside its vocabularies, and their tokens. Of Qwen's those that are not composed are llama.cpp's own; the library
// would compose them.
function kept(name, path) {
    const texts = readFileSync(`${path}.inp`, 'utf8').split('\n__ggml_vocab_test__\n'), lines = readFileSync(`${path}.out`, 'utf8').split('\n');
    const ours = hearthIds(path, texts, false);
    const wrong = texts.map((_, i) => i).filter(i => !(name.startsWith('qwen') && texts[i].normalize('NFC') !== texts[i]) && !same(ours[i] ?? [], lines[i].trim().split(/ +/).filter(Boolean).map(Number)));
    say(wrong.length === 0 && ours.length === texts.length, `${name}: ${texts.length} texts that came with it`, wrong.slice(0, SHOWN).map(i => `${JSON.stringify(texts[i])}: hearth ${ours[i]} | ${lines[i]}`));
}

function refused(name, path) {
    const p = spawnSync(HEARTH, ['tokenize', path], {input: 'a'});
    if (p.status === 0) return false;
    say(/ are not supported; those of /.test(p.stderr), `${name}: refused by name`, [String(p.stderr)]);
    return true;
}

async function published(folder, wanted) {
    for (const base of readdirSync(folder).filter(f => /^ggml-vocab-.*\.gguf$/.test(f)).sort()) {
        const path = join(folder, base), name = base.slice(11, -5);
        if ((wanted.length && !wanted.includes(name)) || refused(name, path)) continue;
        if (existsSync(`${path}.inp`)) kept(name, path);
        const v = ofModelFile(path, name);
        if (v.encode) await hostile(v, path);
    }
}

async function main() {
    const wanted = process.argv.slice(2);
    mkdirSync(FILES, {recursive: true});
    for await (const v of vocabularies()) {
        if (wanted.length && !wanted.includes(v.name)) continue;
        const file = join(FILES, `${v.name}.gguf`);
        writeVocabulary(file, v.file);
        if (v.file.template) writeFileSync(join(FILES, `${v.name}.jinja`), v.file.template);
        await hostile(v, file);
    }
    if (process.env.PUBLISHED) await published(process.env.PUBLISHED, wanted);
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed ? 1 : 0);
}

await main();
