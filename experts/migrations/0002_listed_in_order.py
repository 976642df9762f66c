import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

MAY_BE_BOOKABLE = models.Q(is_closed=False) & (
    models.Q(seats_held__lt=models.F("capacity") - models.F("seats_booked")) | models.Q(next_hold_expiry__isnull=False)
)


class Migration(migrations.Migration):
    # Indexes are made while the site goes on, which no transaction can. If it breaks off, drop those that are invalid.
    atomic = False

    dependencies = [
        ("experts", "0001_initial"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index("organization", "name", "id", include=["is_active"], name="expert_of_organization"),
        ),
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index("category", "name", "id", include=["is_active", "organization"], name="expert_of_category"),
        ),
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index("name", "id", include=["is_active", "organization"], name="expert_in_order"),
        ),
        RemoveIndexConcurrently(model_name="expert", name="expert_by_organization"),
        RemoveIndexConcurrently(model_name="expert", name="expert_by_category"),
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index("category", "organization", name="expert_counts", condition=models.Q(is_active=True)),
        ),
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index("min_notice", name="expert_by_notice", condition=models.Q(min_notice__isnull=False)),
        ),
        AddIndexConcurrently(
            model_name="expert",
            index=models.Index(
                "organization",
                "min_notice",
                name="expert_by_notice_of_house",
                condition=models.Q(min_notice__isnull=False),
            ),
        ),
        AddIndexConcurrently(
            model_name="slot",
            index=models.Index("starts_at", "expert", name="slot_open_by_start", condition=MAY_BE_BOOKABLE),
        ),
        AddIndexConcurrently(
            model_name="slot", index=models.Index("starts_at", "id", "ends_at", "date", "expert", name="slot_by_start_and_day")
        ),
        RemoveIndexConcurrently(model_name="slot", name="slot_by_start"),
        migrations.AlterField(
            model_name="slot",
            name="expert",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="slots",
                to="experts.expert",
                verbose_name="expert",
            ),
        ),
    ]
