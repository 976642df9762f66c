"""What a preview says, as sections with a heading, a note and a line for each thing that happens."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    title: str
    text: str
    url: str = ""


@dataclass(frozen=True)
class Section:
    """One kind of consequence: ``count`` slots, of which ``rows`` tell as much as one can read."""

    title: str
    note: str
    count: int
    rows: list[Row]
    more: str = ""
