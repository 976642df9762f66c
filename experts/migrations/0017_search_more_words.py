from django.db import migrations

from experts.models.expert import search_text_of
from experts.spelling import is_word, keys

BATCH = 500


def refresh(apps, schema_editor):
    """Write the words under which each expert is found, which are more than before, a few experts at a time."""
    Expert, SearchWord = (apps.get_model("experts", name) for name in ("Expert", "SearchWord"))
    last = 0
    while experts := list(
        Expert.objects.filter(pk__gt=last).select_related("category", "organization").order_by("pk")[:BATCH]
    ):
        for expert in experts:
            expert.search_text = search_text_of(expert)
        words = sorted({word for expert in experts for word in expert.search_text.split() if is_word(word)})
        rows = [SearchWord(word=word, keys=keys(word)) for word in words]
        SearchWord.objects.bulk_create(rows, ignore_conflicts=True)
        Expert.objects.bulk_update(experts, ["search_text"])
        last = experts[-1].pk


class Migration(migrations.Migration):
    # Each batch is a transaction of its own: nobody waits for all of them.
    atomic = False

    dependencies = [
        ("experts", "0016_open_slots_by_day"),
    ]

    operations = [migrations.RunPython(refresh, migrations.RunPython.noop)]
