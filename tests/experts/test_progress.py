"""How far a long command is, on a terminal and elsewhere."""

from io import StringIO

from experts.management.progress import ProgressBar


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_for_each_tenth_where_nobody_looks():
    out = StringIO()
    bar = ProgressBar(1000, out)
    for done in range(1, 1001):
        bar.show(done)
    bar.close()
    lines = out.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[1].startswith(" 20%  200 of 1,000, 0 s left")
    assert lines[-1] == "100%  1,000 of 1,000"


def test_one_line_that_is_drawn_again_on_a_terminal():
    out = Terminal()
    bar = ProgressBar(4, out)
    for done in range(1, 5):
        bar.show(done)
    bar.close()
    drawn = out.getvalue()
    assert drawn.count("\n") == 1
    assert drawn.split("\r")[-1].startswith(f"[{'=' * 30}] 100%  4 of 4")


def test_nothing_to_do_is_done():
    out = StringIO()
    ProgressBar(0, out).show(0)
    assert out.getvalue() == "100%  0 of 0\n"
