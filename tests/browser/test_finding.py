"""Finding an expert with words and filters, on a phone with script and without any."""

import re

from playwright.sync_api import expect

from tests.cast import day_ahead, make_category, make_expert, make_slot


def make_experts():
    """Three who can be found, of whom two are dermatologists; the first slot is that of the one by video."""
    skin = make_category(slug="skin", name="Skin")
    for name, venue, day, city in [("Tomás Herrera", "in_person", 4, "Leeds"), ("Zeynep Arslan", "video", 3, "York")]:
        expert = make_expert(
            name=name, headline="Dermatologist", venue=venue, languages=["en"], category=skin, city=city
        )
        slot = make_slot(expert, day=day_ahead(day), at="14:00")
    make_expert(name="Ada Obi", languages=["de"])
    return slot


def test_words_and_filters_together_on_a_phone(phone_page):
    slot, page = make_experts(), phone_page
    page.goto("/")
    names = page.locator(".expert-name")
    expect(names).to_have_count(3)
    page.get_by_role("searchbox").fill("dermatolgist")  # with an error, found while it is typed
    expect(page.get_by_text("Did you mean")).to_be_visible()
    expect(names).to_have_text(["Zeynep Arslan", "Tomás Herrera"])
    # The filters are folded, and stay open while they are used.
    video, folded = page.get_by_role("link", name="Video", exact=True), page.locator("summary", has_text="Filters")
    expect(video).to_be_hidden()
    folded.click()
    video.click()
    expect(names).to_have_text(["Zeynep Arslan"])
    expect(video).to_have_attribute("aria-current", "true")
    page.locator("#search-language").select_option("en")
    expect(page).to_have_url(re.compile(r"/experts/\?search=dermatolgist&venue=video&language=en$"))
    page.get_by_label("Another day").fill(f"{day_ahead(4)}")
    expect(page.get_by_role("heading", name="No experts match")).to_be_visible()
    expect(page).to_have_url(
        re.compile(rf"/experts/\?search=dermatolgist&venue=video&when={day_ahead(4)}&language=en$")
    )
    expect(video).to_be_visible()
    # Nobody found leads on: the same without one of these.
    page.get_by_role("link", name="On any day").click()
    expect(names).to_have_text(["Zeynep Arslan"])
    folded.click()
    page.get_by_role("link", name="Clear all").click()
    expect(page.locator("#soonest")).to_contain_text("Zeynep Arslan")
    page.get_by_role("link", name="See this time").click()
    expect(page.locator(f"#slot-{slot.pk}")).to_be_in_viewport()


def test_with_the_keyboard_filters_are_skipped(page):
    """Some forty stops lie before the first expert."""
    slot = make_experts()
    page.goto("/")
    expect(page.get_by_role("link", name="See this time")).to_be_visible()  # the visitor's zone is known
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the experts")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#sort")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="See this time")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name=slot.expert.name, exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".next-time").first).to_be_focused()


def test_a_city_is_chosen_and_a_time_on_a_card_leads_to_it(phone_page):
    slot, page = make_experts(), phone_page
    other = make_slot(slot.expert, day=slot.date, at="16:30")
    page.goto("/")
    page.locator("summary", has_text="Filters").click()
    page.locator("#search-city").select_option("York")
    expect(page.locator(".expert-name")).to_have_text(["Zeynep Arslan"])
    expect(page).to_have_url(re.compile(r"/experts/\?city=York$"))
    card = page.locator(".expert-card")
    expect(card.locator(".next-time")).to_have_text(["15:00", "17:30"])  # by video: the clock of the visitor
    expect(card).to_contain_text("Berlin time")
    assert card.locator(".next-time").first.bounding_box()["height"] >= 44
    card.get_by_role("link", name=re.compile("^17:30, .*, with Zeynep Arslan$")).click()
    expect(page.locator(f"#slot-{other.pk}")).to_be_in_viewport()


def test_words_and_filters_together_without_script(page_without_js):
    make_experts()
    page = page_without_js
    page.goto("/")
    page.get_by_role("searchbox").fill("dermatolgist")
    page.get_by_role("button", name="Search").click()
    names = page.locator(".expert-name")
    expect(names).to_have_text(["Zeynep Arslan", "Tomás Herrera"])
    expect(page).to_have_url(re.compile(r"/experts/\?search=dermatolgist$"))  # none of the empty fields
    page.get_by_role("link", name="Video").click()
    page.get_by_role("link", name="Afternoon").click()
    page.get_by_label("Another day").fill(f"{day_ahead(3)}")
    page.locator("#search-city").select_option("York")
    page.get_by_role("button", name="Search").click()
    expect(names).to_have_text(["Zeynep Arslan"])
    page.get_by_role("link", name="dermatologist", exact=True).click()
    expect(page.get_by_text("Did you mean")).to_have_count(0)
    expect(names).to_have_text(["Zeynep Arslan"])
    expect(page).to_have_url(
        re.compile(rf"/experts/\?search=dermatologist&city=York&venue=video&when={day_ahead(3)}&part=afternoon$")
    )
