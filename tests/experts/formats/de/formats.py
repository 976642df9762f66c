"""A language that writes everything otherwise than English: hours to 12, other orders, weeks from Sunday."""

TIME_FORMAT = r"g.i A \U\h\r"
DAY_FORMAT = "j. F, D"
FIRST_DAY_OF_WEEK = 0
