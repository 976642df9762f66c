"""The step with questions, as a person walks it: by keyboard, with a reload on the way, in all looks, and no script."""

import pytest
from playwright.sync_api import expect

from bookings.models import Answer, Booking, QuestionKind
from tests.browser.test_accessibility import each_look, problems
from tests.cast import day_ahead, make_expert, make_organization, make_question, make_slot


@pytest.fixture
def slot(live_site):
    house = make_organization(name="Northgate Clinic", slug="northgate")
    make_question(house, label="What brings you here?", kind=QuestionKind.LONG_TEXT)
    sides = {"choices": ["Left", "Right", "Both"], "missing_text": "Choose one, so the right room is ready."}
    make_question(house, label="Which side hurts?", kind=QuestionKind.CHOICE, is_required=True, **sides)
    ills = ["Asthma", "Diabetes", "High blood pressure"]
    make_question(house, label="Which do you have?", kind=QuestionKind.CHOICES, choices=ills, is_confidential=True)
    found = ["A friend", "My doctor", "Search", "Newspaper", "Something else"]
    make_question(house, label="How did you find us?", kind=QuestionKind.CHOICE, choices=found, help="Roughly.")
    make_question(house, label="When did it start?", kind=QuestionKind.DATE)
    make_question(house, label="I agree", wording="to all of it.", kind=QuestionKind.CONSENT, is_required=True)
    return make_slot(make_expert(name="Dr Amara Okafor", slug="amara-okafor", organization=house))


def open_questions(page, slot):
    page.goto(f"/experts/amara-okafor/?day={day_ahead()}")
    page.locator(f"#slot-{slot.pk}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Full name").fill("Lena Fischer")
    dialog.get_by_label("Email").fill("lena@example.com")
    dialog.get_by_label("I agree that Northgate Clinic").check()
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog.get_by_role("heading", name="A few questions from Northgate Clinic")).to_be_focused()
    return dialog


def test_with_the_keyboard_and_a_reload_on_the_way(page, slot):
    dialog = open_questions(page, slot)

    def tab_to(locator, key="Tab"):
        for _ in range(30):
            page.keyboard.press(key)
            if locator.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"{key} does not reach {locator}")

    tab_to(dialog.get_by_label("What brings you here?"))
    page.keyboard.type("My knee")
    tab_to(dialog.get_by_label("Asthma"))
    page.keyboard.press("Space")
    tab_to(dialog.get_by_role("button", name="Review booking"))
    page.keyboard.press("Enter")
    expect(dialog.locator(".error-summary")).to_be_focused()
    expect(dialog.locator(".error-summary")).to_contain_text("Two answers are missing.")
    tab_to(dialog.get_by_role("link", name="Which side hurts?"))
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Left")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_label("Right")).to_be_checked()

    page.reload()  # and on from the details: what was typed is still there
    page.goto(f"/slots/{slot.pk}/book/")
    page.get_by_role("button", name="Continue").click()
    main = page.locator("#main")
    expect(main.get_by_label("What brings you here?")).to_have_value("My knee")
    expect(main.get_by_label("Right")).to_be_checked()
    expect(main.get_by_label("Asthma")).to_be_checked()
    expect(main.get_by_label("Diabetes")).not_to_be_checked()
    expect(main.get_by_label("I agree to all of it.")).not_to_be_checked()
    assert "knee" not in page.url
    main.get_by_label("I agree to all of it.").check()
    main.get_by_role("button", name="Review booking").click()
    expect(main.get_by_text("My knee")).to_be_visible()
    main.get_by_role("button", name="Confirm booking").click()
    expect(main.get_by_text("You’re booked")).to_be_visible()
    assert {row.label: row.value for row in Answer.objects.all()} == {
        "What brings you here?": "My knee",
        "Which side hurts?": "Right",
        "Which do you have?": ["Asthma"],
        "I agree": True,
    }
    assert page.evaluate("sessionStorage.getItem('details')") is None


@each_look
def test_axe_finds_nothing(make_context, slot, look):
    page = make_context(**look).new_page()
    dialog = open_questions(page, slot)
    found = problems(page, "questions")
    dialog.get_by_role("button", name="Review booking").click()
    expect(dialog.locator(".error-summary")).to_be_focused()
    found += problems(page, "missing answers")
    small = "els => els.map(e => e.getBoundingClientRect()).filter(b => b.height && b.height < 44).length"
    assert dialog.locator(".choice-tile, .btn, .input, select").evaluate_all(small) == 0
    dialog.get_by_label("Left").check()
    dialog.get_by_label("Diabetes").check()
    dialog.get_by_label("I agree to all of it.").check()
    dialog.get_by_role("button", name="Review booking").click()
    expect(dialog.get_by_role("heading", name="Check and confirm")).to_be_focused()
    found += problems(page, "review")
    dialog.get_by_role("button", name="Confirm booking").click()
    expect(dialog.get_by_text("You’re booked")).to_be_visible()
    page.goto(f"/bookings/{Booking.objects.get().reference}/")
    found += problems(page, "the booking")
    page.get_by_role("link", name="Edit your answers").click()
    expect(page.get_by_label("Left")).to_be_checked()
    found += problems(page, "changing answers")
    assert not found, "\n".join(found)


def test_without_script(make_context, slot):
    page = make_context(java_script_enabled=False).new_page()
    page.goto(f"/slots/{slot.pk}/book/")
    page.get_by_label("Full name").fill("Lena Fischer")
    page.get_by_label("Email").fill("lena@example.com")
    page.get_by_label("I agree that Northgate Clinic").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Both").check()
    page.get_by_label("Asthma").check()
    page.get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("Both")).to_be_checked()
    expect(page.get_by_label("Asthma")).to_be_checked()
    page.get_by_label("I agree to all of it.").check()
    page.get_by_role("button", name="Review booking", exact=True).click()
    page.get_by_role("button", name="Confirm booking").click()
    assert Answer.objects.count() == 3
