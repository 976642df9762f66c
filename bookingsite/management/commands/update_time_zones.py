from collections import Counter

from django.core.management.base import BaseCommand

from bookings.services.zone_updates import Moved, update_time_zones

WHY = {
    "skipped": "the clocks pass over this time: move its bookings, and delete it",
    "taken": "another slot of the expert is there by then: move or delete one of the two, and run this again",
    "together": "a booking takes it with a slot that cannot move as far: move that booking, and run this again",
    "busy": "somebody is booking there: run this again",
}


class Command(BaseCommand):
    help = (
        "After an update of time zone data: move slots to the instants that their clocks mean now. Without --apply it"
        " only says what would move."
    )

    def add_arguments(self, parser):
        parser.add_argument("--apply", action="store_true", help="write it, and tell everybody who has booked")
        parser.add_argument("--no-mails", action="store_false", dest="tells", help="with --apply: tell nobody")

    def handle(self, *, apply: bool, tells: bool, **options):
        slots, bookings, by_zone, left = 0, 0, Counter(), []
        for found in update_time_zones(writes=apply, tells=tells):
            slots += found.slots
            by_zone += found.by_zone
            left += found.left
            bookings += len(found.bookings)
            for booking in found.bookings:
                expert = booking.slot.expert
                self.stdout.write(
                    f"{booking.reference}  {expert.organization.name}  {expert.name}"
                    f"  {booking.slot.date} {booking.slot.time.isoformat('minutes')} {expert.timezone}"
                    f"  {'' if booking.email else 'has no e-mail: call them'}".rstrip()
                )
        for move in left:
            self.stdout.write(f"stays  {_words(move)}: {WHY[move.obstacle]}")
        zones = ", ".join(f"{zone} ({count})" for zone, count in sorted(by_zone.items()))
        done = "moved" if apply else "would move"
        self.stdout.write(f"{slots} slots {done}{f', in {zones}' if zones else ''}; {bookings} bookings in them.")
        if slots and not apply:
            self.stdout.write("Nothing was written. With --apply, everybody who has booked is sent the mail of a move.")


def _words(move: Moved) -> str:
    slot, expert = move.slot, move.slot.expert
    clock = f"{slot.date} {slot.time.isoformat('minutes')} {expert.timezone}"
    return f"{expert.organization.name}, {expert.name}, {clock}"
