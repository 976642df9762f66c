"""The days of a calendar to choose from, a week as a strip or a whole month, with the addresses that lead there."""

from datetime import date

from bookings.selectors.day_strip import DayStrip
from bookings.selectors.month import Month
from bookings.selectors.week import Week


class DaysToChoose:
    """``day`` is shown with its ``week``: seven days, or all of ``_month`` (its first day) if that is not None."""

    day: date
    week: Week
    _month: date | None

    def address(self, day: date | None, month: date | None = None) -> str:
        """Return the address of a day, None for whichever the page chooses; ``month``: beside that month."""
        raise NotImplementedError

    def url(self, day: date | None = None) -> str:
        """Return the address of a day, beside the month if that is shown."""
        return self.address(day or self.day, self._month)

    @property
    def week_url(self) -> str:
        return self.address(self.day)

    @property
    def month_url(self) -> str:
        return self.address(self.day, self.day.replace(day=1))

    @property
    def strip(self) -> DayStrip | None:
        return None if self._month else DayStrip.of(self.week, self.day, self.url)

    @property
    def month(self) -> Month | None:
        def month_url(day: date) -> str:
            return self.address(None, day.replace(day=1))

        return Month.of(self.week, self.day, self.url, month_url) if self._month else None
