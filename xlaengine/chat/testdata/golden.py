"""Makes snippets.json: what transformers (5.x, Jinja2 3.1) renders for small templates, each about one thing that
templates in use need; and the texts and errors in chat-templates.json, whose templates, written in the manner of
well-known models, and conversations are in the file itself. Run as: python golden.py"""
import json, pathlib
from transformers.utils.chat_template_utils import _compile_jinja_template as compile_template

here = pathlib.Path(__file__).parent
messages = [{"role": "system", "content": " You're \"it\".\n"}, {"role": "user", "content": "Hé <b>\n\tx's"}, {"role": "assistant", "content": "ok", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"z": 1, "a": [1.0, 1e20, 1e-7, True, None, "é\u0001\"\\"]}}}]}]
extra = {"d": {"b": 1, "a": 2, "c": {"y": [], "x": {}}}, "l": [3, 1, 2], "w": ["x", "Y", "z"], "e": "", "n": None, "t": True, "f": 2.5, "i": -7, "big": 123456789012345678901234567890, "s": "a,b,,c", "sp": "  a b\t c\n", "words": "hello wORLD it's", "u": "日本 é🙂"}

snippets = """
{{ s.split(',') }}|{{ s.split(',', 1) }}|{{ s.rsplit(',', 1) }}|{{ s.split(sep=',', maxsplit=2) }}|{{ s.rsplit(',') }}
{{ sp.split() }}|{{ sp.split(none, 1) }}|{{ sp.rsplit(none, 1) }}|{{ e.split() }}|{{ e.split(',') }}
{{ sp.strip() }}|{{ sp.lstrip() }}|{{ sp.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xyaxy'.rstrip('yx') }}
{{ s.startswith('a') }}|{{ s.endswith(('x', 'c')) }}|{{ s.startswith('b', 2) }}|{{ s.startswith('b', 2, 2) }}
{{ words.upper() }}|{{ words.lower() }}|{{ words.title() }}|{{ words.capitalize() }}|{{ words.swapcase() }}
{{ s.replace(',', ';') }}|{{ s.replace(',', ';', 1) }}|{{ s.find('b') }}|{{ s.find('q') }}|{{ s.rfind(',') }}|{{ u.find('é') }}|{{ s.index('c') }}|{{ s.count(',') }}
{{ s.partition(',') | list }}|{{ s.rpartition(',') | list }}|{{ s.partition('q') | list }}|{{ s.rpartition('q') | list }}
{{ '-'.join(w) }}|{{ ', '.join(['a', 'b']) }}|{{ 'x'.join([]) }}
{{ '12'.isdigit() }}|{{ ''.isdigit() }}|{{ 'ab'.isalpha() }}|{{ 'a1'.isalnum() }}|{{ ' '.isspace() }}|{{ 'AB'.isupper() }}|{{ 'aB'.islower() }}
{{ '7'.zfill(3) }}|{{ '-7'.zfill(4) }}|{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '.') }}|{{ 'ab'.center(5, '*') }}|{{ 'a'.center(4, '*') }}
{{ 'prefix-x'.removeprefix('prefix-') }}|{{ 'x.y'.removesuffix('.y') }}|{{ 'a\\nb\\r\\nc'.splitlines() }}|{{ 'a\\nb'.splitlines(true) }}
{{ d.items() | map('first') | list }}|{{ d.keys() | list }}|{{ d.values() | list }}|{{ d.get('a') }}|{{ d.get('q') }}|{{ d.get('q', 5) }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}|{% for k in d %}{{ k }}{% endfor %}|{% for k, v in d|items %}{{ k }}{% endfor %}|{{ d|dictsort|map('first')|list }}
{{ d | tojson }}|{{ d | tojson(indent=2) }}|{{ messages[2].tool_calls | tojson }}
{{ d | tojson(indent=4) }}|{{ [] | tojson(indent=2) }}|{{ {} | tojson(indent=2) }}|{{ u | tojson }}|{{ u | tojson(ensure_ascii=true) }}
{{ d | tojson(separators=(',', ':')) }}|{{ d | tojson(sort_keys=true) }}|{{ '<&>\\'' | tojson }}|{{ big | tojson }}|{{ f | tojson }}
{{ {'b': 1, 'a': [1, 2], 'c': {'x': none}} | tojson }}|{{ {} }}|{{ {'a': 'it\\'s'} }}|{{ {"x": 1,}.get("x") }}
{{ 'a' in d }}|{{ 'q' in d }}|{{ 'q' not in d }}|{{ 1 in l }}|{{ 'b' in s }}|{{ 'tool_calls' in messages[2] }}|{{ 'tool_calls' in messages[0] }}|{{ 'x' in w and 'b' in d }}
{{ t }}|{{ n }}|{{ f }}|{{ i }}|{{ l }}|{{ d }}|{{ [t, n, f, 'x', "it's", '"', "\\n"] }}|{{ big }}|{{ 1e20 }}|{{ 1.0 }}|{{ 10 / 4 }}|{{ 7 // 2 }}|{{ 2 ** 5 }}
{{ t|string }}|{{ n|string }}|{{ l|string }}|{{ [1, t, 'a']|join('-') }}|{{ messages|map(attribute='role')|join(', ') }}|{{ messages|join('/', attribute='role') }}
{{ x is defined }}|{{ s is defined }}|{{ x }}|{{ x|default('y') }}|{{ e|default('y', true) }}|{{ e|default('y', boolean=true) }}|{{ n is none }}|{{ messages[0].q is defined }}
{{ s is string }}|{{ d is mapping }}|{{ l is sequence }}|{{ s is sequence }}|{{ d is iterable }}|{{ s is iterable }}|{{ i is number }}|{{ l is mapping }}|{{ t is boolean }}|{{ t is true }}|{{ t is sameas true }}
{{ l[::-1] }}|{{ l[1:] }}|{{ l[-1] }}|{{ l[:2] }}|{{ s[1:3] }}|{{ s[::-1] }}|{{ u[0] }}|{{ messages[1:]|length }}|{{ l|length }}|{{ u|length }}|{{ d|length }}
{% set ns = namespace(a=0, found=false) %}{% for m in messages %}{% set ns.a = ns.a + 1 %}{% if m.role == 'user' %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.a }} {{ ns.found }}
{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{% if not loop.first %}{{ loop.previtem.role }}{% endif %}{{ loop.nextitem.role if not loop.last }}{{ loop.cycle('a', 'b') }};{% endfor %}
{% for m in messages if m.role != 'system' %}{{ m.role }}{% if not loop.last %}, {% endif %}{% else %}none{% endfor %}|{% for m in [] %}x{% else %}none{% endfor %}
{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ m.role }}{% endfor %}|{% for m in messages %}{% if m.role == 'user' %}{% continue %}{% endif %}{{ m.role }}{% endfor %}
{% macro turn(m, end='!') %}<{{ m.role }}{{ end }}>{% endmacro %}{{ turn(messages[0]) }}{{ turn(messages[1], end='?') }}|{{ turn(messages[0]).upper() }}
{% generation %}x{% endgeneration %}|{%- generation -%} y {%- endgeneration %}|{% raw %}{{ s.split(',') }} {% if %}{% endraw %}
{% set c %}a{{ s.upper() }}b{% endset %}{{ c }}|{% set a, b = 1, 2 %}{{ a + b }}|{{ 'x' if t else 'y' }}|{{ 'x' if n }}|{% if not (t and n) or f > 2 %}z{% endif %}
{{ messages|selectattr('role', 'equalto', 'user')|list|length }}|{{ messages|selectattr('tool_calls', 'defined')|map(attribute='role')|list }}|{{ messages|rejectattr('role', 'eq', 'user')|map(attribute='role')|list }}
{{ l|sort }}|{{ l|first }}|{{ l|last }}|{{ l|max }}|{{ l|sum }}|{{ l|reverse|list }}|{{ w|sort }}|{{ '5'|int + 1 }}|{{ 2.7|int }}|{{ '1.5'|float }}|{{ 2.4|round }}|{{ i|abs }}
{{ s|upper }}|{{ sp|trim }}|{{ words|title }}|{{ words|capitalize }}|{{ 'a\\nb'|indent(2) }}|{{ 'a\\nb'|indent(2, true) }}|{{ 'a\\nb'|indent(width=4, first=true) }}|{{ s|replace(',', '') }}|{{ '%s-%d'|format('a', 3) }}
{{ 'a' ~ 1 ~ 'b' }}|{{ 'a' + 'b' }}|{{ 'ab' * 2 }}|{{ [1] + [2] }}|{{ (1 + 2) * 3 }}|{{ -i }}|{{ 7 % 3 }}|{{ 1 < 2 }}|{{ 'a' < 'b' }}|{{ 1 == 1.0 }}|{{ d == {'a': 2, 'b': 1, 'c': {'x': {}, 'y': []}} }}
{{ range(3)|list }}|{{ range(1, 6, 2)|list }}|{{ dict(a=1).a }}|{{ namespace(x=2).x }}|{{ [1, 2, 3].index(2) }}|{{ [1, 1].count(1) }}
{{ messages[0]['content'].strip().split()[0].replace("'", '"') }}|{{ (messages[1].content | trim).split('\\n')[-1].strip() }}|{{ ('a' + 'b').upper() + 'c'.upper() }}|{{ not 'a'.startswith('b') }}
  {%- if t %} a {%- endif %}  b  {{- ' c ' -}}  d {#- comment -#} e
a{# {{ s.split( }} #}b|{{ "}}" }}|{{ '%}' }}|{{ '{{' }}|{% if '%}' == "%}" %}y{% endif %}|{{ {'a': {'b': 1}}.a.b }}|{{ {'a': {'b': 1}}['a'] }}
{{ messages[2].tool_calls[0].function.arguments.items() | map('last') | list }}|{{ messages[2]['tool_calls'][0]['function']['arguments']['z'] }}|{% for k, v in messages[2].tool_calls[0].function.arguments.items() %}{{ k }}:{{ v | tojson }}{% if not loop.last %},{% endif %}{% endfor %}
{{ raise_exception('no ' + s) }}
{{ messages.append(1) }}
{{ d.update({'x': 1}) }}
{{ x.y.z }}
{{ x.strip() }}
{{ s.nosuch() }}
{{ 'a' + 1 }}
{{ s.index('q') }}
{{ x | tojson }}
{{ d.q.r }}
{{ s.split('') }}
{{ 'x'|int(5) }}|{{ 'x'|int }}|{{ ''|float }}|{{ '-3'|int }}|{{ t|int }}|{{ '2.9'|int }}|{{ 'ab'|float(1.5) }}
{{ 'a-b (c) it\'s O.K. xYZ'|title }}|{{ 'hELLO wORLD'|capitalize }}|{{ 'xxaxx'|trim('x') }}
""".strip("\n").split("\n")
long = ["line one\n{% if t %}\n  kept\n{% endif %}\n  {% for x in l %}\n{{ x }}\n  {% endfor %}\nlast\n", "a\n    {%+ if t %}b{% endif +%}\nc\n\n",
"""{%- macro type_of(p) -%}
  {%- set names = {"string": "str", "number": "float", "array": "list"} -%}
  {%- if p.type is string and p.type in names -%}{{ names[p.type] }}
  {%- elif p.type is iterable and p.type is not string -%}Union[{%- for t in p.type -%}{{ type_of({"type": t}) }}{%- if not loop.last %},{% endif -%}{%- endfor -%}]
  {%- else -%}Any{%- endif -%}
{%- endmacro -%}
{{ type_of({"type": "string"}) }} {{ type_of({"type": ["number", "array"]}) }} {{ type_of({"type": "odd"}) }} {{ type_of({}) }}""",
"""{%- for m in messages %}
{%- if (m['role'] == 'user') and (loop.index0 % 2 == 1) or not ('tool_calls' not in m) %}
{%- set parts = m.content.strip().split('\\n') %}
{{ '<start>' + m['role'] + '\\n' + parts[-1] | trim + '<end>' }}
{%- endif %}
{%- endfor %}"""]
rows = []
for t in snippets + long:
    variables = {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": False, **extra}
    try:
        rows.append({"template": t, "text": compile_template(t).render(**variables)})
    except Exception as e:
        rows.append({"template": t, "error": f"{type(e).__name__}: {e}"})
(here / "snippets.json").write_text(json.dumps({"messages": messages, "extra": extra, "cases": rows}, indent=1, ensure_ascii=True) + "\n")

path = here / "chat-templates.json"
golden = json.loads(path.read_text())
for c in golden["cases"]:
    c.pop("text", None), c.pop("error", None)
    names = ("messages", "tools", "add_generation_prompt", "bos_token", "eos_token")
    try:
        c["text"] = compile_template(golden["templates"][c["template"]]).render(documents=None, **{k: c[k] for k in names}, **c["extra"])
    except Exception as e:
        c["error"] = str(e)
path.write_text(json.dumps(golden, indent=1))
