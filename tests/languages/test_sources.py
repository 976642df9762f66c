"""No source has words of its own for people, in states that no walk comes by either (test_pseudo_locale.py)."""

import ast
import re
from pathlib import Path

import pytest

from tests.languages.pseudo import WORD, untranslated

ROOT = Path(__file__).parents[2]
SAID = re.compile(
    r"{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}|{%\s*trans(?:late)?\s.*?%}", re.DOTALL
)
# What is no text: comments, and what templates fill into attributes of others.
SILENT = re.compile(
    r"{%\s*comment\b.*?{%\s*endcomment\s*%}|{#.*?#}|{%\s*block \w*(?:class|attributes|page)\s*%}.*?{%\s*endblock\s*%}"
    r"|{%\s*block at_\w+\s*%}.*?{%\s*endblock\s*%}",
    re.DOTALL,
)
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
LITERAL = re.compile(r"""(?<!_\()(["'])(.*?)\1""")
SENTENCE = re.compile(r"[A-Z][a-z]{2,}")
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*") if path.suffix in (".html", ".txt"))
FRAGMENTS_OF_TAGS = {"_countdown_attrs.html"}  # attributes alone

# The documentation of the API is in English, as the names in it are; so is what developers and operators read.
FOR_PROGRAMS = ("api", "demo", "devserver", "management", "migrations")
SAYS = {"success", "error", "warning", "info", "ValidationError", "PermissionDenied"}
NAMED = {"label", "help_text", "verbose_name", "verbose_name_plural", "description", "short_description", "title"}
NAMED |= {"message", "placeholder", "empty_label"}


def words_of_template(source: str) -> list[str]:
    """Its words outside of what passes through gettext, those that it hands to other templates included."""
    left = SAID.sub("⟦said⟧", SILENT.sub(" ", source))
    given = [text for tag in TAG.findall(left) for _quote, text in LITERAL.findall(tag)]
    handed = [text for text in given if SENTENCE.search(text) and "_FORMAT" not in text]
    html = re.sub(r"<(/?)(?={)", r"<\1x", left)  # the name of a tag may be filled in
    return untranslated(TAG.sub(" ", html), set()) + handed


def words_of_code(source: str) -> list[str]:
    """Texts that are said to people, or label a field, and stand there as they are; those of logs are no such."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        of = getattr(node.func, "value", None)
        is_log = isinstance(of, ast.Name) and of.id in ("logger", "log")
        given = [keyword.value for keyword in node.keywords if keyword.arg in NAMED]
        given += node.args if name in SAYS and not is_log else []
        for value in given:
            pieces = value.values if isinstance(value, ast.JoinedStr) else [value]
            texts = [it.value for it in pieces if isinstance(it, ast.Constant) and isinstance(it.value, str)]
            found += [text for text in texts if WORD.search(re.sub("<[^>]*>", " ", text)) and SENTENCE.search(text)]
    return found


@pytest.mark.parametrize("folder", sorted({path.parent for path in TEMPLATES}), ids=lambda path: path.name)
def test_every_word_of_templates_passes_through_gettext(folder):
    paths = [path for path in TEMPLATES if path.parent == folder and path.name not in FRAGMENTS_OF_TAGS]
    found = [f"{path.relative_to(ROOT)}: {text}" for path in paths for text in words_of_template(path.read_text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("app", ["bookings", "experts", "bookingsite"])
def test_every_text_that_code_says_passes_through_gettext(app):
    paths = [path for path in (ROOT / app).rglob("*.py") if not set(path.parts) & set(FOR_PROGRAMS)]
    assert len(paths) > 20
    found = [f"{path.relative_to(ROOT)}: {text}" for path in paths for text in words_of_code(path.read_text())]
    found = [text for text in found if "bookingsite/api" not in text]
    assert not found, "\n".join(found)


def test_words_of_a_source_are_found():
    """The control."""
    source = """
    {% block main_class %}wide{% endblock %}{% translate "Said" %}<b title="Look here">{{ name|default:'Nobody' }}</b>
    {% blocktranslate trimmed with n=1 %}Said {{ n }}{% endblocktranslate %}{# a remark #}<p>Hello {{ name }}</p>
    {% include "x.html" with text="See here" %}
    """
    assert words_of_template(source) == ["<b[title]> Look here", "<p> Hello", "Nobody", "See here"]
    code = """
messages.success(request, "Done so")
logger.error("Failed badly")
raise ValidationError(_("Said"), code="bad")
field(label=f"Of {name}", help_text=_("Said"))
"""
    assert words_of_code(code) == ["Done so"]
