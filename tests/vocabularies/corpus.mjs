// corpus.mjs: hostile texts, the same for every run of a seed: what pre-tokenizers, byte fallbacks and special tokens stumble over.
// All are well-formed (encoders take text, not bytes) and without NUL, which ends a text on Hearth's standard input.

export function chance(seed) {
    let a = seed >>> 0; // mulberry32
    const next = () => {
        a = (a + 0x6D2B79F5) >>> 0;
        let t = Math.imul(a ^ (a >>> 15), a | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const below = n => Math.floor(next() * n);
    return {below, pick: list => list[below(list.length)], some: (n, fn) => Array.from({length: n}, fn)};
}

const PROSE = [
    'The quick brown fox jumps over the lazy dog. It\'s 5 o\'clock; THEY\'LL say "we\'ve won\'t I\'D".',
    'Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Straßenbahnhaltestellenfahrkartenautomat',
    'Portez ce vieux whisky au juge blond qui fume l’été à Noël, n’est-ce pas ? « Oui ! »',
    'El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío; ¿añoraba? ¡Sí!',
    'Съешь же ещё этих мягких французских булок, да выпей чаю. ЁЖИК',
    'Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Ὦ ἄνδρες Ἀθηναῖοι',
    'いろはにほへと ちりぬるを カタカナ ﾊﾝｶｸ 漢字仮名交じり文。「はい」…',
    '我能吞下玻璃而不伤身体。繁體中文字，標點符號！２０２４年１２月',
    '나는 유리를 먹을 수 있어요. 그래도 아프지 않아요 ㅋㅋㅋ',
    'أنا قادر على أكل الزجاج و هذا لا يؤلمني. ٠١٢٣٤٥٦٧٨٩ لآ',
    'אני יכול לאכול זכוכית וזה לא מזיק לי. שָׁלוֹם',
    'मैं काँच खा सकता हूँ और मुझे उससे कोई चोट नहीं पहुंचती. १२३ क्षत्रिय',
    'আমি কাঁচ খেতে পারি, তাতে আমার কোনো ক্ষতি হয় না। ৪৫৬',
    'நான் கண்ணாடி சாப்பிடுவேன், அதனால் எனக்கு ஒரு கேடும் வராது. ௧௨௩',
    'ฉันกินกระจกได้ แต่มันไม่ทำให้ฉันเจ็บ ๑๒๓ น้ำ',
    'ຂອ້ຍກິນແກ້ວໄດ້ໂດຍທີ່ມັນບໍ່ໄດ້ເຮັດໃຫ້ຂອ້ຍເຈັບ', 'ကျွန်တော် ဖန်စားနိုင်တယ်။', 'ខ្ញុំអាចញុំកញ្ចក់បាន', 'მინას ვჭამ და არა მტკივა. ᲛᲗᲐᲕᲠᲣᲚᲘ',
    'Կրնամ ապակի ուտել և ինծի անհանգիստ չըներ։', 'ᚠᛇᚻ᛫ᛒᛦᚦ᛫ᚠᚱᚩᚠᚢᚱ', 'Mogę jeść szkło i mi nie szkodzi. Žluťoučký kůň', 'Tôi có thể ăn thủy tinh mà không hại gì. Tiếng Việt ế ộ ữ',
    'I İ ı i ŞĞÜÇÖ ǅ ǈ ß ẞ ŉ ſ K Å Ω ﬁ ﬂ ﬃ', 'Ⅷ ⅷ ½ ⅓ ² ³ ⁴ ₂ ① ⑳ 〇 ㊿ 𝟘 𝟙 १ ໓ 𐒠 𞥐', '\u{10400}\u{10428} \u{1E900} \u{1D400}\u{1D41A} \u{20000}\u{2A6D6} \u{E0001}\u{E0041}',
];
const CODE = [
    'int main(void)\n{\n\tfor (size_t i = 0; i < n; ++i)\n\t\tprintf("%d\\n", a[i]);\n\treturn 0;\n}\n',
    'def f(x: int = 3, *a, **k) -> None:\r\n    """Doc."""\r\n    return {**k, "y": [i**2 for i in range(x)]}\r\n\r\n',
    'SELECT * FROM `t` WHERE a != \'b\' AND c >= 1e-9 -- note\n;', '<div class="a b">&nbsp;<br/></div><!-- x -->', 'https://example.org/a/b?c=d&e=%20f#g user@example.org C:\\dir\\file.txt',
    '{"a": [1, 2.50, -3e+10, null, true], "b\\u00e9": "\\n"}', '#!/bin/sh\nset -eu\nx=$(cat <<\'EOF\' | sed "s/a/b/g"\n  text\nEOF\n)\n', 'x+=1;;;;//////----====>>>>====|||&&&^^^~~~```',
    '$\\frac{\\partial f}{\\partial x} \\ge \\sum_{i=1}^{n}$', '\u001b[31mred\u001b[0m\u0007\u0008\u007f\u0001\u0085', 'aB1cD2eF3 camelCase snake_case SCREAMING_CASE kebab-case XMLHttpRequest iPhone15Pro',
];
const NUMBERS = ['1', '12', '123', '1234', '12345', '123456789012345678901234567890', '3.14159', '1,000,000.00', '1e10', '0x1F', '007', '١٢٣٤', '１２３４', '²³¹', '1\u0301', '१२३४५', '99%', '$5', '1st', '½4', 'Ⅻ1'];
const BLANKS = [' ', '  ', '   ', '\t', '\n', '\r', '\r\n', '\n\n', '\n \n', ' \n', '\t\t\t', '\u00a0', '\u2003', '\u3000', '\u2028', '\u2029', '\u000b', '\u000c', '\u0085', '\u200b', '\ufeff', '\u180e', '\u202f', '\u1680', '\u2060', '▁', '▁▁'];
const MARKS = ['\u0300', '\u0301', '\u0308', '\u0327', '\u0345', '\u05b8', '\u064b', '\u093e', '\u094d', '\u0bbe', '\u0e31', '\u1ab0', '\u20d0', '\u20dd', '\u20e3', '\u302a', '\u3099', '\ufe0f', '\ufe0e', '\ufe20', '\u{1d165}', '\u{e0100}', '\u{1e8d0}'];
const EMOJI = ['😀', '👍🏽', '👨‍👩‍👧‍👦', '🏳️‍🌈', '🇩🇪', '🇩🇪🇫🇷🇺', '❤️‍🔥', '1️⃣', '🧑🏿‍🚀', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '☺', '☺️', '\u200d', '\u{1f3fb}', '©', '™', '⏏︎', '🫨', '🪿'];
const QUOTES = ["'s", "'S", "'ſ", "'t", "'re", "'RE", "'rE", "'ve", "'m", "'LL", "'ll", "'d", "'x", "''s", "’s", "'\u0301s", "'lL1", "'", '"', "''''"];

// What Unicode assigned after 15.0, which is the version of Hearth's tables; encoders know an older or a newer one.
const LATER = [[0x1C89, 0x1C8A], [0x1ACF, 0x1AFF], [0x208F, 0x2094], [0x2FFC, 0x2FFF], [0x31E4, 0x31EF], [0xA7CB, 0xA7DC], [0x0C5C, 0x0C5C], [0x0CDC, 0x0CDC], [0x088F, 0x088F], [0x0897, 0x0897],
    [0x1B4E, 0x1B7F], [0x20C1, 0x20CF], [0x2427, 0x2429], [0x2B96, 0x2B96], [0xA7F1, 0xA7F1], [0xFBC3, 0xFBD2], [0xFD90, 0xFDC8], [0x10560, 0x105FF], [0x10940, 0x1097F], [0x10D40, 0x10D8F], [0x10EC0, 0x10EFC],
    [0x11380, 0x113FF], [0x116C0, 0x116FF], [0x11AF9, 0x11BFF], [0x11C00, 0x11DFF], [0x13456, 0x143FF], [0x16100, 0x1613F], [0x16D40, 0x16FFF], [0x187F8, 0x18DFF], [0x1BC00, 0x1BFFF], [0x1CC00, 0x1CEFF],
    [0x1D100, 0x1D1FF], [0x1E5D0, 0x1E6FF], [0x1F6D0, 0x1F6FF], [0x1F770, 0x1F8FF], [0x1FA50, 0x1FBFF], [0x2A6DE, 0x2A6FF], [0x2B739, 0x2B81F], [0x2CEA2, 0x2F7FF], [0x31350, 0x3FFFD]];

function codePoint(c) {
    for (;;) {
        const plane = c.below(4) ? c.below(3) : c.below(17), cp = plane * 0x10000 + c.below(0x10000);
        if (cp && !(cp >= 0xD800 && cp <= 0xDFFF) && !LATER.some(([a, b]) => cp >= a && cp <= b)) return String.fromCodePoint(cp);
    }
}

const breakName = (c, name) => {
    const at = c.below(name.length + 1);
    switch (c.below(6)) {
    case 0: return name.slice(0, at);
    case 1: return name.slice(at);
    case 2: return name.slice(0, at) + c.pick([' ', '\u200b', 'x', '\n', '|', '<']) + name.slice(at);
    case 3: return name.toUpperCase();
    case 4: return name.slice(0, at) + name;
    default: return name.replace(/[|_<>]/gu, m => c.pick([m, m + m, '']));
    }
};

// names: what special tokens of the vocabulary are called; words: texts of some of its tokens.
export function corpus(seed, count, names, words) {
    const c = chance(seed);
    const atoms = [
        () => c.pick(PROSE), () => c.pick(c.pick(PROSE).split(' ')), () => c.pick(CODE), () => c.pick(NUMBERS), () => c.pick(BLANKS), () => c.pick(BLANKS).repeat(1 + c.below(40)),
        () => c.pick(EMOJI), () => c.pick(MARKS), () => c.pick(QUOTES), () => codePoint(c), () => c.some(1 + c.below(8), () => codePoint(c)).join(''),
        () => c.pick(words), () => c.some(1 + c.below(12), () => String.fromCharCode(1 + c.below(127))).join(''), () => c.some(1 + c.below(6), () => String.fromCharCode(0x80 + c.below(0x780))).join(''),
        () => String.fromCodePoint(0x4e00 + c.below(0x5200)), () => String(c.below(1e9)), () => 'aAbBzZéÉßñ'.charAt(c.below(10)).repeat(1 + c.below(30)), () => c.pick('!-._/\\#*=~ '.split('')).repeat(1 + c.below(20)),
    ];
    const special = [() => c.pick(names), () => breakName(c, c.pick(names)), () => c.pick(names) + c.pick(BLANKS), () => c.pick(BLANKS) + c.pick(names)];
    const texts = ['', ...PROSE, ...CODE, ...NUMBERS, ...BLANKS, ...MARKS, ...EMOJI, ...QUOTES, ...names, ...names.map(n => ` ${n} a${n}${n}\n${n}`)];
    for (const q of QUOTES) texts.push(`I${q} a`, `Ab${q}B`, ` ${q}`);
    for (const b of BLANKS) for (const s of ['a', '1', '!', '\n', ' a', '\u0301']) texts.push(`x${b}${s}`, b + b + s, s + b);
    // every kind of code point beside a letter, a digit, a blank and a sign
    for (let i = 0; i < 1200; i++) {
        const p = codePoint(c);
        texts.push(c.pick(['a', 'A', '1', ' ', '.', '中', '', '\n']) + p + c.pick(['a', 'B', '2', ' ', '!', 'の', '', '\r']));
    }
    while (texts.length < count) {
        const parts = names.length && c.below(4) === 0 ? [...atoms, ...special, ...special] : atoms;
        texts.push(c.some(1 + c.below(10), () => c.pick(parts)()).join(''));
    }
    return texts.map(t => t.replaceAll('\0', ''));
}

// Bytes that are no text, without NUL.
export function byteTexts(seed, count) {
    const c = chance(seed);
    const odd = [0xC0, 0xC3, 0xE2, 0xF0, 0xED, 0xF5, 0x80, 0xBF, 0xFF, 0xFE];
    return c.some(count, () => Buffer.from(c.some(1 + c.below(40), () => c.below(3) ? 1 + c.below(255) : c.below(2) ? c.pick(odd) : 0x20 + c.below(95))));
}
