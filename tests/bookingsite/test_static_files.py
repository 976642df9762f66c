"""Our scripts: modules that share by import alone, and the one file that is built from those of every page."""

import re
from hashlib import sha256

import pytest
from django.conf import settings

STATIC = settings.BASE_DIR / "static"
SOURCES = {path.name: path.read_text() for path in sorted((STATIC / "js").glob("*.js"))}
CODE = {name: re.sub(r"(^|\s)//.*", "", text) for name, text in SOURCES.items()}
# Plain scripts: embed.js stands on other people's pages, the admin's own templates load admin.js, and zone.js runs
# before anything is painted.
PLAIN = {"admin.js", "embed.js", "zone.js"}
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


def test_templates_load_as_modules_what_is_not_in_the_built_file():
    loaded = {}
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        for tag, script in re.findall(r"(<script[^>]*\{% static 'js/([\w.-]+)' %\}[^>]*>)", path.read_text()):
            loaded[script] = 'type="module"' in tag
    for path in settings.BASE_DIR.glob("*/admin/*.py"):  # what a form of the admin brings along
        loaded |= dict.fromkeys(re.findall(r'Script\("js/([\w.-]+)", type="module"\)', path.read_text()), True)
    for name in list(loaded):
        loaded |= {file: True for _names, file in IMPORT.findall(SOURCES[name]) if file not in built_from()}
    assert loaded
    assert [name for name, is_module in loaded.items() if not is_module] == ["zone.js"]
    assert loaded.keys() | built_from() | PLAIN == SOURCES.keys()


def built_from() -> set[str]:
    """The files of static/js that are in the file that every page loads."""
    return {name.removeprefix("js/") for name in sources_of_built() if name.startswith("js/")}


def sources_of_built() -> list[str]:
    header = (STATIC / "built" / "site.js").read_text().splitlines()[0]
    return re.findall(r"(?:js|vendor)/[\w.-]+", header)


def test_what_is_built_is_up_to_date():
    """`make js` writes it anew; Node is not needed to see that it is time."""
    together = sha256(b"".join((STATIC / name).read_bytes() for name in sources_of_built())).hexdigest()
    assert f"// sha256 of these {together}\n" in (STATIC / "built" / "site.js").read_text(), "run `make js`"


def test_htmx_and_its_extension_are_in_it_unchanged_and_before_ours():
    """htmx starts right after the script that it is in: what extends it has to be there by then."""
    built = (STATIC / "built" / "site.js").read_text()
    vendored = [(STATIC / "vendor" / name).read_text().strip() for name in ("htmx.min.js", "hx-ws.min.js")]
    assert built.splitlines(keepends=True)[2:-1] == [f"{text}\n" for text in vendored]
