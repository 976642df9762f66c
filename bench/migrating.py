"""What `migrate` takes on an empty database (docs/decisions/0063-squashed-migrations.md). From the checkout's root:

    .venv/bin/python -m bench.migrating

As it is, and by what the squashed migrations replace, as long as that is there; twice in turns, on servers of its own.
"""

import os
import time

import psutil

from bench import stage
from bookingsite.devserver import servers

TURNS = 2


def main() -> None:
    with servers.running_for_tests(environ={}) as embedded:
        os.environ.update(stage.SETTINGS | embedded.urls | {"DATABASE_POOL": "0"})
        import django

        django.setup()
        for _turn in range(TURNS):
            for replaced in (False, True):
                measure(replaced=replaced)


def measure(*, replaced: bool) -> None:
    """Migrate a database of its own, from nothing."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from tests.upgrade.squash import undone

    name, usual = "measured", connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backend = psutil.Process(cursor.fetchone()[0])
        statements = 0

        def count(execute, *arguments):
            nonlocal statements
            statements += 1
            return execute(*arguments)

        began, cpu, postgresql = time.monotonic(), time.process_time(), sum(backend.cpu_times()[:2])
        with connection.execute_wrapper(count):
            executor = MigrationExecutor(connection)
            loader = undone(executor.loader) if replaced else executor.loader
            leaves = loader.graph.leaf_nodes()
            operations = sum(len(it.operations) for it, _backwards in executor.migration_plan(leaves))
            if replaced:
                loader.replacements = {}
                executor.migrate(leaves)
            call_command("migrate", interactive=False, verbosity=0)
        taken, theirs = time.process_time() - cpu, sum(backend.cpu_times()[:2]) - postgresql
        print(  # noqa: T201
            f"{'by what is replaced' if replaced else 'as it is':20} {operations} operations, {statements:,} statements"
            f", CPU of Python {taken:.1f} s and of PostgreSQL {theirs:.1f} s, in {time.monotonic() - began:.1f} s"
        )
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


if __name__ == "__main__":
    main()
