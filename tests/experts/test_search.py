"""Finding by words: what somebody types, and who is found, in a world of a dozen experts."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from experts import services, spelling
from experts.models import Expert, SearchWord
from tests.cast import make_category, make_expert, make_organization
from tests.experts.test_discovery import names
from tests.kept import body_of

EVERYBODY = [
    # name, headline, category, organisation, bio, languages, venue, its own city
    (
        "Dr Amara Okafor",
        "Physiotherapist",
        "Health",
        "Northgate Clinic",
        "Back, neck and knee pain.",
        "en pt",
        "in_person",
        "",
    ),
    (
        "Tom Whitfield",
        "Sports physio",
        "Health",
        "Northgate Clinic",
        "Ankles after an operation.",
        "en de",
        "video",
        "",
    ),
    ("Dr Tomás Herrera", "Dermatologist", "Health", "Northgate Clinic", "Eczema and acne.", "en es", "in_person", ""),
    ("Hannah Weiß", "Paediatrician", "Health", "Hale & Partners", "Newborns to teenagers.", "de en", "in_person", ""),
    ("Jörg Müller", "Notary", "Legal", "Hale & Partners", "Wills and inheritance.", "de", "phone", "Köln"),
    ("İbrahim Yılmaz", "Immigration lawyer", "Legal", "Hale & Partners", "Work visas.", "tr de en", "video", ""),
    ("Mei-Ling Chen", "Financial planner", "Tax & finance", "Hale & Partners", "Pensions.", "zh en", "in_person", ""),
    ("Sofia Marchetti", "Psychotherapist", "Therapy", "Brightside", "Anxiety and burnout.", "it en", "video", "Rome"),
    ("Niamh O’Brien", "Career coach", "Coaching", "Brightside", "CV and salary.", "en", "phone", ""),
    (
        "Søren Østergård",
        "Leadership coach",
        "Coaching",
        "Brightside",
        "First-time managers.",
        "da en",
        "video",
        "Århus",
    ),
    ("Łukasz Wójcik", "Dietitian", "Nutrition", "Brightside", "Self-employed cooks.", "pl", "in_person", "Łódź"),
    ("李小龙", "Kung fu teacher", "Coaching", "Brightside", "Be water.", "zh", "in_person", ""),
]
CITIES = {"Northgate Clinic": "London", "Hale & Partners": "Berlin", "Brightside": "New York"}

# What is typed, who is found, by the first of their names (and no one else); "~" first where words were corrected.
QUERIES = {
    # as it is written, in part, in any case and order
    "okafor": "Amara",
    "OKAFOR dr": "Amara",
    "derma": "Tomás",
    "northgate physio": "Amara Tom",
    # accents, umlauts and other letters
    "tomas": "Tomás",
    "yilmaz": "İbrahim",
    "YILMAZ": "İbrahim",
    "weiss": "Hannah",
    "muller": "Jörg",
    "mueller": "Jörg",
    "müller": "Jörg",
    "joerg": "Jörg",
    "ostergard": "Søren",
    "oestergaard": "Søren",
    "lodz": "Łukasz",
    "李小龙": "李小龙",
    # hyphens and apostrophes
    "mei-ling": "Mei-Ling",
    "meiling": "Mei-Ling",
    "obrien": "Niamh",
    "o'brien": "Niamh",
    "self employed": "Łukasz",
    # the bio, languages, places, how it takes place, category
    "burnout": "Sofia",
    "knee pain": "Amara",
    "german speaking lawyer": "İbrahim",
    "deutsch notary": "Jörg",
    "italian": "Sofia",
    "physio in london": "Amara Tom",
    "köln": "Jörg",
    "koeln": "Jörg",
    "coach by phone": "Niamh",
    "legal video": "İbrahim",
    # one error in a word: a letter too many, too few, another one, two that changed places; also in a part of a word
    "okkafor": "~Amara",
    "hererra": "~Tomás",
    "marcheti": "~Sofia",
    "yilmas": "~İbrahim",
    "dermatolgist": "~Tomás",
    "dermtol": "~Tomás",
    "brunout anxity": "~Sofia",
    "lawier berlin": "~İbrahim",
    "mei-lnig": "~Mei-Ling",
    # the same sound
    "fysio knee": "~Amara",
    "nutricion": "~Łukasz",
    # nonsense
    "zzyzx": "",
    "physio zzyzx": "",
    "&!| '": "",
}


@pytest.fixture
def world():
    organizations = {name: make_organization(name=name, city=city) for name, city in CITIES.items()}
    categories = {name: make_category(name=name) for name in dict.fromkeys(row[2] for row in EVERYBODY)}
    for name, headline, category, organization, bio, languages, venue, city in EVERYBODY:
        make_expert(
            name=name,
            headline=headline,
            category=categories[category],
            organization=organizations[organization],
            bio=bio,
            languages=languages.split(),
            venue=venue,
            city=city,
        )


def looked_up(client, text: str) -> tuple[set[str], set[str], bool]:
    """Who is listed on the page, who by the API, and whether the page says that words were corrected."""
    body = body_of(client.get("/experts/", {"search": text}))
    found = client.get("/api/v1/experts", {"search": text}).json()
    return set(names(client, search=text)), {item["name"] for item in found["items"]}, "Did you mean" in body


@pytest.mark.django_db
def test_who_is_found(world, client):
    # One test for the whole table, as the world takes longer to make than all of it to be asked.
    wanted = {}
    for text, found in QUERIES.items():
        firsts = found.removeprefix("~").split()
        who = {next(row[0] for row in EVERYBODY if first in row[0].split()) for first in firsts}
        wanted[text] = (who, who, found.startswith("~"))
    assert {text: looked_up(client, text) for text in QUERIES} == wanted


@pytest.mark.django_db
def test_words_are_counted_and_forgotten_with_those_who_have_them(world):
    assert set(SearchWord.objects.values_list("experts", flat=True)) == {1}  # not counted yet
    services.count_search_words()
    counted = dict(SearchWord.objects.values_list("word", "experts"))
    assert (counted["english"], counted["coach"], counted["okafor"]) == (9, 2, 1)
    Expert.objects.filter(name="Dr Amara Okafor").delete()
    SearchWord.objects.filter(word="herrera").delete()
    services.count_search_words()
    after = dict(SearchWord.objects.values_list("word", "experts"))
    assert "okafor" not in after
    assert (after["english"], after["herrera"]) == (8, 1)


LETTERS = "abcdefghiklmnoprstuwyz"


@given(word=st.text(LETTERS, min_size=4, max_size=14), data=st.data())
def test_any_one_error_in_a_word_is_close_and_found_by_the_keys(word, data):
    place, letter = data.draw(st.integers(0, len(word) - 1)), data.draw(st.sampled_from(LETTERS))
    before, here, after = word[:place], word[place], word[place + 1 :]
    errors = [
        before + letter + here + after,
        before + after,
        before + letter + after,
        before + after[:1] + here + after[1:],
    ]
    typed = data.draw(st.sampled_from([error for error in errors if len(error) >= spelling.FEWEST_LETTERS]))
    assert spelling.closeness(typed, word) is not None
    asked = re.findall(r"'(\w+)'(:\*)?", spelling.terms(typed))
    keys = spelling.keys(word).split()
    assert any(key.startswith(term) if beginning else key == term for key in keys for term, beginning in asked)


@pytest.mark.parametrize(
    ("typed", "word", "rank"),
    [
        ("fysio", "physio", 0),
        ("fysio", "physiotherapist", 1),
        ("herera", "herrera", 0),
        ("hererra", "herrera", 0),
        ("heerrea", "herrera", 2),
        ("dermtol", "dermatologist", 3),
        ("xdermatol", "dermatologist", 3),
        ("tom", "tim", None),
        ("anna", "hannah", None),
        ("wite", "smith", None),
        ("zzzqq", "skin", None),  # nothing of it is left that sounds
    ],
)
def test_how_close_words_are(typed, word, rank):
    assert spelling.closeness(typed, word) == rank


@pytest.mark.django_db
def test_what_is_asked_more_only_where_nobody_is_found(world, client):
    def statements(text):
        with CaptureQueriesContext(connection) as asked:
            client.get("/", {"search": text})
        return len(asked)

    statements("okafor")  # the browser has the site's cookies
    right = statements("okafor")
    assert statements("okafro") == right + 2  # the words that are close, and the search for them
