"""A host of visits that does everything in the calling thread, where a test's transaction is."""

from collections import deque
from collections.abc import Callable
from typing import Any

from experts.waiting import Visit


class _Patient(Visit):
    is_patient = True


class Household:
    """A host of visits. What they have others do is done while all of them pause."""

    def __init__(self) -> None:
        self.tasks: deque[Callable[[], None]] = deque()
        self.resumed: deque[tuple[Visit, Any]] = deque()
        self.answers: dict[Visit, Any] = {}

    def resume(self, visit: Visit, told: Any) -> None:
        self.resumed.append((visit, told))

    def submit(self, task: Callable[[], None]) -> None:
        self.tasks.append(task)

    def begin(self, function: Callable[[], Any], *, is_patient: bool = False) -> Visit:
        """Begin a visit, until it pauses or is over."""
        visit = (_Patient if is_patient else Visit)(self, function)
        self._proceed(visit, None)
        return visit

    def go_on(self) -> None:
        """Go on with those who were told something."""
        for _one in range(len(self.resumed)):
            self._proceed(*self.resumed.popleft())

    def visit(self, function: Callable[[], Any]) -> Any:
        """Return what a visit does from its beginning to its end."""
        visit = self.begin(function)
        while not visit.dead:
            assert self.tasks or self.resumed, "it waits for nobody"
            if self.tasks:
                self.tasks.popleft()()
            self.go_on()
        return self.answers[visit]

    def _proceed(self, visit: Visit, told: Any) -> None:
        answer = visit.proceed(told)
        if visit.dead:
            self.answers[visit] = answer
