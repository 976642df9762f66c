"""Put all migrations of each app together as one that replaces them: `make squash` (decision 63).

Tables, constraints, indexes and pgtrigger's triggers are those of the state to which the replaced ones lead, columns
in the same order. What those did by SQL or Python no state knows: it is named, to be written by hand.
"""

import subprocess
import sys
from pathlib import Path

import django
from django.apps import apps
from django.db.migrations import CreateModel, Migration, RunPython, RunSQL
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.writer import MigrationWriter

from experts.migration_operations import CreateModels

APPS = ("experts", "bookings")  # each depends on those before it only


def main() -> int:
    """Write the files, and print what has to be done by hand."""
    django.setup()
    loader = MigrationLoader(None, replace_migrations=False)
    if loader.replacements:
        names = ", ".join(sorted(".".join(key) for key in loader.replacements))
        print(f"Remove first what is replaced by {names}, and their `replaces`.", file=sys.stderr)  # noqa: T201
        return 2
    for migration in put_together(loader, [loader.graph.leaf_nodes(app)[0] for app in APPS]):
        path = Path(apps.get_app_config(migration.app_label).path, "migrations", f"{migration.name}.py")
        path.write_text(MigrationWriter(migration, include_header=False).as_string())
        _format(path)
        print(f"{path}. Write by hand what a new database needs of:")  # noqa: T201
        for key in migration.replaces:
            for operation in loader.graph.nodes[key].operations:
                if isinstance(operation, RunSQL | RunPython):
                    print(f"  {key[1]} {type(operation).__name__}")  # noqa: T201
    return 0


def put_together(loader: MigrationLoader, last: list[tuple[str, str]]) -> list[Migration]:
    """Return one migration for each app, of all up to the one that is the last of it."""
    models, made = loader.project_state(last).models.values(), {}
    for app, name in last:
        replaced = [key for key in loader.graph.forwards_plan((app, name)) if key[0] == app]
        needed = {it for key in replaced for it in loader.graph.nodes[key].dependencies if it[0] != app}
        migration = made[app] = Migration(f"0001_squashed_{name}", app)
        migration.initial, migration.replaces = True, replaced
        migration.dependencies = sorted({(label, made[label].name if label in made else it) for label, it in needed})
        created = [
            CreateModel(it.name, list(it.fields.items()), it.options, it.bases, it.managers)
            for it in models
            if it.app_label == app
        ]
        migration.operations = [CreateModels(created)]
    return list(made.values())


def undone(loader: MigrationLoader) -> MigrationLoader:
    """Have the loader see what is replaced, and not by what; its ``replacements`` still tell."""
    loader.replace_migrations = False
    loader.build_graph()
    for key, migration in loader.replacements.items():
        loader.graph.remove_replacement_node(key, migration.replaces)
    return loader


def _format(path: Path) -> None:
    ruff, options = [sys.executable, "-m", "ruff"], ["--isolated", "--quiet", "--config", "line-length=320"]
    subprocess.run([*ruff, "format", *options, path], check=True)
    subprocess.run([*ruff, "check", "--fix", "--select", "I", *options, path], check=True)


if __name__ == "__main__":
    sys.exit(main())
