from collections.abc import Iterable

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from experts.search import condition, search_vector
from experts.spelling import is_word, keys, terms

_BATCH = 5000
_MOST_CLOSE = 500  # words that are looked at for a search


class SearchWordQuerySet(models.QuerySet["SearchWord"]):
    def learn(self, words: Iterable[str]) -> None:
        """Add the words that are not there yet, of folded ones."""
        # In order, as two who add the same words at once would otherwise wait for each other.
        rows = [SearchWord(word=word, keys=keys(word)) for word in sorted(set(words)) if is_word(word)]
        self.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)

    def maybe_close_to(self, words: Iterable[str]) -> list[str]:
        """Return the words that may be close (``spelling.closeness``) to some typed ones, frequent ones first."""
        asked = " | ".join(terms(word) for word in words)
        return list(
            self.filter(condition(asked, "keys"))
            .order_by("-experts", "word")
            .values_list("word", flat=True)[:_MOST_CLOSE]
        )


class SearchWord(models.Model):
    """A word under which experts are found, so that one that was typed wrongly leads to it.

    Added with the expert; counted, and deleted when nobody has it any more, each hour (``count_search_words``).
    """

    word = models.TextField(primary_key=True)
    keys = models.TextField()
    experts = models.PositiveIntegerField(default=1)  # how many had it when they were last counted

    objects = SearchWordQuerySet.as_manager()

    class Meta:
        indexes = [GinIndex(search_vector("keys"), name="search_word_keys")]

    def __str__(self) -> str:
        return self.word
