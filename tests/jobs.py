"""Jobs as tests do them by hand."""

from typing import Any

from bookings.queue import REQUEST_ID


def arguments_of(job: Any) -> dict[str, Any]:
    """What the task of a job is called with: its arguments without the name of the request, which the worker takes out.

    ``job`` is a row of the queue, or its ``args``.
    """
    given = job if isinstance(job, dict) else job.args
    return {name: value for name, value in given.items() if name != REQUEST_ID}
