"""A database that is made by the squashed migrations is the one to which those lead that they replace."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.writer import MigrationWriter

from bookingsite import health
from bookingsite.copies import postgres
from tests.database import an_empty_one
from tests.upgrade import APPLIED, squash

# Compared apart: its rows have come one by one, or at once.
NOT_COMPARED = "--exclude-table-data=django_migrations*"
MOMENT = re.compile(r"'\d{4}-\d\d-\d\d \d\d:\d\d:[^']+'")


def test_the_squashed_make_the_models_to_which_the_replaced_lead_with_columns_in_the_same_order():
    loader = squash.undone(MigrationLoader(None))
    squashed = [loader.replacements[key] for key in sorted(loader.replacements, reverse=True)]  # experts come first
    if not squashed:
        pytest.skip("nothing is replaced")
    anew = squash.put_together(loader, [migration.replaces[-1] for migration in squashed])
    for there, expected in zip(squashed, anew, strict=True):
        for attribute in ("app_label", "name", "initial", "replaces", "dependencies"):
            assert getattr(there, attribute) == getattr(expected, attribute)
        assert MigrationWriter.serialize(there.operations[0]) == MigrationWriter.serialize(expected.operations[0])


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    connection.close()
    mine, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = mine


def whole_of(name: str) -> list[str]:
    """Tables, columns in their order, constraints, indexes, triggers, functions, comments, sequences and rows."""
    with connected_to(name), postgres.start("pg_dump", "--no-owner", "--inserts", NOT_COMPARED, stdout=PIPE) as dump:
        text, said = dump.communicate()
    assert not dump.returncode, said
    lines = MOMENT.sub("'a moment'", text.decode()).splitlines()
    return [line for line in lines if not line.startswith(("\\restrict", "\\unrestrict"))]


def recorded() -> set[tuple[str, str]]:
    return set(MigrationRecorder(connection).applied_migrations())


@pytest.mark.slow
def test_a_database_of_before_goes_on_and_is_the_same_in_the_end_as_a_new_one(
    worker_database, django_db_blocker, capsys
):
    new = f"{os.environ['TEST_RUN']}-template"
    with django_db_blocker.unblock():
        with connected_to(new):
            at_once = recorded()
        with an_empty_one(f"{worker_database}-grown") as grown, connected_to(grown):
            # As the release before has left it.
            executor = MigrationExecutor(connection)
            loader = squash.undone(executor.loader)
            squashed, loader.replacements = loader.replacements, {}
            last = {app: f"{number:04}_" for app, number in APPLIED.items()}
            executor.migrate([(app, name) for app, name in loader.graph.nodes if name.startswith(last.get(app, "-"))])
            assert len(health.missing_migrations()) == len(at_once - recorded()) - len(squashed)
            call_command("migrate", interactive=False, verbosity=0)
            assert recorded() == at_once
            assert whole_of(grown) == whole_of(new)

            # As a version with all that they replace has left it, and without them.
            with connection.cursor() as cursor:
                for app, name in squashed:
                    cursor.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", [app, name])
            assert health.missing_migrations() == []
            call_command("migrate", interactive=False)
            assert "No migrations to apply." in capsys.readouterr().out
            assert recorded() == at_once
