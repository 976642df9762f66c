"""Go through everything, whatever of it is broken."""

from collections.abc import Iterator

from django.db import DatabaseError, connection

from bookingsite.doctor import data, surroundings
from bookingsite.doctor.findings import Check, Finding, wrong

CHECKS = (
    Check("settings", surroundings.of_settings, needs_database=False),
    Check("postgresql", surroundings.of_postgresql),
    Check("clocks", surroundings.of_clocks),
    Check("connections", surroundings.of_connections),
    Check("migrations", surroundings.of_migrations),
    Check("triggers", data.of_triggers),
    Check("valkey", surroundings.of_valkey, needs_database=False),
    Check("workers", surroundings.of_workers),
    Check("mail", surroundings.of_mail),
    Check("disks", surroundings.of_disks),
    Check("backups", surroundings.of_backups),
    Check("time zones", surroundings.of_time_zones),
    Check("counters", data.of_counters),
    Check("orphans", data.of_orphans),
    Check("projections", data.of_projections),
)


def examine(*, fix: bool, only: frozenset[str] = frozenset()) -> Iterator[tuple[str, Finding]]:
    """Yield what each check finds, with its name. With ``fix`` it mends what can be mended safely.

    A check that fails is a finding, and keeps none of the others. ``only``: names of checks; all without it.
    """
    answers = _answers()
    if not answers:
        yield "postgresql", wrong("PostgreSQL does not answer.", "Check DATABASE_URL, and whether it runs.")
    for check in CHECKS:
        if (only and check.name not in only) or (check.needs_database and not answers):
            continue
        try:
            for finding in check.look(fix):
                yield check.name, finding
        except DatabaseError as error:
            yield check.name, wrong(f"Could not be looked at ({type(error).__name__}).", "Are all migrations applied?")
        except Exception as error:
            yield check.name, wrong(f"Could not be looked at ({type(error).__name__}: {error}).", "See this message.")


def _answers() -> bool:
    try:
        connection.ensure_connection()
    except Exception:  # also what a pool says
        return False
    return True
