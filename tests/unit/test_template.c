/* test_template.c: the template engine: each construct and what it prints, white space, errors, limits, the origin of texts; and the
 * golden renderings of whole templates. */
#include "engine/template.h"
#include "test.h"
#include "work_kit.h"
#include <dirent.h>

/* The variables of the tables below. */
#define VARIABLES                                                                                                       \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi 'x' \\\"y\\\" é\"},{\"role\":\"assistant\",\"content\":null}," \
    "{\"role\":\"tool\",\"content\":\"  "                                                                               \
    "42\\n\"}],\"d\":{\"b\":2,\"a\":1,\"items\":7,\"C\":[3,1]},\"l\":[3,1,2,1],\"s\":\"Hello, World\","                 \
    "\"n\":5,\"f\":2.5,\"big\":123456789012345678901234567890,\"e\":\"\",\"nul\":null,\"t\":true,\"words\":[\"b\","     \
    "\"A\",\"c\",\"a\"],"                                                                                               \
    "\"ws\":\" \\t x y "                                                                                                \
    "\\n\",\"objs\":[{\"n\":\"x\",\"v\":2,\"q\":{\"z\":1}},{\"n\":\"a\",\"v\":1},{\"n\":\"X\",\"v\":2}],\"uni\":"       \
    "\"héλЖ ñ😀\"}"

static const struct civil NOW = {2026, 11, 21, 15, 31, 44, 6};

static int render(struct str source, struct str variables, const struct template_limits *limits, struct buf *out,
                  struct err *e)
{
    struct arena a = ARENA_INIT(64 * MiB);
    struct json_node *root;
    struct template *t = NULL;
    struct template_input in[32];
    struct template_output o = {0};
    size_t n = 0;

    buf_clear(out);
    int rc = json_parse(&a, variables, &root, e);
    if (rc == 0)
        rc = template_compile(&t, source, e);
    for (const struct json_node *m = rc == 0 ? root->child : NULL; m && n < COUNT_OF(in); m = m->next)
        in[n++] = (struct template_input){m->key, m, str_ends(m->key, STR("_token"))};
    if (rc == 0)
        rc = template_render(t, in, n, &NOW, limits, &a, &o, e);
    for (size_t i = 0; rc == 0 && i < o.count; i++) {
        EXPECT(o.piece[i].text.len > 0 && (i == 0 || o.piece[i].special != o.piece[i - 1].special));
        rc = buf_append(out, o.piece[i].text);
    }
    template_free(t);
    arena_fini(&a);
    return rc;
}

struct row {
    const char *source, *want;
};

static void check_rows(const struct row *row, size_t count)
{
    struct template_limits limits = TEMPLATE_LIMITS_DEFAULT;
    struct buf out = BUF_INIT(1 * MiB);

    for (size_t i = 0; i < count; i++) {
        struct err e = {0};
        int rc = render(str_from(row[i].source), STR(VARIABLES), &limits, &out, &e);
        if (rc < 0 || !str_eq(buf_str(&out), str_from(row[i].want)))
            test_fail(__FILE__, __LINE__, "%s\n  gives    \"%.*s\"%s\n  expected \"%s\"", row[i].source,
                      STR_FMT(buf_str(&out)), rc < 0 ? e.text : "", row[i].want);
    }
    buf_fini(&out);
}

/* What is expected here was recorded with Python's jinja2, set up as for chat templates. */
TEST(expressions_print_as_in_python)
{
    static const struct row rows[] = {
        {"{{ [1,'a',None,true,2.5,[],{}] }}{{ (1,) }}{{ (1,2) }}{{ () }}{{ {'a':1,2:'b', none: 3} }}",
         "[1, 'a', None, True, 2.5, [], {}](1,)(1, 2)(){'a': 1, 2: 'b', None: 3}"},
        {"{{ 7//2 }} {{ -7//2 }} {{ 7%3 }} {{ -7%3 }} {{ 7/2 }} {{ 2*3 }} {{ 'ab'*3 }} {{ [1]*2 }} {{ 1+2.5 }} {{ -n "
         "}} {{ +n }} {{ 7.5//2 }} {{ -7.5 % 2 }}",
         "3 -4 1 2 3.5 6 ababab [1, 1] 3.5 -5 5 3.0 0.5"},
        {"{{ 1 ~ 'a' ~ none ~ true ~ 2.0 ~ undefinedx }}", "1aNoneTrue2.0"},
        {"{{ 1 < 2 < 3 }}{{ 1 < 2 > 5 }}{{ 'a' < 'b' }}{{ 1 == 1.0 }}{{ true == 1 }}{{ 'a' == 'b' }}{{ [1,2]==[1,2] "
         "}}{{ {'a':1}=={'a':1} }}{{ none == none }}{{ (1,2)==[1,2] }}{{ [1,2]<[1,3] }}",
         "TrueFalseTrueTrueTrueFalseTrueTrueTrueFalseTrue"},
        {"{{ 'a' in 'abc' }}{{ 1 in [1] }}{{ 'b' in d }}{{ 'z' not in d }}{{ not 'b' in d }}{{ '' in 'a' }}{{ x in [1] "
         "}}{{ 1 in nope }}",
         "TrueTrueTrueTrueFalseTrueFalseFalse"},
        {"{{ 'y' if t else 'n' }}{{ 'y' if e else 'n' }}{{ 'only' if e }}{{ 'a' if e else 'b' if nul else 'c' }}",
         "ync"},
        {"{{ l[1:] }}{{ l[::-1] }}{{ l[-2:] }}{{ l[:-1] }}{{ l[1:3] }}{{ l[::2] }}{{ s[::-1] }}{{ s[1:4] }}{{ s[-5:] "
         "}}{{ uni[1:3] }}{{ uni[::-1] }}{{ uni[-1] }}{{ l[5:] }}{{ l[-1] }}{{ s[0] }}{{ l[10] }}{{ l[2:0:-1] }}{{ "
         "s[:-3:-1] }}{{ (1,2,3)[1:] }}",
         "[1, 2, 1][1, 2, 1, 3][2, 1][3, 1, 2][1, 2][3, 2]dlroW ,olleHellWorldéλ😀ñ Жλéh😀[]1H[2, 1]dl(2, 3)"},
        {"{{ not nope }}{{ not e and t }}{{ e or 'x' }}{{ s and n }}{{ nul or e or 0 }}{{ t and not e }}{{ not (t and "
         "e) }}",
         "TrueTruex50TrueTrue"},
        {"{{ {'a':{'b':1}}.a.b }}", "1"},
        {"{{ {'a':1}}}", "{'a': 1}"},
        {"{{ '}}' }}{{ '%}' }}", "}}%}"},
        {"{{ 2 if false }}x", "x"},
        {"{{ s.foo }}", ""},
        {"{{ {5:6}[5] }}", "6"},
        {"{{ 'a', 'b' }}", "('a', 'b')"},
        {"{{ [n, s,] }}{{ {'a':1,} }}", "[5, 'Hello, World']{'a': 1}"},
        {"{{ 'a' ~ 'b' == 'ab' }}{{ 1 + 1 == 2 and 3 }}", "True3"},
        {"{{ true }}{{ True }}{{ none }}{{ None }}{{ false }}", "TrueTrueNoneNoneFalse"},
        {"{{ s[n] }}{{ s[n:] }}{{ s[:n] }}{{ s[-n:] }}{{ s[n-1:n+1] }}", ",, WorldHelloWorldo,"},
        {"{{ 1_000 }}{{ 1.5_0 }}", "10001.5"},
        {"{{ messages[::-1][0].role }}{{ messages[1:][0].role }}", "toolassistant"},
        {"{{ l[true] }}", "1"},
        {"{{ a if b if c else d }}", "{'b': 2, 'a': 1, 'items': 7, 'C': [3, 1]}"},
        {"{{ 9223372036854775807 + 0 }}", "9223372036854775807"},
    };
    check_rows(rows, COUNT_OF(rows));
}

TEST(statements_do_what_jinja_does)
{
    static const struct row rows[] = {
        {"{{ nope|length }}{{ nope|list }}{% for x in nope %}a{% else %}none{% endfor %}", "0[]none"},
        {"{% for k, v in d.items() %}{{k}}={{v}};{% endfor %}{% for k,v in d|items %}{{k}}{% endfor %}{% for k in d "
         "%}{{k}}{% endfor %}{{ d.keys()|list }}{{ d.values()|list }}",
         "b=2;a=1;items=7;C=[3, 1];baitemsCbaitemsC['b', 'a', 'items', 'C'][2, 1, 7, [3, 1]]"},
        {"{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ "
         "loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a','b') }}{{ "
         "loop.depth }};{% endfor %}",
         "10TrueFalse4431a1;21FalseFalse43232b1;32FalseFalse42111a1;43FalseTrue4102b1;"},
        {"{% for x in l if x > 1 %}{{x}}{{loop.last}}{% else %}E{% endfor %}{% for x in [] %}a{% else %}E{% endfor "
         "%}{% for x in l if x > 9 %}{% else %}none{% endfor %}",
         "3False2TrueEnone"},
        {"{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 2 %}{% break %}{% endif %}{{x}}{% endfor "
         "%}",
         "3"},
        {"{% set x = 1 %}{% for i in l %}{% set x = i %}{{x}}{% endfor %}{{ x }}{% if true %}{% set x = 9 %}{% endif "
         "%}{{x}}",
         "312119"},
        {"{% set ns = namespace(a=1, b='x') %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b "
         "}}{{ ns.zz is defined }}",
         "8xFalse"},
        {"{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, e2) = [3, 4] %}{{ c }}{{e2}}{% for (p, q) in [(1,2),(3,4)] "
         "%}{{p}}{{q}}{% endfor %}",
         "12341234"},
        {"{% set x %}ab {{ n }} cd{% endset %}[{{ x }}]{% set y | upper | trim %} hi {% endset %}[{{ y }}]",
         "[ab 5 cd][HI]"},
        {"{% macro m(a, b='B', c=none) %}({{ a }},{{ b }},{{ c }}){% endmacro %}{{ m(1) }}{{ m(1, c=3) }}{{ m(b=2, "
         "a=1) }}{{ m() }}{{ m('x')|lower }}",
         "(1,B,None)(1,B,3)(1,2,None)(,B,None)(x,b,none)"},
        {"{% macro m(a) %}{% if a > 0 %}{{ a }}{{ m(a-1) }}{% endif %}{% endmacro %}{{ m(3) }}", "321"},
        {"{% macro m(a,b=a) %}{{b}}{% endmacro %}{{ m(7) }}", "7"},
        {"{% filter upper %}abc {{ n }}{% endfilter %}{% filter indent(2)|replace('a','b') %}a\na{% endfilter %}",
         "ABC 5b\n  b"},
        {"{% with a=1, b=2 %}{{ a+b }}{% endwith %}{{ a }}", "3"},
        {"{% generation %}x{{ n }}{% endgeneration %}", "x5"},
        {"{% set q = [1,2] %}{% set _ = q.append(3) %}{{ q }}{{ q.pop() }}{{ q }}{{ q.pop(0) }}{{ q }}{% set _ = "
         "q.insert(0, 9) %}{{ q }}{% set _ = q.extend([7,8]) %}{{ q }}{{ q.index(8) }}{{ q.count(9) }}",
         "[1, 2, 3]3[1, 2]1[2][9, 2][9, 2, 7, 8]31"},
        {"{% set q = {'a':1} %}{% set _ = q.update({'b':2}) %}{{ q }}{% set _ = q.update(c=3) %}{{ q }}{{ q.pop('a') "
         "}}{{ q }}{{ q.pop('zz', 5) }}{{ q.copy() }}{{ dict(a=1, b=2) }}{{ dict({'x':1}, y=2) }}",
         "{'a': 1, 'b': 2}{'a': 1, 'b': 2, 'c': 3}1{'b': 2, 'c': 3}5{'b': 2, 'c': 3}{'a': 1, 'b': 2}{'x': 1, 'y': 2}"},
        {"{{ range(3)|list }}{{ range(1,4)|list }}{{ range(5,0,-2)|list }}{% for i in range(2) %}{{ i }}{% endfor %}{{ "
         "range(3)|length }}",
         "[0, 1, 2][1, 2, 3][5, 3, 1]013"},
        {"{% if false %}{{ s|upper }}{% endif %}ok", "ok"},
        {"{% set x = '%}' %}{{ x }}", "%}"},
        {"{% if not loop is defined and (s == 'x' or n > 2) %}A{% elif n %}B{% else %}C{% endif %}", "A"},
        {"{% if e %}1{% elif nul %}2{% elif t %}3{% else %}4{% endif %}", "3"},
        {"{% if 0 %}a{% else %}b{% endif %}{% if '' %}a{% endif %}{% if [] %}a{% endif %}{% if {} %}a{% endif %}{% if "
         "0.0 %}a{% endif %}{% if 'x' %}c{% endif %}",
         "bc"},
        {"{% set x = {'k': [1,2,{'z': 'deep'}]} %}{{ x.k[2].z }}{{ x['k'][2]['z'] }}{{ x.k[2]['z'][0] }}", "deepdeepd"},
        {"{% macro outer() %}{% macro inner() %}I{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}", "I"},
        {"{% set v = 1 %}{% macro m() %}{{ v }}{% endmacro %}{% set v = 2 %}{{ m() }}", "2"},
        {"{% macro m() %}{{ zz }}{% endmacro %}{% for zz in l %}{{ m() }}{% endfor %}", ""},
        {"{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
         "12341123421234312344"},
        {"{% for x in l %}{% set outer = loop %}{% for y in [1] %}{{ outer.index }}{{ outer.last }}{% endfor %}{% "
         "endfor %}",
         "1False2False3False4True"},
        {"{%- for m in messages %}{%- if m.role == 'user' %}U{{ m.content }}{%- elif m.role == 'tool' %}T{{ m.content "
         "| trim }}{%- endif %}{%- endfor %}",
         "UHi 'x' \"y\" éT42"},
    };
    check_rows(rows, COUNT_OF(rows));
}

TEST(white_space_goes_as_trim_blocks_and_lstrip_blocks_say)
{
    static const struct row rows[] = {
        {"{{ 1 }}{{ 1.0 }}{{ 1e20 }}{{ 1.5e-7 }}{{ 123456789.125 }}{{ 0.0001 }}{{ 0.00001 }}{{1e16}}{{1e15}}{{-0.0}}{{ "
         "100000000000000000.0 }}",
         "11.01e+201.5e-07123456789.1250.00011e-051e+161000000000000000.00.01e+17"},
        {"{{ 'a' 'b' }}{{ \"q\\\"\" }}{{ '\\n\\t\\x41\\u00e9\\U0001F600\\101\\q\\\\' }}{{ 'a\\\nb' }}",
         "abq\"\n\tAé😀A\\q\\ab"},
        {"{% raw %}{{ x }}{% if %}{% endraw %}!", "{{ x }}{% if %}!"},
        {"a {%- raw -%} {{ x }} {%- endraw -%} b", "a{{ x }}b"},
        {"  {% raw %}  x\n  {% endraw %}\n  y", "  x\n  y"},
        {"a{# c #}b{#- c -#} d {# x\ny #}\ne", "abd e"},
        {"{#- a -#}", ""},
        {"{##}x{#-#}", "x"},
        {"  {% if true %}\n  a\n  {% endif %}\nb", "  a\nb"},
        {"x  {% if true %}\n  a\n  {%- endif %}\n\n  b", "x    a\n  b"},
        {"{% if true -%}\n\n  a  \n{%- endif -%}  \n b", "ab"},
        {"a {{- ' x ' -}} b", "a x b"},
        {"a\n  {{- n }}\n  {{ n -}}\n c", "a5\n  5c"},
        {"a  {%+ if true %}b{% endif +%}\nc", "a  b\nc"},
        {"  {%+ if true +%}\n  x{% endif %}", "  \n  x"},
        {"\n\n  {% if true %}x{% endif %}\n\n", "\n\nx"},
        {"a\n", "a"},
        {"a\n\n", "a\n"},
        {"\r\na\rb\r\n", "\na\nb"},
        {"{% if true %}\r\nx\r\n{% endif %}", "x\n"},
        {"  {# c #}\n  x", "  x"},
        {"\t {% set a=1 %} \n b", " \n b"},
        {" {{ n }}\n {% set a=1 %}{% set b=2 %}\n x", " 5\n x"},
        {"{{ n }}  {% set a=1 %}\nx", "5  x"},
        {"{% set a=1 %}  {% set b=2 %}  \nx", "    \nx"},
        {"a  {%- set a=1 %}\n\nb", "a\nb"},
        {"{% set a=1 -%}\n  {% set b=2 %}\nq", "q"},
        {"{%- set a=1 -%}   {% set b = 1 %}z", "z"},
        {"{{ n - 1 }}{{ n -1 }}{{ n-1 }}{{- n -}} z", "4445z"},
    };
    check_rows(rows, COUNT_OF(rows));
}

TEST(filters_and_tests_are_jinjas)
{
    static const struct row rows[] = {
        {"{{ nul|selectattr('x')|list }}{{ nul|map('upper')|list }}{{ nul|reject|list }}", "[][][]"},
        {"{{ l|tojson }}{{ d|tojson }}{{ d|tojson(indent=2) }}{{ s|tojson }}{{ uni|tojson }}{{ big|tojson }}{{ big "
         "}}{{ none|tojson }}{{ [] |tojson(indent=2) }}{{ f|tojson }}{{ '<>&\\'\\u2028\\x7f\\x01'|tojson }}{{ "
         "uni|tojson(ensure_ascii=true) }}{{ d|tojson(sort_keys=true) }}{{ d|tojson(separators=(',',':')) }}{{ "
         "tojson(l) }}{{ {1:2,none:3,true:4}|tojson }}{{ d|tojson(2) if false }}{{ [[1,[2]],{}]|tojson(indent=4) }}{{ "
         "(1,2)|tojson }}",
         "[3, 1, 2, 1]{\"b\": 2, \"a\": 1, \"items\": 7, \"C\": [3, 1]}{\n  \"b\": 2,\n  \"a\": 1,\n  \"items\": 7,\n  "
         "\"C\": [\n    3,\n    1\n  ]\n}\"Hello, World\"\"héλЖ "
         "ñ😀\"123456789012345678901234567890123456789012345678901234567890null[]2.5\"<>&'"
         " \177\\u0001\"\"h\\u00e9\\u03bb\\u0416 \\u00f1\\ud83d\\ude00\"{\"C\": [3, 1], \"a\": 1, \"b\": 2, \"items\": "
         "7}{\"b\":2,\"a\":1,\"items\":7,\"C\":[3,1]}[3, 1, 2, 1]{\"1\": 4, \"null\": 3}[\n    [\n        1,\n        "
         "[\n            2\n        ]\n    ],\n    {}\n][1, 2]"},
        {"{{ l|join }}{{ l|join(', ') }}{{ objs|join('-', attribute='n') }}{{ s|list }}{{ d|list }}{{ l|first }}{{ "
         "l|last }}{{ []|first }}{{ l|reverse|list }}{{ s|reverse }}{{ l|sort }}{{ words|sort }}{{ "
         "words|sort(case_sensitive=true) }}{{ l|sort(reverse=true) }}{{ "
         "objs|sort(attribute='n')|map(attribute='n')|list }}{{ objs|sort(attribute='v,n') |list|length }}",
         "31213, 1, 2, 1x-a-X['H', 'e', 'l', 'l', 'o', ',', ' ', 'W', 'o', 'r', 'l', 'd']['b', 'a', 'items', 'C']31[1, "
         "2, 1, 3]dlroW ,olleH[1, 1, 2, 3]['A', 'a', 'b', 'c']['A', 'a', 'b', 'c'][3, 2, 1, 1]['a', 'x', 'X']3"},
        {"{{ words|unique|list }}{{ l|unique|list }}{{ objs|unique(attribute='n')|list }}{{ l|sum }}{{ "
         "objs|sum(attribute='v') }}{{ l|max }}{{ l|min }}{{ -3|abs }}{{ (-3)|abs }}{{ 2.5|round }}{{ 3.5|round }}{{ "
         "2.345|round(2) }}{{ 2.1|round(0,'ceil') }}",
         "['b', 'A', 'c'][3, 1, 2][{'n': 'x', 'v': 2, 'q': {'z': 1}}, {'n': 'a', 'v': 1}]7531332.04.02.353.0"},
        {"{{ d|dictsort }}{{ d|dictsort(case_sensitive=true) }}{{ {'b':1,'a':2}|dictsort(by='value', reverse=true) "
         "}}{{ {'b':1,'a':2}|dictsort(false,'value') }}",
         "[('a', 1), ('b', 2), ('C', [3, 1]), ('items', 7)][('C', [3, 1]), ('a', 1), ('b', 2), ('items', 7)][('a', 2), "
         "('b', 1)][('b', 1), ('a', 2)]"},
        {"{{ nope|default('x') }}{{ e|default('x') }}{{ e|default('x', true) }}{{ nul|d('y') }}{{ nul|default('y', "
         "boolean=true) }}{{ d.zz|default(d.a) }}",
         "xxNoney1"},
        {"{{ '42'|int }}{{ 'x'|int }}{{ 'x'|int(7) }}{{ '4.9'|int }}{{ 4.9|int }}{{ ' 12 '|int }}{{ '1.5'|float }}{{ "
         "'q'|float }}{{ 3|float }}{{ '-3'|int }}{{ nul|int }}{{ true|int }}{{ '+5'|int }}",
         "420744121.50.03.0-3015"},
        {"{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2,true) }}|{{ 'a\n\nb'|indent(2,blank=true) }}|{{ 'a\nb'|indent('> "
         "') }}|{{ 'a\n'|indent(2) }}|{{ ''|indent(2, first=true) }}",
         "a\n    b\n\n    c|  a\n  b|a\n  \n  b|a\n> b|a\n|  "},
        {"{{ '<a&\"\\'>'|e }}{{ '<b>'|escape }}{{ '<b>'|safe }}", "&lt;a&amp;&#34;&#39;&gt;&lt;b&gt;<b>"},
        {"{{ messages[1].content is none }}{{ messages[1].content }}{{ messages[0].tool_calls is defined }}{{ "
         "'tool_calls' in messages[1] }}",
         "TrueNoneFalseFalse"},
        {"{{ none.foo }}|{{ none['x'] }}", "|"},
        {"{{ -1|abs }}{{ -n|abs }}", "15"},
        {"{{ n.foo }}|{{ n.foo is defined }}", "|False"},
        {"{{ s['foo'] }}|", "|"},
        {"{{ n[0] }}|", "|"},
        {"{{ d[5] }}|", "|"},
        {"{{ (n, s)|join('-') }}", "5-Hello, World"},
        {"{{ d|length is eq 4 and true }}", "True"},
        {"{{ s is string and n is number }}", "True"},
        {"{{ 'x' if s is string else 'y' }}", "x"},
        {"{{ s is not string or t }}", "True"},
        {"{{ not s is string }}", "False"},
        {"{{ l|length - 1 }}{{ loop is defined }}", "3False"},
        {"{{ (l|length) * 2 + 1 }}{{ l|length > 2 }}", "9True"},
        {"{{ messages[l|length - 4].role }}", "user"},
        {"{{ ['a']|tojson|upper }}{{ '%s' if t }}{{ 'a%b' }}", "[\"A\"]%sa%b"},
        {"{{ 'x'|default|upper|lower|trim }}", "x"},
        {"{{ 'ab'|first }}{{ 'ab'|last }}{{ d|first }}", "abb"},
        {"{{ true|string|lower }}{{ true|lower }}{{ none|string }}{{ 1|upper }}", "truetrueNone1"},
        {"{{ [true,none]|join(',') }}", "True,None"},
        {"{{ [[1,2],[3]]|sum(start=[])|list if false }}", ""},
        {"{{ [s]|string }}{{ [uni,'\\n\\t\\x00\\u200b'] }}{{ ['it\\'s'] }}{{ ['\"\\''] }}",
         "['Hello, World']['héλЖ ñ😀', '\\n\\t\\x00\\u200b'][\"it's\"]['\"\\'']"},
        {"{{ {'a':'b'}|string }}{{ namespace(a=1).a }}", "{'a': 'b'}1"},
        {"{{ l | map('string') | join(',') }}", "3,1,2,1"},
        {"{{ objs | map(attribute='n') | map('upper') | unique | sort | join }}", "AX"},
        {"{{ (messages|selectattr('role','equalto','user')|list)[0].content }}", "Hi 'x' \"y\" é"},
        {"{{ messages|map(attribute='role')|list }}", "['user', 'assistant', 'tool']"},
        {"{{ messages|rejectattr('role','equalto','user')|list|length }}", "2"},
        {"{{ messages | selectattr('role', 'in', ['user','tool']) | map(attribute='role') | join('|') }}", "user|tool"},
        {"{{ messages[0] is mapping and messages[0].content is string }}", "True"},
        {"{{ 'abc'[::-1] }}{{ 'abc'[5:] }}|{{ 'abc'[1] }}", "cba|b"},
        {"{{ l['0'] }}|", "|"},
        {"{{ d.C[0] }}{{ d.C|sort|first }}", "31"},
    };
    check_rows(rows, COUNT_OF(rows));
}

TEST(methods_and_functions_are_pythons)
{
    static const struct row rows[] = {
        {"{{ 'a{}b{}{{x}}'.format(1, 'z') }}{{ '{1}{0}{n}'.format(1, 2, n=3) }}", "a1bz{x}213"},
        {"{{ d['items'] }}{{ d.get('items') }}{{ d.get('zz') }}{{ d.get('zz', 4) }}{{ d.nope }}{{ d.nope is defined }}",
         "77None4False"},
        {"{{ s|length }}{{ uni|length }}{{ l|count }}{{ ws|trim }}|{{ s|lower }}{{ s|upper }}{{ 'hello wORLD-foo (bar) "
         "it\\'s'|title }}{{ 'hello wORLD it\\'s x1y'.title() }}{{ 'hELLO w'|capitalize }}{{ uni|upper }}{{ uni|lower "
         "}}{{ 5|string + 'a' }}",
         "1274x y|hello, worldHELLO, WORLDHello World-Foo (Bar) It'sHello World It'S X1YHello wHÉΛЖ Ñ😀héλж ñ😀5a"},
        {"{{ 'aXbXc'|replace('X','-') }}{{ 'aXbXc'|replace('X','-',1) }}{{ 'abc'.replace('','-') }}{{ "
         "'aaa'.replace('aa','b') }}{{ 'éé'.replace('','.') }}",
         "a-b-ca-bXc-a-b-c-ba.é.é."},
        {"{{ s.split(',') }}{{ s.split() }}{{ ws.split() }}{{ 'a,b,c'.split(',',1) }}{{ 'a  b c'.split(' ') }}{{ ' a  "
         "b c '.split(None,1) }}{{ 'a,b,c'.rsplit(',',1) }}{{ 'a,b'.rsplit(',') }}{{ 'abc'.split('abc') }}{{ "
         "''.split(',') }}{{ ''.split() }}{{ 'a</think>b</think>c'.split('</think>')[-1] }}{{ "
         "'a</think>b'.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}",
         "['Hello', ' World']['Hello,', 'World']['x', 'y']['a', 'b,c']['a', '', 'b', 'c']['a', 'b c ']['a,b', "
         "'c']['a', 'b']['', ''][''][]ca"},
        {"{{ ws.strip() }}|{{ ws.lstrip() }}|{{ ws.rstrip() }}|{{ 'xxaxx'.strip('x') }}{{ 'xyaxy'.lstrip('xy') }}{{ "
         "'ééaé'.rstrip('é') }}{{ '\\u3000a\\u00a0'.strip() }}|{{ ws|trim }}|{{ 'xax'|trim('x') }}|{{ 'aaa'.strip('a') "
         "}}|",
         "x y|x y \n| \t x y|aaxyééaa|x y|a||"},
        {"{{ s.startswith('Hell') }}{{ s.endswith('ld') }}{{ s.startswith(('x','He')) }}{{ s.find('o') }}{{ "
         "s.rfind('o') }}{{ s.find('zz') }}{{ uni.find('Ж') }}{{ s.count('l') }}{{ s.upper() }}{{ s.lower() }}{{ "
         "s.title() }}{{ s.capitalize() }}{{ '12'.isdigit() }}{{ ''.isdigit() }}{{ ','.join(words) }}{{ "
         "s.removeprefix('He') }}{{ s.removesuffix('x') }}{{ 'a\nb\r\nc\n'.splitlines() }}{{ 'ab'.isalpha() }}{{ "
         "'AB'.isupper() }}{{ ' '.isspace() }}{{ 'b' in s.lower() }}",
         "TrueTrueTrue48-133HELLO, WORLDhello, worldHello, WorldHello, worldTrueFalseb,A,c,allo, WorldHello, "
         "World['a', 'b', 'c']TrueTrueTrueFalse"},
        {"{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%Y-%m-%d %H:%M:%S %A %a %B %j %y %I %p %-d %e %F %T %%') }}",
         "21 Nov 2026|2026-11-21 15:31:44 Saturday Sat November 325 26 03 PM 21 21 2026-11-21 15:31:44 %"},
        {"{{ n is defined }}{{ nope is defined }}{{ nope is undefined }}{{ nul is none }}{{ nul is not none }}{{ s is "
         "string }}{{ n is string }}{{ d is mapping }}{{ l is mapping }}{{ l is iterable }}{{ s is iterable }}{{ n is "
         "iterable }}{{ l is sequence }}{{ d is sequence }}{{ s is sequence }}{{ t is true }}{{ t is false }}{{ n is "
         "true }}{{ t is boolean }}{{ n is boolean }}{{ n is number }}{{ t is number }}{{ f is number }}{{ n is "
         "integer }}{{ t is integer }}{{ f is float }}{{ 3 is odd }}{{ 4 is even }}{{ 9 is divisibleby 3 }}{{ 9 is "
         "divisibleby(2) }}{{ n is eq 5 }}{{ n is sameas n }}{{ 1 is in [1,2] }}{{ 1 is not in [1,2] }}{{ 'a' is lower "
         "}}{{ 'A' is upper }}{{ nope is none }}{{ range is callable }}{{ 'upper' is filter }}{{ nope is iterable }}{{ "
         "nope is sequence}}{{ nope is mapping }}{{ nul is iterable}}",
         "TrueFalseTrueTrueFalseTrueFalseTrueFalseTrueTrueFalseTrueTrueTrueTrueFalseFalseTrueFalseTrueTrueTrueTrueFalse"
         "TrueTrueTrueTrueFalseTrueTrueTrueFalseTrueTrueFalseTrueTrueTrueTrueFalseFalse"},
    };
    check_rows(rows, COUNT_OF(rows));
}

/* --- errors --------------------------------------------------------------------------------------------------------------- */

TEST(an_error_names_its_line_and_its_construct)
{
    static const struct {
        const char *source;
        int code, line;
        const char *story;
    } rows[] = {
        {"a\n{{ nope.x }}", ERR_INVALID, 2, "cannot read 'x' of nope, which is undefined"},
        {"{{ d.nope.x }}", ERR_INVALID, 1, "a member 'nope' of dict, which is undefined"},
        {"{{ nope['x'] }}", ERR_INVALID, 1, "[]: cannot index nope"},
        {"\n\n{{ s|groupby('x') }}", ERR_UNSUPPORTED, 3, "filter 'groupby'"},
        {"{{ s is odder }}", ERR_UNSUPPORTED, 1, "test 'odder'"},
        {"{{ foo(1) }}", ERR_UNSUPPORTED, 1, "a call: foo is no function"},
        {"{{ s.swapcase() }}", ERR_UNSUPPORTED, 1, "a member 'swapcase' of str is no function"},
        {"{{ '{:>3}'.format(1) }}", ERR_UNSUPPORTED, 1, "format does not know {:>3}"},
        {"{{ '{} {}'.format(1) }}", ERR_INVALID, 1, "format has no argument for {}"},
        {"{{ '}'.format(1) }}", ERR_INVALID, 1, "a single bracket"},
        {"x\n{% import 'a' as b %}", ERR_UNSUPPORTED, 2, "{% import %} is not supported"},
        {"{% include 'a' %}", ERR_UNSUPPORTED, 1, "{% include %} is not supported"},
        {"{% for x in l recursive %}{% endfor %}", ERR_UNSUPPORTED, 1, "recursive"},
        {"{{ n ** 2 }}", ERR_UNSUPPORTED, 1, "the operator **"},
        {"{{ 'a%s' % s }}", ERR_UNSUPPORTED, 1, "the operator %"},
        {"{{ range(*l) }}", ERR_UNSUPPORTED, 1, "'*' and '**' arguments"},
        {"{{ raise_exception('no ' ~ n) }}", ERR_INVALID, 1, "the template does not take this conversation: no 5"},
        {"{{ 1 / 0 }}", ERR_INVALID, 1, "division by zero"},
        {"{{ 1 // 0 }}", ERR_INVALID, 1, "division by zero"},
        {"{{ 5 % 0 }}", ERR_INVALID, 1, "division by zero"},
        {"{{ 'a' + 1 }}", ERR_INVALID, 1, "+ does not take str and int"},
        {"{{ 'a' - 'b' }}", ERR_INVALID, 1, "- does not take str and str"},
        {"{{ s * s }}", ERR_INVALID, 1, "* does not take str and str"},
        {"{{ nope + 1 }}", ERR_INVALID, 1, "+ with nope, which is undefined"},
        {"{{ 'a' < 1 }}", ERR_INVALID, 1, "str and int have no order"},
        {"{% for x in 5 %}{% endfor %}", ERR_INVALID, 1, "{% for %}: int cannot be walked through"},
        {"{% for x in none %}{% endfor %}", ERR_INVALID, 1, "None cannot be walked through"},
        {"{{ n|length }}", ERR_INVALID, 1, "filter 'length': int has no length"},
        {"{% set a, b = [1] %}", ERR_INVALID, 1, "2 names for 1 values"},
        {"{% set n.x = 1 %}", ERR_INVALID, 1, "only a namespace() takes attributes"},
        {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", ERR_INVALID, 1, "no such parameter"},
        {"{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}", ERR_INVALID, 1, "twice its argument 'a'"},
        {"{{ s|indent(wide=1) }}", ERR_UNSUPPORTED, 1, "takes no argument 'wide'"},
        {"{{ s|trim('a', 'b') }}", ERR_INVALID, 1, "takes 1 arguments, not 2"},
        {"{{ 9223372036854775807 + 1 }}", ERR_LIMIT, 1, "an integer beyond 64 bits"},
        {"{{ -9223372036854775807 - 2 }}", ERR_LIMIT, 1, "an integer beyond 64 bits"},
        {"{{ (-9223372036854775807 - 1) // -1 }}", ERR_LIMIT, 1, "an integer beyond 64 bits"},
        {"{{ (-9223372036854775807 - 1)|abs }}", ERR_LIMIT, 1, "an integer beyond 64 bits"},
        {"{{ namespace(a=1)|tojson }}", ERR_INVALID, 1, "namespace cannot be written as JSON"},
        {"{{ l.pop(9) }}", ERR_INVALID, 1, "beyond the end"},
        {"{{ s.split('') }}", ERR_INVALID, 1, "split by nothing"},
        {"{{ range(0, 5, 0) }}", ERR_INVALID, 1, "a step that is not 0"},
        {"{{ l[::0] }}", ERR_INVALID, 1, "the step of a slice cannot be 0"},
        {"{{ strftime_now('%Q') }}", ERR_UNSUPPORTED, 1, "%Q"},
        {"{{ {[1]: 2} }}", ERR_INVALID, 1, "a list cannot be a key"},
        {"{{ [1, 2", ERR_SYNTAX, 1, "{{ has no end"},
        {"\n{{ 'abc }}", ERR_SYNTAX, 2, "a text in quotes has no end"},
        {"{# abc", ERR_SYNTAX, 1, "a comment has no end"},
        {"{% raw %}", ERR_SYNTAX, 1, "{% raw %} has no {% endraw %}"},
        {"{% if %}{% endif %}", ERR_SYNTAX, 1, "expected an expression, found %}"},
        {"a\n{% if n %}\nb", ERR_SYNTAX, 3, "before {% endif %}"},
        {"{% for x in l %}", ERR_SYNTAX, 1, "before {% endfor %}"},
        {"{% endif %}", ERR_SYNTAX, 1, "{% endif %} has nothing to end here"},
        {"{% break %}", ERR_SYNTAX, 1, "outside a loop"},
        {"{{ 1 2 }}", ERR_SYNTAX, 1, "expected }}, found '2'"},
        {"{{ }}", ERR_SYNTAX, 1, "expected an expression, found }}"},
        {"{{ (1 }}", ERR_SYNTAX, 1, "does not match"},
        {"{{ 1) }}", ERR_SYNTAX, 1, "does not match"},
        {"{{ a! }}", ERR_SYNTAX, 1, "means nothing inside a tag"},
        {"{{ 'a\\u12' }}", ERR_SYNTAX, 1, "lacks digits"},
        {"{{ f(a=1, 2) }}", ERR_SYNTAX, 1, "stands after one with a name"},
        {"{{ 99999999999999999999 }}", ERR_UNSUPPORTED, 1, "a number beyond 64 bits"},
        {"{{ l[] }}", ERR_SYNTAX, 1, "[] without an index"},
        {"{{ l[1:2:3:4] }}", ERR_SYNTAX, 1, "at most two ':'"},
    };
    struct template_limits limits = TEMPLATE_LIMITS_DEFAULT;
    struct buf out = BUF_INIT(1 * MiB);

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err e = {0};
        int rc = render(str_from(rows[i].source), STR(VARIABLES), &limits, &out, &e);
        if (rc != rows[i].code || e.line != rows[i].line ||
            !str_contains_fold(str_from(e.text), str_from(rows[i].story)))
            test_fail(__FILE__, __LINE__, "%s\n  gives    %d, line %d: %s\n  expected %d, line %d: %s", rows[i].source,
                      rc, e.line, e.text, rows[i].code, rows[i].line, rows[i].story);
    }
    buf_fini(&out);
}

TEST(what_is_not_reached_may_be_unknown)
{
    static const struct row rows[] = {
        {"{% if false %}{{ s|groupby('x') }}{{ foo(1) }}{{ 1 is odder }}{% endif %}ok", "ok"}};

    check_rows(rows, COUNT_OF(rows));
}

/* --- limits ------------------------------------------------------------------------------------------------------------------ */

static void expect_limit(const char *source, const struct template_limits *limits, const char *story)
{
    struct buf out = BUF_INIT(64 * MiB);
    struct err e = {0};
    int rc = render(str_from(source), STR(VARIABLES), limits, &out, &e);

    if (rc != ERR_LIMIT || !str_contains_fold(str_from(e.text), str_from(story)))
        test_fail(__FILE__, __LINE__, "%s\n  gives    %d: %s\n  expected ERR_LIMIT: %s", source, rc, e.text, story);
    buf_fini(&out);
}

TEST(a_template_without_end_runs_out_of_steps)
{
    struct template_limits l = TEMPLATE_LIMITS_DEFAULT;

    l.steps_max = 100000;
    expect_limit("{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}", &l,
                 "needs more than 100000 steps");
    expect_limit("{% set x = range(100000000000) %}", &l, "needs more than 100000 steps");
    expect_limit("{{ 'a' * 1000000000 }}", &l, "needs more than 100000 steps");
    expect_limit("{% set x = [1, 2] * 1000000000 %}", &l, "needs more than 100000 steps");
    expect_limit("{{ s|indent(1000000000) }}", &l, "needs more than 100000 steps");
    expect_limit("{% set x = 'ab' * 30000 %}{% for i in range(1000) %}{% set y = x|upper %}{% endfor %}", &l, "steps");
    expect_limit("{% set x = 'ab' * 30000 %}{% for i in range(1000) %}{% set y = x ~ i in x %}{% endfor %}", &l,
                 "steps");
}

TEST(a_template_that_prints_without_end_is_stopped)
{
    struct template_limits l = TEMPLATE_LIMITS_DEFAULT;

    l.output_bytes_max = 10000;
    expect_limit("{% for a in range(1000) %}{{ s }}{% endfor %}", &l, "prints more than 10000 bytes");
}

TEST(a_template_that_hoards_is_stopped)
{
    struct template_limits l = TEMPLATE_LIMITS_DEFAULT;

    l.memory_bytes_max = 1 * MiB;
    expect_limit(
        "{% set ns = namespace(x='0123456789') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", &l,
        "needs more than 1048576 bytes of memory");
    expect_limit("{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", &l,
                 "bytes of memory");
    expect_limit("{% set x = [] %}{% for i in range(1000000) %}{% set _ = x.append(i) %}{% endfor %}", &l,
                 "bytes of memory");
}

TEST(a_template_that_goes_deep_is_stopped)
{
    struct template_limits l = TEMPLATE_LIMITS_DEFAULT;
    struct buf deep = BUF_INIT(1 * MiB);

    expect_limit("{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}", &l, "nest more than 400 deep");
    expect_limit("{% set x = [] %}{% set _ = x.append(x) %}{{ x }}", &l, "nested more than 400 deep");
    expect_limit("{% set x = [] %}{% set _ = x.append(x) %}{{ x|tojson }}", &l, "nested more than 400 deep");
    expect_limit("{% set x = [] %}{% set _ = x.append(x) %}{% set y = [] %}{% set _ = y.append(y) %}{{ x == y }}", &l,
                 "nested more than 400 deep");
    for (const char *const *c = (const char *const[]){"(", "[", "-", "not ", "{% if 1 %}", "x if x else ", "[", NULL};
         *c; c++) {
        bool block = **c == '{';
        buf_clear(&deep);
        REQUIRE(block || buf_append_text(&deep, "{{ ") == 0);
        for (int i = 0; i < 5000; i++)
            REQUIRE(buf_append_text(&deep, *c) == 0);
        REQUIRE(buf_append_text(&deep, block ? "" : "1 }}") == 0);
        expect_limit(buf_text(&deep), &l, " deep");
    }
    buf_fini(&deep);
}

TEST(a_template_that_is_too_long_is_refused)
{
    struct template *t = NULL;
    struct err e = {0};
    char *source = mem_zalloc(TEMPLATE_SOURCE_MAX + 1);

    REQUIRE(source);
    EXPECT_I64(template_compile(&t, str_of(source, TEMPLATE_SOURCE_MAX + 1), &e), ERR_LIMIT);
    EXPECT(!t);
    mem_free(source);
}

/* --- where a text came from ---------------------------------------------------------------------------------------------------- */

static void expect_pieces(const char *source, const char *want)
{
    struct arena a = ARENA_INIT(16 * MiB);
    struct buf got = BUF_INIT(64 * KiB);
    struct json_node *root;
    struct template *t = NULL;
    struct template_output o = {0};
    struct template_limits limits = TEMPLATE_LIMITS_DEFAULT;
    struct err e = {0};

    REQUIRE(json_parse(&a, STR("{\"u\":\"a<|x|>b\",\"l\":[\"p\",\"q\"],\"d\":{\"k\":\"v\"},\"bos\":\"<s>\"}"), &root,
                       &e) == 0);
    struct template_input in[4];
    size_t n = 0;
    for (const struct json_node *m = root->child; m; m = m->next)
        in[n++] = (struct template_input){m->key, m, str_eq(m->key, STR("bos"))};
    REQUIRE(template_compile(&t, str_from(source), &e) == 0);
    int rc = template_render(t, in, n, &NOW, &limits, &a, &o, &e);
    for (size_t i = 0; rc == 0 && i < o.count; i++)
        rc = buf_append_format(&got, "%s(%.*s)", o.piece[i].special ? "T" : "U", STR_FMT(o.piece[i].text));
    if (rc < 0 || !str_eq(buf_str(&got), str_from(want)))
        test_fail(__FILE__, __LINE__, "%s\n  gives    %.*s %s\n  expected %s", source, STR_FMT(buf_str(&got)), e.text,
                  want);
    template_free(t);
    buf_fini(&got);
    arena_fini(&a);
}

TEST(what_a_user_wrote_stays_marked_wherever_it_goes)
{
    expect_pieces("<|x|>{{ u }}<|x|>", "T(<|x|>)U(a<|x|>b)T(<|x|>)");
    expect_pieces("{{ bos }}<|x|>", "T(<s><|x|>)");
    expect_pieces("{{ '<' + u + '>' }}", "T(<)U(a<|x|>b)T(>)");
    expect_pieces("{{ '<' ~ u ~ 1 }}", "T(<)U(a<|x|>b)T(1)");
    expect_pieces("{{ ('<' ~ u ~ '>')[1:-1] }}", "U(a<|x|>b)");
    expect_pieces("{{ ('<' ~ u ~ '>')[::-1] }}", "T(>)U(b>|x|<a)T(<)");
    expect_pieces("{{ ('[' ~ u ~ ']')|upper }}", "T([)U(A<|X|>B)T(])");
    expect_pieces("{{ ('  ' ~ u ~ '  ')|trim }}", "U(a<|x|>b)");
    expect_pieces("{{ u.replace('a', '<|y|>') }}", "T(<|y|>)U(<|x|>b)");
    expect_pieces("{{ 'a-b'.replace('-', u) }}", "T(a)U(a<|x|>b)T(b)");
    expect_pieces("{{ u.split('<')[1] }}", "U(|x|>b)");
    expect_pieces("{{ (u ~ '<|y|>').split('b') | join('=') }}", "U(a<|x|>)T(=<|y|>)");
    expect_pieces("{{ l|join('<|y|>') }}", "U(p)T(<|y|>)U(q)");
    expect_pieces("{{ u|list|join }}", "U(a<|x|>b)");
    expect_pieces("{{ u|first }}{{ u[2] }}{{ u|last }}", "U(a|b)");
    expect_pieces("{{ (u ~ '\n' ~ u)|indent(2, true) }}", "T(  )U(a<|x|>b)T(\n  )U(a<|x|>b)");
    expect_pieces("{% set x %}[{{ u }}]{% endset %}{{ x }}", "T([)U(a<|x|>b)T(])");
    expect_pieces("{% macro m(x) %}[{{ x }}]{% endmacro %}{{ m(u) }}", "T([)U(a<|x|>b)T(])");
    expect_pieces("{% filter upper %}[{{ u }}]{% endfilter %}", "T([)U(A<|X|>B)T(])");
    expect_pieces("{% set ns = namespace(x='') %}{% for i in l %}{% set ns.x = ns.x ~ i ~ ',' %}{% endfor %}{{ ns.x }}",
                  "U(p)T(,)U(q)T(,)");
    expect_pieces("{% for k, v in d.items() %}{{ k }}={{ v }}{% endfor %}", "U(k)T(=)U(v)");
    expect_pieces("{{ u|default('<|x|>') }}{{ nope|default('<|x|>') }}", "U(a<|x|>b)T(<|x|>)");
    expect_pieces("{{ d }}", "T({')U(k)T(': ')U(v)T('})");
    /* JSON with anything of the user's in it is the user's as a whole */
    expect_pieces("{{ d|tojson }}{{ {'<|x|>': 1}|tojson }}", "U({\"k\": \"v\"})T({\"<|x|>\": 1})");
    expect_pieces("{{ {'a': u}|tojson }}", "U({\"a\": \"a<|x|>b\"})");
}

/* --- whole templates ------------------------------------------------------------------------------------------------------------ */

static void check_case(const char *folder, const char *name)
{
    struct buf source = BUF_INIT(1 * MiB), variables = BUF_INIT(1 * MiB), want = BUF_INIT(1 * MiB),
               got = BUF_INIT(1 * MiB);
    struct template_limits limits = TEMPLATE_LIMITS_DEFAULT;
    char path[400];
    struct err e = {0};

    (void)text_format(path, sizeof(path), "%s/template.jinja", folder);
    int rc = buf_read_file(&source, path, &e);
    (void)text_format(path, sizeof(path), "%s/%s.json", folder, name);
    if (rc == 0)
        rc = buf_read_file(&variables, path, &e);
    (void)text_format(path, sizeof(path), "%s/%s.want", folder, name);
    if (rc == 0)
        rc = buf_read_file(&want, path, &e);
    if (rc < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    rc = render(buf_str(&source), buf_str(&variables), &limits, &got, &e);
    bool refused = str_eq(buf_str(&want), STR("ERROR"));
    if (refused ? rc != ERR_INVALID : rc < 0 || !str_eq(buf_str(&got), buf_str(&want)))
        test_fail(__FILE__, __LINE__, "%s gives (%d %s)\n%.*s", path, rc, e.text, STR_FMT(buf_str(&got)));
    buf_fini(&source);
    buf_fini(&variables);
    buf_fini(&want);
    buf_fini(&got);
}

static size_t check_folder(const char *folder)
{
    DIR *d = opendir(folder);
    size_t count = 0;

    for (struct dirent *f; d && (f = readdir(d));) {
        struct str name = str_from(f->d_name);
        char text[200];
        if (!str_ends(name, STR(".json")))
            continue;
        (void)text_format(text, sizeof(text), "%.*s", (int)name.len - 5, name.ptr);
        check_case(folder, text);
        count++;
    }
    if (d)
        closedir(d);
    return count;
}

TEST(the_golden_templates_print_what_was_recorded)
{
    DIR *all = opendir("tests/golden/templates");
    size_t count = 0;

    REQUIRE(all);
    for (struct dirent *f; (f = readdir(all));) {
        char path[400];
        if (f->d_name[0] == '.' || str_ends(str_from(f->d_name), STR(".md")))
            continue;
        (void)text_format(path, sizeof(path), "tests/golden/templates/%s", f->d_name);
        size_t here = check_folder(path);
        EXPECT(here > 0);
        count += here;
    }
    closedir(all);
    EXPECT(count >= 50);
}

/* What is done to long texts counts by their length: none of these may take long, and none may get to its end. The loop tries often
 * enough for what was counted as a step or two. */
TEST(work_on_long_texts_is_counted)
{
    static const char *const work[] = {
        "a.strip(set)", "a.lstrip(set)", "a.rstrip(set)", "a.rfind(ab)", "a.rsplit(ab, 1)|length", "a.startswith(a2)", "a.endswith(a2)", "a.removeprefix(a2)|length",
        "a.removesuffix(a2)|length", "digits.isdigit()", "a.isalpha()", "blank.isspace()", "a.islower()", "a is lower", "digits is upper", "blank.split()|length", "a[99999999]",
        "d[a2]", "a2 in d", "d.get(a2)",
    };
    struct template_limits l = TEMPLATE_LIMITS_DEFAULT;
    l.steps_max = 2000000;
    for (size_t i = 0; i < COUNT_OF(work); i++) {
        AUTO_BUF struct buf source = BUF_INIT(8 * KiB), out = BUF_INIT(1 * MiB);
        struct err e = {0};
        REQUIRE(buf_append_format(&source,
                                  "{%% set a = 'a' * 500000 %%}{%% set a2 = 'a' * 500000 %%}{%% set ab = 'a' * 250000 ~ 'b' %%}{%% set set = 'b' * 500000 ~ 'a' %%}"
                                  "{%% set digits = '1' * 500000 %%}{%% set blank = ' ' * 500000 %%}{%% set d = {a: 1} %%}"
                                  "{%% for i in range(1500) %%}{%% for j in range(1500) %%}{%% if %s %%}{%% endif %%}{%% endfor %%}{%% endfor %%}",
                                  work[i]) == 0);
        double t = cpu_seconds();
        int rc = render(buf_str(&source), STR(VARIABLES), &l, &out, &e);
        if (rc != ERR_LIMIT || cpu_seconds() - t > 1.5 * SLOWER)
            test_fail(__FILE__, __LINE__, "%s: %d after %.1f s: %s", work[i], rc, cpu_seconds() - t, e.text);
    }
}

/* --- torture -------------------------------------------------------------------------------------------------------------------- */

static int render_once(void *ctx)
{
    struct template_limits limits = TEMPLATE_LIMITS_DEFAULT;
    struct buf *out = ctx;

    return render(
        STR("{% macro m(a, b='x') %}{{ a ~ b }}{% endmacro %}{% set ns = namespace(x=[]) %}{% for k, v in d|dictsort %}"
            "{% set _ = ns.x.append(m(k, b=v)) %}{% endfor %}{{ ns.x|join(',')|upper|indent(2) }}{{ "
            "messages|tojson(indent=1) }}"),
        STR(VARIABLES), &limits, out, NULL);
}

TEST(a_rendering_copes_when_memory_is_out)
{
    struct buf out = BUF_INIT(1 * MiB);

    REQUIRE(render_once(&out) == 0); /* so that the text's own buffer is there already */
    EXPECT(test_torture("template", render_once, &out) > 5);
    buf_fini(&out);
}
