"""Run jobs about slots in the worker. Each may run more than once. Arguments are ids only."""

from procrastinate.contrib.django import app

from experts import services


@app.periodic(cron="23 * * * *")
@app.task(queue="housekeeping")
def extend_horizons(timestamp: int) -> None:
    """Every hour, because days begin at different hours in different zones: make the slots of new days."""
    services.extend_horizons()


@app.periodic(cron="41 * * * *")
@app.task(queue="housekeeping")
def count_search_words(timestamp: int) -> None:
    """Every hour: forget the words of those who are gone."""
    services.count_search_words()
