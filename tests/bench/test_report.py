"""Figures of the bench, on runs whose medians, ratios and shares are known."""

from xml.etree import ElementTree

from bench.report import Comparison, Spread, markdown, number, peers_in, ratio, svg


def run(rate, **more):
    return {"rate": rate, "done": 10, "errors": 0, "cpu": 0.05, "postgres": 0.02, "wal": 4000} | more


COMPARISON = Comparison(
    "bookings",
    "bookings",
    {"product": [run(10), run(30, errors=2), run(20)], "A & B": [run(20), run(10), run(10)]},
    goals={"A & B": 2.5},
)


class TestRatio:
    def test_is_that_of_the_medians_and_spreads_as_the_pairs_do(self):
        assert ratio([10, 30, 20], [20, 10, 10]) == Spread(2, 0.5, 3)

    def test_of_an_even_number_of_runs_takes_the_mean_of_the_two_in_the_middle(self):
        assert ratio([10, 20], [5, 5]) == Spread(3, 2, 4)

    def test_to_somebody_who_got_nothing_done_is_endless(self):
        assert ratio([10], [0]).middle == float("inf")


class TestNumber:
    def test_shows_as_many_digits_as_mean_something(self):
        shown = [number(value) for value in (1234.5, 56.78, 8.9, 0.123, 0, 7, float("inf"))]
        assert shown == ["1,234", "56.8", "8.90", "0.12", "0", "7", "∞"]


class TestMarkdown:
    def test_has_a_line_for_each_with_the_share_of_one_booking(self):
        _head, _line, product, peer = markdown([COMPARISON]).splitlines()
        assert "| 20 bookings |" in product
        assert "| 5, 2 | 0.40 | 2 |" in product
        assert "**2** (0.50 to 3)" in peer
        assert "≥ 2.50: missed" in peer

    def test_says_when_a_goal_is_reached(self):
        within = Comparison("one", "", {"product": [run(2)], "other": [run(1)]}, goals={"other": 2})
        assert "≥ 2: reached" in markdown([within])

    def test_holds_the_first_against_a_goal_of_its_own(self):
        assert "≥ 3: missed" in markdown([Comparison("one", "", {"product": [run(2)]}, goals={"product": 3})])

    def test_lists_what_else_was_looked_at_with_its_own_goal(self):
        runs = {"product": [run(1, facts={"statements": 9}), run(1, facts={"statements": 11})]}
        lines = markdown([Comparison("one", "", runs, fact_goals={"statements": 9})]).splitlines()
        assert lines[-1] == "| one | product | statements | 10 (9 to 11) | ≤ 9: missed |"

    def test_leaves_open_what_one_costs_when_nothing_was_done(self):
        assert "| –, – | – |" in markdown([Comparison("one", "", {"product": [run(0, done=0)]})])


class TestPeers:
    README = "| peer | what | not |\n|---|---|---|\n| A | a server | mails |\n| B | another | seats |\n"

    def test_of_a_comparison_are_told_with_what_they_do_not_do(self):
        assert peers_in(self.README, ["product", "B"]) == ["B: another. It does not do: seats"]


class TestDrawing:
    def test_is_xml_with_a_bar_for_each_as_long_as_its_median(self):
        drawing = ElementTree.fromstring(svg("Bookings", [COMPARISON]))
        bars = [element for element in drawing.iter() if element.tag.endswith("rect")]
        lengths = [float(bar.get("width")) for bar in bars]
        assert len(lengths) == 2
        assert lengths[0] == 2 * lengths[1]  # 20 and 10
        assert "A & B" in [element.text for element in drawing.iter()]
