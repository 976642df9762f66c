"""Who books on the demo site, and what they say. Addresses and numbers are of the kinds set aside for examples."""

from dataclasses import dataclass
from random import Random

from experts.search import fold

# Given names and family names that go together; also used for the experts beyond the sixty of experts.toml.
_NAMES = [
    (
        "Emily Harriet Callum Rhys Imogen Declan Niamh Freya Toby Isla Fergus Bronwen Alistair",
        "Whitaker Bradley Ashworth Pemberton Kearney MacLeod Hughes O'Rourke Thornton Bellamy Sinclair Pryce Doyle",
    ),
    (
        "Lena Emil Greta Moritz Ida Anton Frieda Jürgen Käthe Matthias Ottilie Florian Annika Ruprecht",
        "Fischer Petersen Schneider Köhler Brandt Jäger Nowak Groß Winkler Hoffmann Albrecht Lütke Zimmermann Böhm",
    ),
    (
        "Maya Jordan Caleb Naomi Tyrell Savannah Wyatt Brianna Elijah Harper Desmond Autumn Reggie Colette",
        "Brooks Kaplan Hutchins Delaney Vance Rutledge Freeman Sandoval Mercer Boone Gaines Halloran Lindsey Yates",
    ),
    (
        "Aylin Emre Defne Kerem Şule Barış Elif Çağla Onur Gökçe Selim Nilüfer Işıl Tarık",
        "Demir Kaya Öztürk Şahin Aydın Koç Çelik Doğan Erdoğdu Güneş Polat Tekin Bulut Sönmez",
    ),
    (
        "Karim Salma Tariq Yasmin Bilal Hana Omar Rania Idris Farah Samir Amina Walid Dalia",
        "Aziz Mansour Khalil Nasser Saleh El-Sayed Darwish Farouk Hamdan Zaki Bakri Othman Jaber Sabbagh",
    ),
    (
        "Inés Mateo Valeria Joaquín Paula Thiago Beatriz Andrés Renata Gael Conceição Iván Noemí Caetano",
        "Morales Vargas Peña Castillo Núñez Barbosa Carvalho Quiroga Salazar Ibarra Figueiredo Lozano Muñoz Teixeira",
    ),
    (
        "Ananya Vikram Meera Rohan Lakshmi Kabir Divya Nikhil Farhan Ishita Suresh Tanvi Harpreet Gauri",
        "Sharma Menon Kulkarni Chatterjee Gill Reddy Bhatt Fernandes Qureshi Nair Joshi Malhotra Subramaniam Das",
    ),
    (
        "Haruto Aiko Kana Ren Daichi Emi Takumi Sakura Naoki Yuko",
        "Tanaka Sato Kobayashi Ishikawa Fujimoto Okada Hayashi Nakamura Ueda Matsui",
    ),
    (
        "Xiaoyu Mei Jun Lin Hao Jing Wen Yifan Rui Bo",
        "Liu Wang Huang Zhao Xu Zhou Sun Guo Lin Tang",
    ),
    (
        "Linh Minh Thuy Quan Trang Duc Soo-ah Jae-won Yuna Min-ho",
        "Nguyen Tran Pham Vo Park Choi Kwon Lim Yoon Dang",
    ),
    (
        "Chiamaka Kwame Zanele Tendai Abebe Wanjiru Ngozi Sipho Efua Baraka Makena Olumide Thandi Yaw",
        "Adeleke Boateng Dlamini Moyo Tesfaye Mwangi Okonkwo Nkosi Asante Otieno Kamau Bello Ndlovu Owusu",
    ),
    (
        "Astrid Mikkel Saara Elias Sigrid Oskar Rasmus Ilse Anneke Henrik Tuva Magnus Liv Joost",
        "Lund Virtanen Bergström Haugen Nyström Jansen Møller Korhonen Dahl Åkesson Visser Bakker Holm Strand",
    ),
    (
        "Ewa Marek Katarzyna Paweł Agnieszka Jakub Zofia Michał Hanna Stanisław",
        "Nowak Wójcik Bąk Mazur Duda Lis Wróbel Gołąb Sikora Pietrzyk",
    ),
]
_NAME_GROUPS = [(given.split(), family.split()) for given, family in _NAMES]

_NOTES = {
    "health": [
        "Knee pain after a half marathon.",
        "Six-month check, first visit.",
        "I use a wheelchair. Is the entrance step-free?",
        "Please have the results from last week at hand.",
        "Left side only, worse in the morning.",
        "My son is shy with new doctors.",
    ],
    "therapy": [
        "First time for me. I am a bit nervous.",
        "I would prefer not to be called at work.",
        "We spoke briefly last spring.",
        "My GP suggested that I write to you.",
        "Could we start with ten minutes of questions?",
    ],
    "coaching": [
        "New role since January, team of nine.",
        "I would like to prepare one difficult conversation.",
        "Total beginner. Is that all right?",
        "My company pays; please put the invoice in my name.",
        "Back after a break of two years.",
    ],
    "legal": [
        "The letter is dated the 3rd and I have two weeks to answer.",
        "My visa runs out at the end of next month.",
        "There is a contract of eleven pages. I can send it before.",
        "My sister will join the call.",
        "It is about the deposit for my old flat.",
    ],
    "tax-finance": [
        "Freelance since last summer, no idea what to put aside.",
        "I moved here in the middle of the year.",
        "We want to buy within twelve months.",
        "I have one rental flat abroad.",
        "The tax office has written twice.",
    ],
    "career": [
        "Interview is on Thursday. The advert is below my CV.",
        "I have been at the same firm for fourteen years.",
        "Returning after parental leave.",
        "They asked what salary I expect.",
        "I can share my screen.",
    ],
    "nutrition": [
        "Lactose intolerant, and tired of rice.",
        "Training for a triathlon in June.",
        "Vegetarian household, two small children.",
        "Newly diagnosed; I have the letter from the hospital.",
        "Nut allergy.",
    ],
    "language-lessons": [
        "I understand a lot and say very little.",
        "Second lesson. We stopped at the past tense.",
        "I start a job there in autumn.",
        "Could we talk about football?",
        "My grandmother speaks it; I never learned.",
    ],
}

# Blocks that the regulators of the three countries keep free for drama and examples.
_PHONES = {
    "northgate-clinic": ("+44 20 7946 0{:03}", 0, 999),
    "hale-partners": ("+49 30 23125 {:03}", 0, 999),
    "brightside-collective": ("+1 212 555 {:04}", 100, 199),
}


@dataclass(frozen=True)
class Client:
    name: str
    email: str
    phone: str


def random_name(random: Random) -> str:
    given, family = random.choice(_NAME_GROUPS)
    return f"{random.choice(given)} {random.choice(family)}"


def regulars(random: Random, organization: str, count: int) -> list[Client]:
    """People who come to one expert, no two with one name."""
    template, lowest, highest = _PHONES[organization]
    clients: dict[str, Client] = {}
    while len(clients) < count:
        name, phone = random_name(random), template.format(random.randint(lowest, highest))
        clients.setdefault(name, Client(name, f"{fold(name).replace(' ', '.')}@example.com", phone))
    return list(clients.values())


def note_for(category: str, luck: float) -> str:
    """What the booker wrote; most write nothing."""
    notes = _NOTES[category]
    place = int(luck * len(notes) * 4)
    return notes[place] if place < len(notes) else ""
