"""Keep the words that searches are corrected with in step with the experts who have them."""

from django.db import connection, transaction

from experts.models import Expert, SearchWord
from experts.spelling import is_word

_BATCH = 5000
_VECTORS = f"SELECT array_to_tsvector(string_to_array(search_text, ' ')) FROM {Expert._meta.db_table}"


def count_search_words() -> None:
    """Add words that are missing, delete those that no expert has any more, and write how many have each.

    Reads all experts once: a few seconds for 100,000.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # First: what is added meanwhile must not look as if nobody had it.
        known = dict(SearchWord.objects.values_list("word", "experts"))
        cursor.execute("SELECT word, ndoc FROM ts_stat(%s)", [_VECTORS])
        counted = {word: count for word, count in cursor if is_word(word)}
        gone = sorted(known.keys() - counted.keys())
        for first in range(0, len(gone), _BATCH):
            SearchWord.objects.filter(word__in=gone[first : first + _BATCH]).delete()
        SearchWord.objects.learn(counted.keys() - known.keys())
        changed = [SearchWord(word=word, experts=n) for word, n in sorted(counted.items()) if known.get(word, 1) != n]
        SearchWord.objects.bulk_update(changed, ["experts"], batch_size=_BATCH)
