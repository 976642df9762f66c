"""What a preview says, as sections with a heading, a note and a line for each thing that happens."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    title: str
    text: str
    url: str = ""


@dataclass(frozen=True)
class Section:
    """One kind of consequence: ``count`` of something, of which ``rows`` tell as much as one can read.

    ``shown`` is what says more than the count.
    """

    title: str
    note: str
    count: int
    rows: list[Row]
    more: str = ""
    shown: str = ""

    @property
    def figure(self) -> str:
        """What stands for the whole section."""
        return self.shown or str(self.count)
