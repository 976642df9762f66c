"""How a process that cannot start says so: in one line on stderr, without a traceback."""

import contextlib
import sys
from collections.abc import Iterator

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError

from bookingsite.environment import read_environment

# gunicorn starts a worker that ends with any other code again, for ever.
EXIT_CODE = 3


class CannotStartError(Exception):
    """Something that the process needs is not to be had. The text is one line for the person at the terminal."""


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """End the process with one line for a bad setting, a server that does not start or a database out of reach."""
    try:
        yield
    except (ImproperlyConfigured, CannotStartError) as error:
        reason = " ".join(str(error).split())
    except DatabaseError as error:
        reason = _out_of_reach(error)
        if not reason:  # a mistake in the program or in a migration
            raise
    else:
        return
    print(f"ExpertBook cannot start: {reason}", file=sys.stderr)  # noqa: T201
    sys.exit(EXIT_CODE)


def _out_of_reach(error: DatabaseError) -> str:
    """Say that there is no connection, or no right to use the database; empty for any other error.

    The server gives its errors a code (SQLSTATE); an attempt to connect that fails has none.
    """
    code = getattr(error.__cause__, "sqlstate", "unknown")
    if code not in {None, "42501"}:
        return ""
    is_set = read_environment().str("DATABASE_URL", "")
    hint = "Check DATABASE_URL." if is_set else "Start `make run`, or set DATABASE_URL."
    return f"the database cannot be used: {str(error).splitlines()[0]}. {hint}"
