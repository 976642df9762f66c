"""Finding by words: what somebody types, and who is found, in a world of a dozen experts."""

import pytest

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
