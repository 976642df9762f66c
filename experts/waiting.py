"""Let one thread answer many who wait for others: each is a visit, and pauses where a thread of its own would wait.

What a visit runs is the same code as elsewhere; it is a greenlet, so nothing has to be written twice. Only where it
waits it has to say so, by what is here: ``in_thread`` for what asks a database or another server, ``News`` and
``Event`` for what others tell. Outside of visits these do what a thread does (docs/decisions/0062-visits.md).
"""

import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from greenlet import getcurrent, greenlet

Answer = TypeVar("Answer")


class Host(Protocol):
    """Whose thread it is."""

    def resume(self, visit: "Visit", told: Any) -> None:
        """Go on with a visit soon, by ``proceed``, in the thread that is its own. Called by any thread."""

    def submit(self, task: Callable[[], None]) -> None:
        """Have a thread that may wait do something."""


class Visit(greenlet):
    """Something that is done in the thread of ``host``, among others. Its context (contextvars) is its own."""

    def __init__(self, host: Host, function: Callable[[], Any]) -> None:
        super().__init__(function)
        self.host = host

    def proceed(self, told: Any = None) -> Any:
        """Begin, or go on, until it pauses or is ``dead``; then return what its function does. By its host alone."""
        return self.switch(told) if self else self.switch()

    @property
    def is_patient(self) -> bool:
        """Whether it may wait longer than others, as it is one of a crowd."""
        return False

    def pause(self) -> Any:
        """Let others go on until the host resumes this visit. Returns what it was told."""
        assert self.parent is not None, "its host's"
        return self.parent.switch()


def current_visit() -> Visit | None:
    """Return the visit that this code runs in, if it does."""
    current = getcurrent()
    return current if isinstance(current, Visit) else None


def in_thread(task: Callable[[], Answer]) -> Answer:
    """Return what ``task`` returns or raise what it raises; from a visit, run it in a thread that may wait."""
    visit = current_visit()
    if visit is None:
        return task()
    context = copy_context()

    def run() -> None:
        outcome: tuple[Answer | None, BaseException | None]
        try:
            outcome = context.run(task), None
        except BaseException as error:
            outcome = None, error
        visit.host.resume(visit, outcome)

    visit.host.submit(run)
    answer, error = visit.pause()
    if error is not None:
        raise error
    return answer  # type: ignore[no-any-return]  # of a greenlet all is Any


def hand_over() -> Callable[[Callable[[], None]], None] | None:
    """Return what has a thread do something as if this visit did, while it pauses; None outside of visits.

    Called by any thread. The visit itself need not go on for that: others may have their turn before it.
    """
    visit = current_visit()
    if visit is None:
        return None
    host, context = visit.host, copy_context()
    return lambda task: host.submit(partial(context.copy().run, task))


class News(Generic[Answer]):
    """What others tell one who waits: the visit or the thread that makes this object."""

    def __init__(self) -> None:
        self._visit = current_visit()
        self._items: SimpleQueue[Answer] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_awaited = False

    def put(self, item: Answer) -> None:
        """Tell something. Called by any thread."""
        if self._visit is None:
            self._items.put(item)
            return
        with self._lock:
            self._items.put(item)
            wakes, self._is_awaited = self._is_awaited, False
        if wakes:
            self._visit.host.resume(self._visit, None)

    def empty(self) -> bool:
        """Whether ``get`` would wait."""
        return self._items.empty()

    def get(self) -> Answer:
        """Wait for what is told next, and return it."""
        if self._visit is not None:
            with self._lock:
                self._is_awaited = self._items.empty()
            if self._is_awaited:
                self._visit.pause()
        return self._items.get()


class Event:
    """Something that happens once, for which threads and visits wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._has_happened = False
        self._waiting: deque[News[None]] = deque()

    def set(self) -> None:
        with self._lock:
            self._has_happened = True
        for news in self._waiting:
            news.put(None)

    def wait(self) -> None:
        with self._lock:
            if self._has_happened:
                return
            news = News[None]()
            self._waiting.append(news)
        news.get()


class AskedTogether(Generic[Answer]):
    """Has the questions of visits that ask at one moment be asked together, by a thread. For visits of one host.

    Those that come while it asks are asked for next; it ends when nobody waits any more. A visit that is patient lets
    the others of its host that can go on do so first: they may have questions, too. No other visit waits for that.
    """

    def __init__(self, ask: Callable[[list[Any]], list[Answer]]) -> None:
        self._ask = ask  # answers in the order of the questions; run in a thread
        self._lock = threading.Lock()
        self._lines: dict[bool, _Questions[Answer]] = {is_patient: _Questions() for is_patient in (False, True)}

    def __call__(self, question: Any) -> Answer:
        """Return the answer, or raise what asking has raised."""
        visit = current_visit()
        assert visit is not None, "for visits only"
        is_patient = visit.is_patient
        line, mine = self._lines[is_patient], _Question[Answer](question)
        with self._lock:
            line.next.append(mine)
            is_first, line.is_being_asked = not line.is_being_asked, True
        if is_first:
            if is_patient:
                visit.host.resume(visit, None)
                visit.pause()
            visit.host.submit(partial(self._ask_for_all, line))
        mine.news.get()
        if mine.error is not None:
            raise mine.error
        return mine.answers[0]

    def _ask_for_all(self, line: "_Questions[Answer]") -> None:
        while True:
            with self._lock:
                asked, line.next = line.next, []
                line.is_being_asked = bool(asked)
            if not asked:
                return
            try:
                answers = self._ask([each.question for each in asked])
                for each, answer in zip(asked, answers, strict=True):
                    each.answers = [answer]
            except BaseException as error:  # whatever it is: who was asked for must not wait for ever
                for each in asked:
                    each.error = error
            for each in asked:
                each.news.put(None)


class _Questions(Generic[Answer]):
    def __init__(self) -> None:
        self.next: list[_Question[Answer]] = []
        self.is_being_asked = False


class _Question(Generic[Answer]):
    def __init__(self, question: Any) -> None:
        self.question = question
        self.answers: list[Answer] = []
        self.error: BaseException | None = None
        self.news: News[None] = News()
