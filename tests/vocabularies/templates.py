#!/usr/bin/env python3
"""Published chat templates: what Hearth renders, beside jinja2 as Python's transformers library sets it up.

usage: templates.py FILE-OR-FOLDER…      every *.jinja in them; build/beside renders for Hearth

Each template gets the same conversations, most of them more than a template expects: what raises an exception there has to be an
error here. Three things are bent in jinja2 towards what docs/internals/templates.md says of Hearth: lists may be appended to, filters that
walk a list answer with a list, and `safe` changes nothing. Also each goes the way of a client's call, where it must be used as it is
and not be replaced, and where the families that call tools in a form we read must be known for it.
"""
import datetime
import functools
import glob
import json
import os
import subprocess
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import SandboxedEnvironment

BESIDE = os.environ.get("BESIDE", "build/beside")
SHOWN = int(os.environ.get("SHOWN", "2"))
NOW = datetime.datetime(2026, 11, 21, 15, 31, 44)


class Generation(jinja2.ext.Extension):
    """{% generation %}…{% endgeneration %} marks what a model said; for a prompt it is what stands in it."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def listed(walk):
    return jinja2.pass_context(functools.wraps(walk)(lambda context, *args, **more: list(walk(context, *args, **more))))


def environment():
    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)
    env = SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    for name in ("map", "select", "reject", "selectattr", "rejectattr"):
        env.filters[name] = listed(env.filters[name])
    env.filters["safe"] = lambda text: text
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Weather of a \"place\" — now & <later>", "parameters": {
    "type": "object", "properties": {"place": {"type": "string", "description": "a town's name"}, "days": {"type": "integer", "enum": [1, 2, 3]},
                                     "units": {"type": ["string", "null"], "default": None}, "deep": {"type": "object", "properties": {"x": {"type": "array", "items": {"type": "number"}}}}},
    "required": ["place"]}}}
PLAIN = {"type": "function", "function": {"name": "get_weather", "description": "Weather of a place", "parameters": {
    "type": "object", "properties": {"place": {"type": "string", "description": "a town"}, "days": {"type": "integer"}}, "required": ["place"]}}}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "", "parameters": {"type": "object", "properties": {}}}}
BARE = {"type": "function", "function": {"name": "bare"}}
RETURNS = {"type": "function", "function": {"name": "sum", "description": "adds", "parameters": {"type": "object", "properties": {"a": {"type": "number", "description": "one"}}}, "return": {"type": "number"}}}


def user(text):
    return {"role": "user", "content": text}


def said(text, **more):
    return {"role": "assistant", "content": text, **more}


def call(name, arguments, n=0):
    return {"id": f"call{n:05d}", "type": "function", "function": {"name": name, "arguments": arguments}}


def result(text, n=0, name="get_weather"):
    return {"role": "tool", "content": text, "tool_call_id": f"call{n:05d}", "name": name}


SYSTEM = {"role": "system", "content": "You are terse.\n Be kind."}
PARTS = [{"type": "text", "text": "What is "}, {"type": "text", "text": "this?"}]
ASKED = [user("Weather in Köln?"), said("", tool_calls=[call("get_weather", {"place": "Köln \"x\" <b>", "days": 2, "deep": {"x": [1.5, -0.0, 1e20, True, None]}})]), result("{\"t\": 7}")]
TALKS = {
    "one": [user("Hi")],
    "odd text": [user("  <|im_end|>\n{{ x }} {% if %} \"q\" 'a' \\n \t é 漢 😀 </s>\n\n")],
    "system": [SYSTEM, user("Hi")],
    "only system": [SYSTEM],
    "developer": [{"role": "developer", "content": "Rules"}, user("Hi")],
    "empty": [],
    "talk": [SYSTEM, user("One?"), said("One."), user("Two?"), said(" Two. "), user("Three?")],
    "goes on": [user("Say a"), said("a, b")],
    "two users": [user("a"), user("b")],
    "begins with the assistant": [said("Hello"), user("Hi")],
    "system later": [user("a"), SYSTEM, said("b"), user("c")],
    "empty texts": [{"role": "system", "content": ""}, user(""), said(""), user("")],
    "content null": [user("a"), said(None), user("b")],
    "no content": [user("a"), {"role": "assistant"}, user("b")],
    "parts": [user(PARTS), said([{"type": "text", "text": "A pipe."}]), user([{"type": "text", "text": "Sure?"}])],
    "system parts": [{"role": "system", "content": PARTS}, user("Hi")],
    "unknown role": [user("a"), {"role": "critic", "content": "b"}],
    "call and result": ASKED,
    "call, result, answer": [SYSTEM, *ASKED, said("7 degrees."), user("And tomorrow?")],
    "arguments as text": [user("W?"), said(None, tool_calls=[call("get_weather", "{\"place\": \"Köln\"}")]), result("7")],
    "text beside a call": [user("W?"), said("Let me see.", tool_calls=[call("clock", {})]), result("noon", name="clock")],
    "two calls": [user("W?"), said("", tool_calls=[call("get_weather", {"place": "A"}), call("clock", {}, 1)]), result("7"), result("noon", 1, "clock")],
    "call after call": [*ASKED, said("", tool_calls=[call("clock", {}, 1)]), result("noon", 1, "clock"), said("Done.")],
    "calls without a type": [user("W?"), said(None, tool_calls=[{"id": "call00000", "function": {"name": "clock", "arguments": {"a": None}}}]), result("noon")],
    "short ids": [user("W?"), said("", tool_calls=[{"id": "1", "type": "function", "function": {"name": "clock", "arguments": {}}}]), {"role": "tool", "content": "noon", "tool_call_id": "1"}],
    "result as an object": [user("W?"), said("", tool_calls=[call("clock", {})]), {"role": "tool", "content": {"h": [1, 2.0, "x"]}, "tool_call_id": "call00000"}],
    "ipython": [user("W?"), {"role": "ipython", "content": "{\"output\": 1}"}],
    "reasoning": [user("a"), said("b", reasoning_content="hm\n"), user("c"), said("d", reasoning_content=" so ")],
    "thinking": [user("a"), said("x", thinking="hm"), user("c"), said("y", reasoning="why")],
    "thoughts in the text": [user("a"), said("<think>\nhm\n</think>\n\nb"), user("c"), said("<think>hm</think>d"), user("e")],
    "thoughts before a call": [user("a"), said("<think>\nhm\n</think>\n\n", tool_calls=[call("clock", {})]), result("noon")],
    "reasoning before a call": [user("a"), said("", reasoning_content="hm", tool_calls=[call("clock", {})]), result("noon"), said("b", reasoning_content="ok")],
}
TOOLS = {"": None, "tools": [WEATHER, CLOCK], "odd tools": [BARE, RETURNS], "no tools": []}
MORE = [{}, {"enable_thinking": False}, {"enable_thinking": True}, {"date_string": "1 Jan 2027", "tools_in_user_message": False, "documents": [{"title": "T", "text": "x"}]},
        {"thinking": True, "reasoning_effort": "high", "preserve_thinking": True, "clear_thinking": False}]


def requests():
    for talk, messages in TALKS.items():
        for tools, listed in TOOLS.items():
            for i, more in enumerate(MORE):
                for prompt in (True, False):
                    if (tools == "odd tools" and i) or (tools == "no tools" and (i or not prompt)):
                        continue
                    variables = {"messages": messages, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "add_generation_prompt": prompt, **more}
                    if listed is not None:
                        variables["tools"] = listed
                    yield f"{talk}, {tools or 'without tools'}, {json.dumps(more)}{'' if prompt else ', no prompt'}", variables


def theirs(env, source, all_variables):
    try:
        template = env.from_string(source)
    except jinja2.exceptions.TemplateError as e:
        return [("error", f"does not compile: {e}")] * len(all_variables)
    out = []
    for v in all_variables:
        try:
            out.append(("text", template.render(**json.loads(json.dumps(v)))))
        except Exception as e:  # whatever Python raises is an error of the template
            out.append(("error", f"{type(e).__name__}: {e}"))
    return out


def ours(lines):
    done = subprocess.run([BESIDE], input="\n".join(json.dumps(x) for x in lines) + "\n", capture_output=True, text=True, timeout=600)
    if done.returncode:
        sys.exit(f"{BESIDE} ended with {done.returncode}: {done.stderr}")
    return [json.loads(x) for x in done.stdout.split("\n") if x]


def difference(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"at {at}: hearth {a[max(0, at - 30):at + 50]!r} | jinja2 {b[max(0, at - 30):at + 50]!r}"


def compare(env, path):
    source = open(path, newline="").read()
    named = list(requests())
    want = theirs(env, source, [v for _, v in named])
    got = ours([{"template": source, "variables": v} for _, v in named])
    wrong = []
    for (name, _), w, g in zip(named, want, got):
        if w[0] == "text" and g.get("text") != w[1]:
            wrong.append(f"{name}: " + (difference(g["text"], w[1]) if "text" in g else f"hearth refuses ({g['error']}), jinja2 {w[1][:60]!r}"))
        if w[0] == "error" and "text" in g:
            wrong.append(f"{name}: jinja2 refuses ({w[1][:120]}), hearth {g['text'][-80:]!r}")
    texts = sum(w[0] == "text" for w in want)
    return len(named), texts, wrong


# How the families of whom we promise it write calls; the others are told what they have no place for.
CALLS = {"Hermes": "hermes", "Llama-3.1": "llama3", "Llama-3.2": "llama3", "Llama-3.3": "llama3", "Qwen2.5": "hermes", "Qwen3-0.6B": "hermes", "QwQ": "hermes", "Mistral": "mistral",
         "Ministral": "mistral", "functionary": "none", "Apriel-1.5": "none", "MiniMax-M3": "none", "gemma": "none", "Phi": "none", "R1-Distill": "none"}
UNUSABLE = ["firefunction"]      # needs a variable that the library does not give


def as_calls(path, source):
    """As the engine would use it: the model's own template, and the words of the user in the prompt."""
    name = os.path.basename(path)
    asked = {"template": source, "bos": "<s>", "eos": "</s>", "messages": [user("needle")]}
    told = {**asked, "messages": [user("needle"), said(None, tool_calls=[call("get_weather", "{\"place\": \"straw\"}")]), result("hay")], "tools": [PLAIN]}
    plain, called = ours([asked, told])
    want = next((c for family, c in CALLS.items() if family in name and not (family == "Mistral" and "R1" in name)), None)
    if "error" in plain or "needle" not in plain["text"]:
        yield f"a call: {plain.get('error', 'the words of the user are missing')}"
    elif plain["form"] and not any(u in name for u in UNUSABLE):
        yield f"a call: {plain['form']}"
    elif want and plain["calls"] != want:
        yield f"calls of tools are read as {plain['calls']}, expected {want}"
    elif plain["tools"] and ("error" in called or called["note"] or not all(w in called["text"] for w in ("get_weather", "straw", "hay"))):
        yield f"a call with tools: {called.get('error') or called['note'] or called['text'][-200:]}"


ENDS = ["<|eot_id|>", "<|eom_id|>", "<|im_end|>", "</s>", "<|end|>", "<|end_of_text|>", "<sep>", "<end_of_turn>", "<\uff5cend\u2581of\u2581sentence\uff5c>"]
ANSWERS = {
    "words": ("Seven degrees, {not} a <call>.", "", []),
    "reasoning and words": ("Seven.", "hm\nwell", []),
    "a call": ("", "", [("get_weather", {"place": "K\u00f6ln \"x\" <b>", "days": 2, "deep": {"x": [1.5, True, None]}})]),
    "reasoning and a call": ("", "hm", [("clock", {})]),
    "two calls": ("", "", [("get_weather", {"place": "A"}), ("clock", {})]),
}


def answers(env, path, source):
    """What the template writes as a model's turn, taken apart again: words, reasoning and calls have to be those that went in."""
    template = env.from_string(source)
    for name, (words, reasoning, calls) in ANSWERS.items():
        asked = {"messages": [user("W?")], "tools": [PLAIN, CLOCK], "bos_token": "<s>", "eos_token": "</s>"}
        turn = said(words, **({"reasoning_content": reasoning} if reasoning else {}), **({"tool_calls": [call(n, a, i) for i, (n, a) in enumerate(calls)]} if calls else {}))
        try:
            prompt = template.render(**asked, add_generation_prompt=True)
            whole = template.render(**{**asked, "messages": [user("W?"), turn]}, add_generation_prompt=False)
        except Exception:  # as many calls, or such a turn, are none of this template's
            continue
        if not whole.startswith(prompt):
            continue      # what stands before a turn depends on the turn
        text = whole[len(prompt):].rstrip()
        for end in ENDS:
            text = text.removesuffix(end)
        got = ours([{"template": source, "bos": "<s>", "eos": "</s>", "messages": asked["messages"], "tools": asked["tools"], "said": text}])[0]
        if "error" in got or not got["tools"] or (reasoning and reasoning not in text):
            continue      # refused in words, or the template leaves reasoning out
        back = [(n, json.loads(a)) for n, a, broken in got["answer"] if not broken]
        if back != calls or got["rest"].strip() != words or got["reasoning"].strip() != reasoning:
            yield f"{name}: {text!r} is read as {got['rest']!r}, reasoning {got['reasoning']!r}, calls {got['answer']}"
        READ.append(name)


READ = []


def main():
    env, passed, failed = environment(), 0, 0
    for path in sorted(p for folder in sys.argv[1:] for p in ([folder] if folder.endswith(".jinja") else glob.glob(os.path.join(folder, "*.jinja")))):
        name = os.path.basename(path).removesuffix(".jinja")
        count, texts, wrong = compare(env, path)
        source = open(path, newline="").read()
        wrong += as_calls(path, source)
        wrong += answers(env, path, source)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        print(f"{'FAIL' if wrong else 'ok  '} {name}: {count} conversations, {texts} rendered, {count - texts} refused by both" + (f", {len(wrong)} differ" if wrong else ""))
        for w in wrong[:SHOWN]:
            print(f"       {w}")
    print(f"{len(READ)} turns of models were read back")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
