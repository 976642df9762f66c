"""How days and times are written in English: patterns of Django's ``date`` filter, and the first day of the week.

Every pattern of code and templates has its name here, so that a language chooses order, words, and 12 or 24 hours.
A language that the site is offered in needs a module with all of these names: Django would take a name that it does not
find for a pattern.
"""

# Django's own names, which its admin uses as well.
TIME_FORMAT = "H:i"  # 14:30
HOUR_FORMAT = "H"  # 14
DATE_FORMAT = "j F Y"  # 11 March 2026
DATETIME_FORMAT = "j F Y, H:i"
MONTH_DAY_FORMAT = "j F"
FIRST_DAY_OF_WEEK = 1  # 0 is Sunday

# Parts of a date that pages set apart.
WEEKDAY_FORMAT = "l"  # Wednesday
SHORT_WEEKDAY_FORMAT = "D"  # Wed
SHORT_MONTH_FORMAT = "M"  # Mar
DAY_OF_MONTH_FORMAT = "j"  # 11
MONTH_FORMAT = "F"  # March
MONTH_YEAR_FORMAT = "F Y"  # March 2026

# Where there is little room.
SHORT_DAY_FORMAT = "D j"  # Wed 11
WEEKDAY_TIME_FORMAT = "D H:i"  # Wed 14:30
BRIEF_MONTH_DAY_FORMAT = "j M"  # 11 Mar
BRIEF_DAY_TIME_FORMAT = "D j M, H:i"  # Wed 11 Mar, 10:00
BRIEF_DATE_FORMAT = "D j M Y"  # Wed 11 Mar 2026
BRIEF_DATETIME_FORMAT = "D j M Y, H:i"
BRIEF_DATETIME_SECONDS_FORMAT = "D j M Y, H:i:s"

# In sentences and headings. "Year": with the year.
DAY_FORMAT = "D j F"  # Wed 11 March
DAY_TIME_FORMAT = "D j F, H:i"
DAY_YEAR_FORMAT = "D j F Y"
DAY_YEAR_TIME_FORMAT = "D j F Y, H:i"
FULL_DAY_FORMAT = "l j F"  # Wednesday 11 March
FULL_DAY_TIME_FORMAT = "l j F, H:i"
FULL_DAY_YEAR_FORMAT = "l j F Y"
FULL_DAY_YEAR_TIME_FORMAT = "l j F Y, H:i"
