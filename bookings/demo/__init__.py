"""A site that looks lived in, for laptops and screenshots. `manage.py seed_demo` is the way in.

Everything is drawn from random numbers with fixed seeds and laid out around today: the same day gives the same site on
every machine, and whenever it is made, it looks alive.

    organizations.py   who runs the site, and its categories
    experts.toml       sixty experts, as a person would describe them
    types.py           what sessions are for, where an organisation asks
    profiles.py        reads these, and makes up more when more are asked for
    hours.py           weekly hours in one line -> starts of slots
    clients.py         who books, and what they say
    diary.py           one expert's slots -> the bookings in them
    planting.py        writes it all
    members.py         who logs in to the admin, one in each role
"""

from bookings.demo.members import add_members
from bookings.demo.planting import NotEmpty, Summary, plant

__all__ = ["NotEmpty", "Summary", "add_members", "plant"]
