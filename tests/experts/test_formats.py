"""What a language decides: how days and times are written (experts/formats/), and each text as a whole."""

import ast
import re
from datetime import UTC, date, datetime
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.formats import get_format_modules, reset_format_cache

from experts import formatting
from experts.formats.en import formats as english

NAMES = {name for name in vars(english) if name.isupper()}
# For programs: ISO 8601 in attributes and addresses, and times without separators (RFC 5545).
ISO = {"c", "Y-m-d"}
ISO_IN_CODE = {"%Y-%m", "%Y-%m-%dT%H:%MZ", "%Y%m%dT%H%M%SZ", "%Y%m%d%H%M%S"}

_IN_TEMPLATE = re.compile(r"""\|(?:date|time|zoned):(?P<q>["'])(?P<pattern>.+?)(?P=q)|\{% *now +["'](?P<now>.+?)["']""")
_IN_SCRIPT = re.compile(r"""(DateTimeFormat|NumberFormat|toLocale\w*)\(\s*["'`]""")


def in_code(source: str) -> list[str]:
    """The patterns that are written into Python code."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="date_format" | "time_format"), args=[_, *patterns]):
                constants = (it for pattern in patterns for it in ast.walk(pattern) if isinstance(it, ast.Constant))
                found += [str(it.value) for it in constants if isinstance(it.value, str) and it.value not in NAMES]
            case ast.Call(func=ast.Attribute(attr="strftime")):
                found.append("strftime")
            case ast.FormattedValue(format_spec=ast.JoinedStr(values=[ast.Constant(value=str() as pattern)])):
                if pattern.startswith("%") and pattern not in ISO_IN_CODE:
                    found.append(pattern)
    return found


def hidden_texts(source: str) -> list[str]:
    """Texts within an f-string, where the tools that collect texts for translators do not find them."""
    formatted = (
        part for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    )
    names = {"_", "gettext", "ngettext", "pgettext", "npgettext"}
    return [ast.unparse(it) for it in formatted if isinstance(it, ast.Call) and getattr(it.func, "id", "") in names]


def in_template(source: str) -> list[str]:
    patterns = (match["pattern"] or match["now"] for match in _IN_TEMPLATE.finditer(source))
    return [pattern for pattern in patterns if pattern not in NAMES | ISO]


def in_script(source: str) -> list[str]:
    return [match[0] for match in _IN_SCRIPT.finditer(source)]


def sources():
    """Each file of ours that may write a date, and what looks for patterns in it."""
    for folder in ("bookings", "experts", "bookingsite"):
        for path in sorted((settings.BASE_DIR / folder).rglob("*.py")):
            if not {"migrations", "formats"} & set(path.parts):
                yield path, in_code
    for path in sorted((settings.BASE_DIR / "templates").rglob("*")):
        if path.is_file():
            yield path, in_template
    for path in sorted((settings.BASE_DIR / "static/js").glob("*.js")):
        yield path, in_script


def test_no_pattern_is_written_into_code_templates_or_scripts():
    fixed = {
        str(path.relative_to(settings.BASE_DIR)): found for path, look in sources() if (found := look(path.read_text()))
    }
    assert fixed == {}


def test_control_a_pattern_would_be_found():
    code = 'date_format(x, "D j")\ntime_format(x, "j" if a else "j F")\nx.strftime("%H")\nf"{x:%H:%M}"'
    assert sorted(in_code(code)) == ["%H:%M", "D j", "j", "j F", "strftime"]
    assert in_code('date_format(x, "DAY_FORMAT")\nf"{x:%Y%m%dT%H%M%SZ} {x:>8}"') == []
    template = """{{ x|date:"H:i" }} {{ x|date:'c' }} {{ x|time:'TIME_FORMAT' }} {% now "Y" %} {{ x|zoned:"D" }}"""
    assert in_template(template) == ["H:i", "Y", "D"]
    assert in_script('new Intl.DateTimeFormat("en-GB", {})') == ['DateTimeFormat("']
    assert in_script("new Intl.DateTimeFormat(root.lang, {})") == []
    looked_at = {path.name for path, _look in sources()}
    assert {"formatting.py", "_time.html", "booking_subject.txt", "site.js"} <= looked_at


def test_translators_are_given_every_text():
    for path, look in sources():
        assert look is not in_code or hidden_texts(path.read_text()) == [], path
    assert hidden_texts("f\"{x} {_('Free')}\"") == ["_('Free')"], "control"


def test_no_pattern_is_named_that_does_not_exist():
    """Django would take the name for a pattern, and write something like "PM10CEMAPR"."""
    used = re.compile(r"\b[A-Z]+(?:_[A-Z]+)*_FORMAT\b")
    for path, _look in sources():
        assert set(used.findall(path.read_text())) <= NAMES, path


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_each_language_of_the_site_has_all_patterns(language):
    ours = import_module(f"{settings.FORMAT_MODULE_PATH}.{language.replace('-', '_')}.formats")
    assert {name for name in vars(ours) if name.isupper()} == NAMES
    with translation.override(language):
        assert ours in get_format_modules()


@pytest.fixture
def other_language(settings):
    settings.FORMAT_MODULE_PATH = "tests.experts.formats"
    reset_format_cache()
    with translation.override("de"):
        yield
    reset_format_cache()


NOON = datetime(2026, 3, 11, 13, 30, tzinfo=UTC)  # a Wednesday


def test_in_english():
    assert formatting.clock(NOON, ZoneInfo("UTC")) == "13:30"
    assert formatting.day_name(date(2026, 3, 11), date(2026, 1, 1)) == "Wed 11 March"
    assert formatting.hour_cycle() == "h23"
    assert formatting.week_start(date(2026, 3, 11)) == formatting.week_start(date(2026, 3, 15)) == date(2026, 3, 9)


def test_in_a_language_that_writes_otherwise(other_language):
    assert formatting.clock(NOON, ZoneInfo("UTC")) == formatting.wall_clock(NOON.time()) == "1.30 nachm. Uhr"
    assert formatting.day_name(date(2026, 3, 11), date(2026, 1, 1)) == "11. März, Mi"
    assert formatting.hour_cycle() == "h12"
    assert formatting.week_start(date(2026, 3, 14)) == date(2026, 3, 8)
    assert formatting.count_label(12345) == "12.345"
