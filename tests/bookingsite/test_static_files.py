"""Our scripts: modules that share by import alone, under names that browsers may keep for ever."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings

SOURCES = {path.name: path.read_text() for path in sorted((settings.BASE_DIR / "static" / "js").glob("*.js"))}
CODE = {name: re.sub(r"(^|\s)//.*", "", text) for name, text in SOURCES.items()}
# embed.js stands on other people's pages; the admin's own templates load admin.js. Both are plain scripts.
PLAIN = {"admin.js", "embed.js"}
IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"\./([^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:const|let|function|class) (\w+)", re.MULTILINE)


def imported_names(text):
    return {name.strip() for names, _file in IMPORT.findall(text) for name in names.split(",")}


@pytest.mark.parametrize("name", SOURCES)
def test_it_leaves_nothing_on_the_window(name):
    assert not re.search(r"\b(window|globalThis|self)\b", CODE[name])
    if name in PLAIN:  # what a plain script declares at its top is everybody's
        assert not re.search(r"^(const|let|var|function|async function|class)\b", CODE[name], re.MULTILINE)


@pytest.mark.parametrize("name", SOURCES)
def test_it_uses_nothing_of_another_without_importing_it(name):
    """It would work all the same where an element of the page has that id, which the window offers by that name."""
    elsewhere = {export for other in SOURCES if other != name for export in EXPORT.findall(SOURCES[other])}
    own = set(re.findall(r"(?:const|let|function) (\w+)", CODE[name]))
    used = {word for word in elsewhere if re.search(rf"""(?<![\w.#"'-]){word}(?![\w"'-])""", CODE[name])}
    assert used - own == imported_names(SOURCES[name]) - {""}


def test_templates_load_them_as_modules():
    loaded = {}
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        for tag, script in re.findall(r"(<script[^>]*\{% static 'js/([\w.-]+)' %\}[^>]*>)", path.read_text()):
            loaded[script] = 'type="module"' in tag
    imported = {file for text in SOURCES.values() for _names, file in IMPORT.findall(text)}
    assert loaded
    assert all(loaded.values()), loaded
    assert loaded.keys() | imported | PLAIN == SOURCES.keys()


@pytest.mark.parametrize("name", SOURCES)
def test_what_it_imports_is_kept_under_a_name_with_its_hash(name):
    root = Path(settings.STATIC_ROOT)
    hashed = json.loads((root / "staticfiles.json").read_text())["paths"]
    collected = (root / hashed[f"js/{name}"]).read_text()
    assert [f"js/{file}" for _names, file in IMPORT.findall(collected)] == [
        hashed[f"js/{file}"] for _names, file in IMPORT.findall(SOURCES[name])
    ]
    assert len(IMPORT.findall(collected)) == len(re.findall(r"^import\b", collected, re.MULTILINE))
