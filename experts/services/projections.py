"""Compare what is kept twice, to be found quickly, with what it is made of, and mend what differs."""

from collections.abc import Collection, Iterator

from experts.locking import slot_transaction
from experts.models import Expert, SearchWord

BATCH = 500


def wrong_search_texts() -> Iterator[int]:
    """Yield the ids of experts who are found by other words than they have. Reads a batch at a time."""
    last = 0
    while True:
        rows = Expert.objects.select_related("organization", "category").filter(pk__gt=last).order_by("pk")[:BATCH]
        for expert in (found := list(rows)):
            if expert.search_text != expert.make_search_text():
                yield expert.pk
        if len(found) < BATCH:
            return
        last = found[-1].pk


def mend_search_texts(*, expert_ids: Collection[int]) -> int:
    """Let experts be found by the words that they have. Locks their rows. Returns how many were mended. Raises Busy."""
    mended = 0
    with slot_transaction():
        rows = Expert.objects.select_for_update(no_key=True, of=["self"]).select_related("organization", "category")
        for expert in rows.filter(pk__in=list(expert_ids)).order_by("pk"):
            text = expert.make_search_text()
            if expert.search_text != text:
                Expert.objects.filter(pk=expert.pk).update(search_text=text)
                SearchWord.objects.learn(text.split())
                mended += 1
    return mended
