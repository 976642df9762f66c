"""What the database itself does when a slot is written: counters, versions, clocks, and slots that are in use.

Migrations hold the text of each trigger: where only its indentation changes, it is another trigger and needs one.
"""

import pgtrigger

TRIGGERS = [
    # Without this a stale slot.save() resets the counters and the slot is overbooked. Counters are let through
    # only at trigger depth 2, that is from the trigger on Booking. Nor does it forget that somebody waits.
    pgtrigger.Trigger(
        name="slot_counters_and_version",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        func="""
                    IF TG_OP = 'INSERT' THEN
                        NEW.seats_held := 0;
                        NEW.seats_booked := 0;
                        NEW.next_hold_expiry := NULL;
                        NEW.version := 1;
                        RETURN NEW;
                    END IF;
                    IF pg_trigger_depth() < 2 THEN
                        NEW.seats_held := OLD.seats_held;
                        NEW.seats_booked := OLD.seats_booked;
                        NEW.next_hold_expiry := OLD.next_hold_expiry;
                    END IF;
                    NEW.version := OLD.version;
                    NEW.is_waited_for := NEW.is_waited_for OR OLD.is_waited_for;
                    IF (NEW.expert_id, NEW.date, NEW.time, NEW.starts_at, NEW.ends_at, NEW.title, NEW.capacity,
                        NEW.is_closed, NEW.for_types, NEW.seats_held, NEW.seats_booked, NEW.next_hold_expiry)
                       IS DISTINCT FROM
                       (OLD.expert_id, OLD.date, OLD.time, OLD.starts_at, OLD.ends_at, OLD.title, OLD.capacity,
                        OLD.is_closed, OLD.for_types, OLD.seats_held, OLD.seats_booked, OLD.next_hold_expiry)
                    THEN
                        NEW.version := OLD.version + 1;
                    END IF;
                    RETURN NEW;
                """,
    ),
    # A session takes several slots, of which the booking refers to one by a foreign key (Booking.more_slots).
    pgtrigger.Trigger(
        name="slot_in_use_stays",
        when=pgtrigger.Before,
        operation=pgtrigger.Delete,
        condition=pgtrigger.Q(old__seats_held__gt=0) | pgtrigger.Q(old__seats_booked__gt=0),
        func="""
                    RAISE EXCEPTION 'seats of the slot are taken, by a booking that has no foreign key to it'
                        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'slot_in_use_stays',
                              TABLE = TG_TABLE_NAME;
                """,
    ),
    # Only where one of these is written: bookings, which change counters, do not pay for it. What is written as
    # it was stays as it is, also when the expert's zone has changed since: past slots keep what they had.
    pgtrigger.Trigger(
        name="slot_clock_shows_its_start",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("expert_id", "date", "time", "starts_at"),
        declare=[
            ("zone", "text"),
            ("clock", "timestamp"),
            ("moves", "boolean NOT NULL := true"),
            ("turned_back", "interval"),
        ],
        func="""
                    IF TG_OP = 'UPDATE' THEN
                        IF (NEW.expert_id, NEW.date, NEW.time, NEW.starts_at)
                           IS NOT DISTINCT FROM (OLD.expert_id, OLD.date, OLD.time, OLD.starts_at) THEN
                            RETURN NEW;
                        END IF;
                        moves := NEW.starts_at <> OLD.starts_at;
                    END IF;
                    -- The lock that the foreign key takes at the end. Taken now, the zone is the one that will be true.
                    SELECT timezone INTO zone FROM experts_expert WHERE id = NEW.expert_id FOR KEY SHARE;
                    -- Worked out for this very zone by the services (experts/locking.py, vouch_for_clocks).
                    IF zone = current_setting('expertbook.zone', true) THEN
                        RETURN NEW;
                    END IF;
                    clock := NEW.date + NEW.time;
                    -- From the instant to the clock: a time that was skipped is shown at no instant.
                    IF NEW.starts_at AT TIME ZONE zone <> clock THEN
                        RAISE EXCEPTION 'the clock in % does not show % at %', zone, clock, NEW.starts_at
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'slot_clock_shows_its_start',
                                  TABLE = TG_TABLE_NAME;
                    END IF;
                    -- A time that is repeated means the first. Only a slot that keeps its instant while the zone
                    -- changes may start at the second.
                    IF moves THEN
                        turned_back := (NEW.starts_at - interval '1 day') AT TIME ZONE zone + interval '1 day' - clock;
                        IF turned_back > interval '0'
                           AND (NEW.starts_at - turned_back) AT TIME ZONE zone = clock THEN
                            RAISE EXCEPTION 'the clock in % shows % twice, and % is the second time',
                                zone, clock, NEW.starts_at
                                USING ERRCODE = 'check_violation', CONSTRAINT = 'slot_clock_shows_its_start',
                                      TABLE = TG_TABLE_NAME;
                        END IF;
                    END IF;
                    RETURN NEW;
                """,
    ),
]
