"""The script that pgbench runs: the statements of one booking, made those of another each time."""

from bench.parts.pgbench import BOOKING, script_of

CONTEXT = "90cd8731-3746-4035-8254-e5d5365952c2"


def statements_of(*asked: str) -> list[str]:
    return script_of(list(asked), slot=199_987).splitlines()[3:]


def test_each_run_books_another_slot():
    assert statements_of("SELECT * FROM experts_slot WHERE id = 199987", "SELECT '{199987,1}'::bigint[]") == [
        "SELECT * FROM experts_slot WHERE id = :slot;",
        "SELECT ('{' || :slot || ',1}')::bigint[];",
    ]


def test_the_booking_that_is_made_is_the_one_that_its_jobs_are_about():
    assert statements_of(
        "INSERT INTO \"bookings_booking\" (slot_id, reference) VALUES (199987, 'EB-9FD4-K7TQ') RETURNING id",
        f"SELECT defer(E'{{\"id\": {BOOKING}, \\'x\\'}}')",
    ) == [
        "INSERT INTO \"bookings_booking\" (slot_id, reference) VALUES (:slot, ('EB-' || :slot || '')) RETURNING id"
        " \\gset made_",
        "SELECT defer((E'{\"id\": ' || :made_id || E', \\'x\\'}'));",
    ]


def test_each_has_a_history_context_of_its_own():
    [line] = statements_of(f"SELECT set_config('pghistory.context_id', '{CONTEXT}', true)")
    assert CONTEXT not in line
    assert "lpad(:slot::text, 32, '0')::uuid" in line


def test_other_numbers_and_texts_stay():
    assert statements_of("SELECT 1999870, 'Lena Fischer', '2026-11-25 12:30:00+00:00'") == [
        "SELECT 1999870, 'Lena Fischer', '2026-11-25 12:30:00+00:00';"
    ]


def test_each_is_of_another_mailbox_as_those_of_one_are_counted():
    assert statements_of("SELECT 'p6', 'p61'", "SELECT 'p6@example.com'") == [
        "SELECT ('' || ('p' || :slot) || ''), 'p61';",
        "SELECT ('' || ('p' || :slot) || '@example.com');",
    ]


def test_what_json_says_is_no_variable():
    """pgbench takes a word after a colon for one."""
    assert statements_of("""SELECT '{"a":null,"b":1}'""") == ["""SELECT '{"a": null,"b":1}';"""]
