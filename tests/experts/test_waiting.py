"""Visits: many who wait for others, answered by one thread."""

import threading
from collections import deque
from contextvars import ContextVar
from functools import partial

import pghistory
import pytest
from django.db import connection
from pghistory import runtime

from experts import history
from experts.waiting import AskedTogether, Event, News, current_visit, in_thread
from tests.household import Household

_name: ContextVar[str] = ContextVar("name", default="nobody")


@pytest.fixture
def host():
    return Household()


def test_outside_of_visits_all_is_done_by_the_thread_itself():
    assert current_visit() is None
    assert in_thread(threading.get_ident) == threading.get_ident()
    news = News[str]()
    news.put("seat")
    assert (news.get(), news.empty()) == ("seat", True)


def test_a_visit_pauses_while_another_thread_does_something(host):
    order = []

    def book(name: str) -> str:
        _name.set(name)
        order.append(f"{name} asks")
        answer = in_thread(lambda: f"seat for {_name.get()}")
        order.append(f"{name} is told")
        return answer

    visits = [host.begin(partial(book, name)) for name in ("Ann", "Ben")]
    assert order == ["Ann asks", "Ben asks"]
    while host.tasks:
        host.tasks.popleft()()
    host.go_on()
    assert [host.answers[visit] for visit in visits] == ["seat for Ann", "seat for Ben"]
    assert _name.get() == "nobody"


def test_what_a_thread_raises_is_raised_in_the_visit(host):
    def fail() -> None:
        raise LookupError("no seat")

    def book() -> str:
        with pytest.raises(LookupError, match="no seat"):
            in_thread(fail)
        return "told"

    assert host.visit(book) == "told"


def test_news_are_told_in_order_before_and_after_somebody_waits(host):
    told, news = [], []

    def wait() -> None:
        news.append(News[int]())
        told.extend(news[0].get() for _ in range(3))

    visit = host.begin(wait)
    for number in (1, 2, 3):
        news[0].put(number)
    while not visit.dead:
        host.go_on()
    assert told == [1, 2, 3]
    assert not host.resumed, "woken once, and not once for each"


def test_an_event_wakes_threads_and_visits(host):
    event, begun = Event(), threading.Event()

    def wait_in_thread() -> None:
        begun.set()
        event.wait()

    thread = threading.Thread(target=wait_in_thread)
    thread.start()
    visit = host.begin(event.wait)
    begun.wait(10)
    assert not visit.dead
    event.set()
    host.go_on()
    thread.join(10)
    assert visit.dead
    assert not thread.is_alive()
    event.wait()  # it has happened


class TestAskedTogether:
    @pytest.fixture
    def asked(self):
        return []

    @pytest.fixture
    def meanwhile(self):
        """What happens while a question is being asked: one thing for each time."""
        return deque()

    @pytest.fixture
    def ask(self, asked, meanwhile):
        def answer(questions: list[str]) -> list[str]:
            if meanwhile:
                meanwhile.popleft()()
            if "nonsense" in questions:
                raise ValueError("nonsense")
            if "the end" in questions:
                raise SystemExit
            asked.append("".join(questions))
            return [question.upper() for question in questions]

        return AskedTogether(answer)

    def test_those_who_come_while_others_are_asked_for_are_asked_for_together(self, host, ask, asked, meanwhile):
        visits = [host.begin(partial(ask, name)) for name in "ab"]
        meanwhile.append(lambda: visits.extend(host.begin(partial(ask, name)) for name in "cd"))
        meanwhile.append(lambda: visits.append(host.begin(partial(ask, "e"))))
        self.end(host, visits)
        assert asked == ["ab", "cd", "e"]
        assert [host.answers[visit] for visit in visits] == list("ABCDE")

    def test_whoever_comes_when_nobody_waits_any_more_is_asked_for(self, host, ask, asked):
        """Before the others have gone on, and after."""
        visits = [host.begin(partial(ask, "a"))]
        host.tasks.popleft()()
        visits.append(host.begin(partial(ask, "b")))
        self.end(host, visits)
        self.end(host, [host.begin(partial(ask, "c"))])
        assert asked == ["a", "b", "c"]

    def test_the_patient_ask_when_all_who_can_go_on_have_and_nobody_waits_for_them(self, host, ask, asked):
        visits = [host.begin(partial(ask, "a"), is_patient=True)]
        assert not host.tasks, "others may have questions, too"
        visits += [host.begin(partial(ask, "b"), is_patient=True), host.begin(partial(ask, "c"))]
        host.tasks.popleft()()
        assert asked == ["c"]
        self.end(host, visits)
        assert asked == ["c", "ab"]
        assert [host.answers[visit] for visit in visits] == list("ABC")

    def test_an_error_is_that_of_all_who_were_asked_for(self, host, ask):
        def fail(question: str) -> str:
            with pytest.raises(ValueError, match="nonsense"):
                ask(question)
            return "failed"

        visits = [host.begin(partial(fail, name)) for name in ("nonsense", "b")]
        self.end(host, visits)
        assert [host.answers[visit] for visit in visits] == ["failed", "failed"]
        assert host.visit(partial(ask, "a")) == "A", "and of nobody after them"

    def test_so_is_the_end_of_the_process(self, host, ask):
        def fail(question: str) -> str:
            with pytest.raises(SystemExit):
                ask(question)
            return "failed"

        visits = [host.begin(partial(fail, name)) for name in ("the end", "b")]
        self.end(host, visits)
        assert [host.answers[visit] for visit in visits] == ["failed", "failed"]

    @staticmethod
    def end(host, visits):
        while not all(visit.dead for visit in visits):
            assert host.tasks or host.resumed, "somebody waits for nobody"
            if host.tasks:
                host.tasks.popleft()()
            host.go_on()


@pytest.mark.django_db
def test_a_visit_asks_no_database(host):
    def look() -> str:
        with pytest.raises(AssertionError, match="in_thread"), connection.cursor():
            pass
        return "refused"

    assert host.visit(look) == "refused"


@pytest.mark.django_db
def test_each_visit_has_a_history_of_its_own(host):
    """Both are inside of their context at one moment; what a thread does for one is told as its own."""

    def source() -> str:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE experts_slot SET title = 'x' WHERE false")
            cursor.execute("SELECT current_setting('pghistory.context_metadata')")
            return cursor.fetchone()[0]

    def work(name: str) -> str:
        with pghistory.context(source=name):
            found = []
            in_thread(lambda: history.carry_out(lambda: found.append(source())))
            return found[0]

    visits = [host.begin(partial(work, name)) for name in ("Ann", "Ben")]
    assert not hasattr(runtime._tracker, "value")
    TestAskedTogether.end(host, visits)
    assert [host.answers[visit] for visit in visits] == ['{"source": "Ann"}', '{"source": "Ben"}']
    assert not connection.execute_wrappers
