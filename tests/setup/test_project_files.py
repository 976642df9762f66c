"""The files that a public project lives by say what is true: workflows, hooks, updates, pins, versions and links."""

import datetime
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bookingsite.devserver import paths

ROOT = paths.BASE_DIR
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
DOCUMENTS += sorted((ROOT / "docs").rglob("*.md"))


def read_yaml(path):
    return yaml.safe_load(path.read_text())


def read_pins() -> dict[str, str]:
    """What the requirements' files pin: name to version."""
    names = ("requirements.txt", "requirements-dev.txt", "requirements-audit.txt")
    lines = [line for name in names for line in (ROOT / name).open()]
    wanted = [line.strip() for line in lines if line.strip() and not line.startswith(("#", "-r "))]
    return {re.split(r"[\[=]", line)[0].lower(): line.partition("==")[2] for line in wanted}


# Workflows


def test_the_workflow_runs_what_a_developer_runs():
    (job,) = read_yaml(ROOT / ".github" / "workflows" / "tests.yml")["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == "make ${{ matrix.target || 'test' }}"
    assert [each["target"] for each in job["strategy"]["matrix"]["include"]] == ["coverage"]
    assert (ROOT / ".ci" / "run").read_text().endswith("exec make test\n")


def test_the_workflow_runs_on_the_oldest_python_that_is_supported():
    (job,) = read_yaml(ROOT / ".github" / "workflows" / "tests.yml")["jobs"].values()
    oldest = min(job["strategy"]["matrix"]["python"], key=lambda version: [int(part) for part in version.split(".")])
    assert PROJECT["project"]["requires-python"] == f">={oldest}"
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"


def test_the_version_before_is_tried_on_each_new_schema():
    workflow = read_yaml(ROOT / ".github" / "workflows" / "upgrade.yml")
    (job,) = workflow["jobs"].values()
    checkout, *_rest, last = job["steps"]
    assert checkout["with"]["fetch-depth"] == 0, "the version before is in the history"
    assert last["run"] == "make upgrade-test"
    assert "**/migrations/**" in workflow[True]["pull_request"]["paths"]  # YAML takes "on" for a truth


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_only_read_and_use_actions_by_their_commit(path):
    workflow = read_yaml(path)
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert not any("permissions" in job for job in workflow["jobs"].values())
    for action in (step["uses"] for step in steps if "uses" in step):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
        assert re.search(
            rf"{action} # v\d+\.\d+\.\d+$", path.read_text(), re.MULTILINE
        )  # by which it is kept up to date


# Hooks before a commit


def test_hooks_use_the_tools_that_are_pinned():
    """A hook of another repository would have a version of its own, which nothing keeps equal to `make test`."""
    path = ROOT / ".pre-commit-config.yaml"
    command = [sys.executable, "-m", "pre_commit", "validate-config", path]
    assert subprocess.run(command, check=False, capture_output=True, text=True).returncode == 0
    (repository,) = read_yaml(path)["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    modules = re.findall(r"\.venv/bin/python -m (\S+)", path.read_text())
    assert {"ruff"} <= set(modules) <= set(read_pins())
    assert "pre-commit" in read_pins()


# Pins, and what keeps them up to date


def test_pins_are_exact():
    assert all(re.fullmatch(r"\d[\w.]*", version) for version in read_pins().values())
    package = json.loads((ROOT / "static" / "src" / "package.json").read_text())
    assert all(re.fullmatch(r"[\d.]+", version) for version in package["devDependencies"].values())


def read_lock() -> dict[str, tuple[str, int]]:
    """What requirements.lock has: name to version and number of hashes."""
    entries = re.split(r"\n(?=\w)", (ROOT / "requirements.lock").read_text())
    found = [re.match(r"([\w.-]+)==([\w.]+)", entry) for entry in entries]
    return {
        canonicalize_name(it[1]): (it[2], entry.count("--hash=sha256:"))
        for it, entry in zip(found, entries, strict=True)
        if it
    }


def needed(names: set[str]) -> set[str]:
    """The packages and all that they need, here and with these extras, by what is installed."""
    todo, known = [Requirement(name) for name in names], set()
    while todo:
        wanted = todo.pop()
        name, extras = canonicalize_name(wanted.name), sorted(wanted.extras) or [""]
        if (name, *extras) in known:
            continue
        known.add((name, *extras))
        for text in importlib.metadata.requires(name) or ():
            following = Requirement(text)
            if following.marker is None or any(following.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(following)
    return {name for name, *_extras in known}


def test_the_lock_is_what_requirements_say_and_has_all_that_they_need_with_hashes():
    """`make lock` writes it; to install nothing else: `pip install --require-hashes -r requirements.lock`."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    lock = read_lock()
    pins = {canonicalize_name(it.name): str(it.specifier).removeprefix("==") for it in wanted}
    assert {name: lock.get(name, ("missing",))[0] for name in pins} == pins, "run `make lock`"
    assert needed({str(it) for it in wanted}) - set(lock) == set(), "run `make lock`"
    assert all(hashes for _version, hashes in lock.values())
    # One that is made for each platform has wheels of Linux on x86-64 and arm64 among its hashes.
    assert lock["psycopg-binary"][1] > 10


def test_the_audit_looks_at_the_lock_and_fails_where_it_saw_nothing():
    audit = re.search(r"^audit:.*?(?=^\S)", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)[0]
    assert "--strict" in audit, "without it, what could not be looked up counts as sound"
    assert "-r requirements.lock" in audit
    (job,) = read_yaml(ROOT / ".github" / "workflows" / "supply.yml")["jobs"].values()
    assert [step["run"] for step in job["steps"] if step.get("run", "").startswith("make")] == [
        "make sbom",
        "make audit",
    ]


def test_every_place_with_pins_is_watched_for_updates():
    updates = read_yaml(ROOT / ".github" / "dependabot.yml")["updates"]
    watched = {(entry["package-ecosystem"], entry["directory"]) for entry in updates}
    assert watched == {("pip", "/"), ("npm", "/static/src"), ("github-actions", "/")}


# Types


def test_types_are_checked_where_rules_live():
    """All rooms but those that pages, programs and staff touch, strictly; nothing is left out by a list of its own."""
    settings = PROJECT["tool"]["mypy"]
    assert settings["strict"]
    for path in ("bookings/services/booking.py", "bookings/selectors/week.py", "bookings/webhooks/events.py"):
        assert not any(re.search(pattern, path) for pattern in settings["exclude"])
    assert [each for each in settings["overrides"] if each.keys() - {"module", "ignore_missing_imports"}] == []


def test_whoever_silences_the_type_checker_says_what_and_why():
    sources = [path for room in ("bookings", "bookingsite", "experts") for path in (ROOT / room).rglob("*.py")]
    for path in sources:
        for line in path.read_text().splitlines():
            assert "# mypy:" not in line, path
            assert "type: ignore" not in line or re.search(r"# type: ignore\[[a-z, -]+\]  # \w", line), path


# Versions and words


def test_the_version_is_the_newest_in_the_changelog():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    releases = [heading.split(" - ") for heading in headings[1:]]
    assert PROJECT["project"]["version"] == releases[0][0]
    dates = [datetime.date.fromisoformat(date) for _, date in releases]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_link_to_what_is_there(path):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_decisions_have_the_number_of_their_file():
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(path.name[:4]) for path in records]
    assert [int(re.match(r"# (\d+)\. ", path.read_text())[1]) for path in records] == numbers
    assert numbers == list(range(1, len(records) + 1))


def test_the_make_targets_that_documents_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for path in DOCUMENTS for name in re.findall(r"`make ([a-z-]+)", path.read_text())}
    named |= set(re.findall(r"^make ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert {"run", "test"} <= named <= targets


def test_issue_forms_are_forms():
    for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")):
        form = read_yaml(path)
        if path.name == "config.yml":
            continue
        assert form["name"]
        assert form["description"]
        assert {field["type"] for field in form["body"]} <= {"markdown", "input", "textarea", "dropdown", "checkboxes"}
        fields = [field for field in form["body"] if field["type"] != "markdown"]
        assert len({field["id"] for field in fields}) == len(fields)
