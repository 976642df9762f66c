"""What the database itself does when a booking is written: it keeps the counters of slots, and refuses what cannot be.

Migrations hold the text of each trigger: where only its indentation changes, it is another trigger and needs one.
"""

import pgtrigger

from bookings.transitions import BOOKED, Status

# Statuses whose seats the trigger counts as booked, as a list of SQL: ('PENDING', …).
BOOKED_IN_SQL = str(tuple(status.value for status in Status if status in BOOKED))
# What the trigger does to a slot for a ``change``: slot_id, held and booked (differences), and is_hold.
_COUNT = """
IF change.is_hold THEN
    -- The earliest expiry is read from other rows: first the lock and then, in a new statement, a fresh look.
    SELECT seats_held + change.held INTO all_held FROM experts_slot WHERE id = change.slot_id FOR NO KEY UPDATE;
    SELECT min(expires_at), coalesce(sum(seats), 0) INTO expiry, held_here
    FROM bookings_booking AS booking WHERE booking.slot_id = change.slot_id AND booking.status = 'HELD';
    -- Seats that are held by none of these are held by bookings of several slots, for which it looks only then. In
    -- words that no index of holds has, as PostgreSQL would rather read all holds, of which it remembers few.
    IF all_held <> held_here THEN
        SELECT least(expiry, min(expires_at)) INTO expiry FROM bookings_booking AS booking
        WHERE booking.more_slots @> ARRAY[change.slot_id] AND booking.more_slots <> '{}'
          AND booking.status || '' = 'HELD';
    END IF;
    UPDATE experts_slot
    SET seats_held = all_held, seats_booked = seats_booked + change.booked, next_hold_expiry = expiry
    WHERE id = change.slot_id;
ELSE
    UPDATE experts_slot
    SET seats_held = seats_held + change.held,
        seats_booked = seats_booked + change.booked
    WHERE id = change.slot_id AND (change.held <> 0 OR change.booked <> 0);
END IF;
IF NOT FOUND AND (change.held <> 0 OR change.booked <> 0) THEN  -- an array has no foreign key
    RAISE EXCEPTION 'there is no slot %', change.slot_id
        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'booking_takes_slots_that_exist', TABLE = TG_TABLE_NAME;
END IF;
"""

TRIGGERS = [
    # Adds differences rather than counting again: concurrent raw SQL is then right without any lock of ours.
    pgtrigger.Trigger(
        name="booking_keeps_slot_counters",
        when=pgtrigger.After,
        operation=pgtrigger.Insert
        | pgtrigger.Delete
        | pgtrigger.UpdateOf("slot_id", "more_slots", "status", "seats", "expires_at"),
        declare=[
            ("was_held", "int := CASE WHEN OLD.status = 'HELD' THEN OLD.seats ELSE 0 END"),
            ("is_held", "int := CASE WHEN NEW.status = 'HELD' THEN NEW.seats ELSE 0 END"),
            ("was_booked", f"int := CASE WHEN OLD.status IN {BOOKED_IN_SQL} THEN OLD.seats ELSE 0 END"),
            ("is_booked", f"int := CASE WHEN NEW.status IN {BOOKED_IN_SQL} THEN NEW.seats ELSE 0 END"),
            ("change", "RECORD"),
            ("all_held", "int"),
            ("held_here", "int"),
            ("expiry", "timestamptz"),
        ],
        func=f"""
                    -- As nearly always: one slot before and after, for which the loop would cost more than the update.
                    IF coalesce(cardinality(OLD.more_slots), 0) + coalesce(cardinality(NEW.more_slots), 0) = 0
                       AND coalesce(OLD.slot_id, NEW.slot_id) = coalesce(NEW.slot_id, OLD.slot_id) THEN
                        SELECT coalesce(NEW.slot_id, OLD.slot_id) AS slot_id, is_held - was_held AS held,
                               is_booked - was_booked AS booked, was_held + is_held > 0 AS is_hold
                        INTO change;
                        {_COUNT}
                        RETURN NULL;
                    END IF;
                    -- In order of time, as the services lock them, so that two moves in opposite directions wait for
                    -- each other instead of deadlocking.
                    FOR change IN
                        SELECT touched.slot_id,
                               sum(touched.held)::int AS held,
                               sum(touched.booked)::int AS booked,
                               bool_or(touched.is_hold) AS is_hold
                        FROM (
                            SELECT unnest(OLD.slot_id || OLD.more_slots) AS slot_id,
                                   -was_held AS held, -was_booked AS booked, was_held > 0 AS is_hold
                            UNION ALL
                            SELECT unnest(NEW.slot_id || NEW.more_slots), is_held, is_booked, is_held > 0
                        ) AS touched
                        WHERE touched.slot_id IS NOT NULL
                        GROUP BY touched.slot_id
                        ORDER BY (SELECT starts_at FROM experts_slot WHERE id = touched.slot_id), touched.slot_id
                    LOOP
                        {_COUNT}
                    END LOOP;
                    RETURN NULL;
                """,
    ),
    # Services have locked the slot by then: an expert who changes the organisation meanwhile waits, and whoever gives
    # the slot another end.
    pgtrigger.Trigger(
        name="booking_knows_its_organization",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("slot_id", "of_organization_id", "session_ends_at", "over_at"),
        func="""
                    SELECT expert.organization_id, coalesce(NEW.session_ends_at, slot.ends_at)
                    INTO NEW.of_organization_id, NEW.over_at
                    FROM experts_slot AS slot JOIN experts_expert AS expert ON expert.id = slot.expert_id
                    WHERE slot.id = NEW.slot_id;
                    RETURN NEW;
                """,
    ),
    # One that had ended before there was ``over_at``, and is on again.
    pgtrigger.Trigger(
        name="booking_on_again_knows_its_end",
        when=pgtrigger.Before,
        operation=pgtrigger.UpdateOf("status"),
        condition=pgtrigger.Q(new__status="CONFIRMED") & pgtrigger.Q(new__over_at__isnull=True),
        func="""
                    SELECT coalesce(NEW.session_ends_at, slot.ends_at) INTO NEW.over_at
                    FROM experts_slot AS slot WHERE slot.id = NEW.slot_id;
                    RETURN NEW;
                """,
    ),
    pgtrigger.Trigger(
        name="booking_takes_its_mails_along",
        when=pgtrigger.After,
        operation=pgtrigger.UpdateOf("slot_id", "of_organization_id"),
        condition=pgtrigger.Q(old__of_organization__df=pgtrigger.F("new__of_organization")),
        func="""
                    UPDATE bookings_notification SET of_organization_id = NEW.of_organization_id
                    WHERE booking_id = NEW.id;
                    RETURN NULL;
                """,
    ),
    # Of each expert whose slots it takes: whoever writes cannot take less than the session lasts.
    pgtrigger.Trigger(
        name="booking_covers_its_session",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("slot_id", "more_slots", "session_ends_at"),
        condition=pgtrigger.Q(new__session_ends_at__isnull=False),
        func="""
                    IF EXISTS (
                        SELECT FROM experts_slot taken, experts_slot start
                        WHERE taken.id = ANY(NEW.slot_id || NEW.more_slots) AND start.id = NEW.slot_id
                        GROUP BY taken.expert_id, start.starts_at
                        HAVING NOT range_agg(tstzrange(taken.starts_at, taken.ends_at))
                               @> tstzrange(start.starts_at, NEW.session_ends_at)
                    ) THEN
                        RAISE EXCEPTION 'the session lasts longer than the slots that it takes'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_covers_its_session',
                                  TABLE = TG_TABLE_NAME;
                    END IF;
                    RETURN NEW;
                """,
    ),
]
