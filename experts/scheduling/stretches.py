"""Join, cut and subtract stretches of time: pairs of instants. What is returned is in order, and apart."""

from collections.abc import Iterable
from datetime import datetime

Stretches = list[tuple[datetime, datetime]]  # starts and ends


def merged(stretches: Iterable[tuple[datetime, datetime]]) -> Stretches:
    """Join those that overlap or touch."""
    joined: Stretches = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def within(stretches: Iterable[tuple[datetime, datetime]], first: datetime, last: datetime) -> Stretches:
    """Cut them to what lies between two instants."""
    cut = [(max(start, first), min(end, last)) for start, end in stretches]
    return merged((start, end) for start, end in cut if start < end)


def without(stretches: Iterable[tuple[datetime, datetime]], taken: Iterable[tuple[datetime, datetime]]) -> Stretches:
    """Return what is left of them when what is ``taken`` is gone."""
    left: Stretches = []
    taken = merged(taken)
    for start, end in merged(stretches):
        at = start
        for taken_from, taken_until in taken:
            if at < taken_until and taken_from < end:
                if taken_from > at:
                    left.append((at, taken_from))
                at = max(at, taken_until)
        if at < end:
            left.append((at, end))
    return left
