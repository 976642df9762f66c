"""Every write to bookings, their mails, waitlists, feeds and tokens. Views, API, admin and jobs call these only."""

from bookings.services.answers import change_answers, check_answers
from bookings.services.anyone import book_anyone, hold_anyone
from bookings.services.blocks import block, end_block
from bookings.services.booking import book, book_by_link
from bookings.services.cleanup import delete_ended_holds
from bookings.services.details import change_details
from bookings.services.example_mails import send_test_mail
from bookings.services.feeds import create_feed, revoke_feed
from bookings.services.holds import end_hold, extend_hold, hold_slot, may_extend, release_hold, release_holds
from bookings.services.idempotency import Booked
from bookings.services.lifecycle import (
    approve,
    cancel,
    complete,
    expire,
    mark_arrived,
    mark_no_show,
    reject,
    reschedule,
    undo_attendance,
)
from bookings.services.mail import send_again, send_place_link_again, send_proof_again, send_receipt_again
from bookings.services.mail_events import note_mail_event
from bookings.services.mail_texts import save_mail_text
from bookings.services.not_me import (
    allow_notices,
    disown,
    is_ones_own,
    lift_suppression,
    list_notices_off,
    spare,
    stop_mails,
    suppression_of,
)
from bookings.services.note_readings import log_note_readings
from bookings.services.proof_of_work import make_challenge
from bookings.services.questions import add_example_questions, delete_question, move_question, save_question
from bookings.services.rescue import (
    cancel_lost,
    cancel_offered,
    choose_time,
    decline_times,
    mark_reached,
    move_lost,
    offer_times,
    take_back_offer,
    undo_move,
)
from bookings.services.tokens import create_token, revoke_token
from bookings.services.turned_away import note_opened_full
from bookings.services.undo import undo_cancellation, undo_decision
from bookings.services.waitlist import (
    WORTH_WAITING,
    claim_offer,
    join_waitlist,
    leave_waitlist,
    serve,
    serve_waitlists,
    take_place,
    take_places,
)

__all__ = [
    "WORTH_WAITING",
    "Booked",
    "add_example_questions",
    "allow_notices",
    "approve",
    "block",
    "book",
    "book_anyone",
    "book_by_link",
    "cancel",
    "cancel_lost",
    "cancel_offered",
    "change_answers",
    "change_details",
    "check_answers",
    "choose_time",
    "claim_offer",
    "complete",
    "create_feed",
    "create_token",
    "decline_times",
    "delete_ended_holds",
    "delete_question",
    "disown",
    "end_block",
    "end_hold",
    "expire",
    "extend_hold",
    "hold_anyone",
    "hold_slot",
    "is_ones_own",
    "join_waitlist",
    "leave_waitlist",
    "lift_suppression",
    "list_notices_off",
    "log_note_readings",
    "make_challenge",
    "mark_arrived",
    "mark_no_show",
    "mark_reached",
    "may_extend",
    "move_lost",
    "move_question",
    "note_mail_event",
    "note_opened_full",
    "offer_times",
    "reject",
    "release_hold",
    "release_holds",
    "reschedule",
    "revoke_feed",
    "revoke_token",
    "save_mail_text",
    "save_question",
    "send_again",
    "send_place_link_again",
    "send_proof_again",
    "send_receipt_again",
    "send_test_mail",
    "serve",
    "serve_waitlists",
    "spare",
    "stop_mails",
    "suppression_of",
    "take_back_offer",
    "take_place",
    "take_places",
    "undo_attendance",
    "undo_cancellation",
    "undo_decision",
    "undo_move",
]
