"""Every migration since the last release lets processes of that release go on."""

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tests.upgrade import APPLIED
from tests.upgrade.rules import faults
from tests.upgrade.squash import undone

# What the rules cannot see is all right: each with the reason. An entry that is of no use any more fails, too.
ALL_RIGHT: dict[str, str] = {
    "bookings.0045_organization_of_bookings RunSQL": (
        "adds a trigger on experts who change their organisation, which the old code writes as before"
    ),
    "bookings.0046_organization_of_bookings_known RunPython": (
        "fills a column that the old code does not know, some thousand rows at a time"
    ),
    "bookings.0048_organization_of_rows RunSQL": (
        "has the trigger on experts who change their organisation write to more tables, unnoticed by the old code"
    ),
    "bookings.0049_organization_of_rows_known RunPython": (
        "fills columns that the old code does not know, some thousand rows at a time"
    ),
    "bookings.0052_ends_of_sessions RunSQL": (
        "adds a trigger on slots that end at another time, which the old code writes as before"
    ),
    "bookings.0053_ends_of_sessions_known RunPython": (
        "fills a column that the old code does not know, some thousand rows at a time"
    ),
    "bookings.0055_slots_waited_for_known RunPython": (
        "fills a column that the old code does not know, some thousand rows at a time"
    ),
}


def test_a_running_old_version_survives_all_later_migrations():
    loader = undone(MigrationLoader(None))  # what is replaced is what databases of that release go by
    found, new, state = [], set(), ProjectState()
    for key in loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True):
        migration, (app, name) = loader.graph.nodes[key], key
        if app in APPLIED and int(name[:4]) > APPLIED[app]:
            found += faults(migration, state, new)
        else:
            migration.mutate_state(state, preserve=False)
    places = {fault.place for fault in found}
    assert [str(fault) for fault in found if fault.place not in ALL_RIGHT] == []
    assert ALL_RIGHT.keys() <= places, "nobody needs to be told of what is gone"
    assert all(len(reason) > 20 for reason in ALL_RIGHT.values())


PERSON = ("Person", [("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=80, null=True))])
CHECK = models.CheckConstraint(condition=models.Q(name="x"), name="named")
INDEX = models.Index(fields=["name"], name="by_name")
FINE = {
    "a column that may be null": migrations.AddField("person", "mood", models.TextField(null=True)),
    "one with a default of the database": migrations.AddField("person", "mood", models.TextField(db_default="")),
    "a longer text": migrations.AlterField("person", "name", models.CharField(max_length=90, null=True)),
    "a table": migrations.CreateModel("Pet", [("id", models.AutoField(primary_key=True))]),
    "a constraint that looks at no old row": AddConstraintNotValid("person", CHECK),
    "an index that nobody waits for": AddIndexConcurrently("person", INDEX),
}
WRONG = {
    "a column that the old code leaves empty": migrations.AddField("person", "mood", models.TextField(default="")),
    "a column less": migrations.RemoveField("person", "name"),
    "another name": migrations.RenameField("person", "name", "title"),
    "a table less": migrations.DeleteModel("Person"),
    "another name of the table": migrations.RenameModel("Person", "Human"),
    "no null any more": migrations.AlterField("person", "name", models.CharField(max_length=80)),
    "a shorter text": migrations.AlterField("person", "name", models.CharField(max_length=70, null=True)),
    "another type": migrations.AlterField("person", "name", models.TextField(null=True)),
    "a constraint that looks at all rows": migrations.AddConstraint("person", CHECK),
    "an index that keeps writers waiting": migrations.AddIndex("person", INDEX),
    "SQL": migrations.RunSQL("DROP TABLE x"),
    "Python": migrations.RunPython(migrations.RunPython.noop),
}


def judged(operation, *, is_new: bool = False) -> list[str]:
    state, new = ProjectState(), {"zoo.person"} if is_new else set()
    migrations.CreateModel(*PERSON).state_forwards("zoo", state)
    migration = type("Migration", (migrations.Migration,), {"operations": [operation]})("0002_x", "zoo")
    return [str(fault) for fault in faults(migration, state, new)]


@pytest.mark.parametrize("what", FINE)
def test_what_the_old_version_does_not_notice_is_fine(what):
    assert judged(FINE[what]) == []


@pytest.mark.parametrize("what", WRONG)
def test_what_the_old_version_would_not_survive_is_found(what):
    [fault] = judged(WRONG[what])
    assert fault.startswith("zoo.0002_x ")


def test_a_table_that_the_old_version_does_not_know_may_be_changed_at_will():
    assert judged(WRONG["a column less"], is_new=True) == []
