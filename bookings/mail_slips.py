"""Find out that somebody may have mistyped the domain of an e-mail address, by what most addresses end in."""

# What most people's addresses end in. Long ones only: near a short one there are always others that exist.
_DOMAINS = (
    "gmail.com",
    "googlemail.com",
    "hotmail.com",
    "hotmail.co.uk",
    "hotmail.fr",
    "outlook.com",
    "yahoo.com",
    "yahoo.co.uk",
    "icloud.com",
    "proton.me",
    "protonmail.com",
    "t-online.de",
    "freenet.de",
    "btinternet.com",
    "orange.fr",
    "wanadoo.fr",
    "libero.it",
)
_ALSO_REAL = frozenset({"email.com", "mail.com", "ymail.com"})  # each one letter away from gmail.com
# Endings that do not exist, whatever stands before them.
_ENDINGS = {
    **dict.fromkeys(("con", "cmo", "ocm", "vom", "xom", "cpm", "comm", "coom", "ccom", "conm"), "com"),
    **dict.fromkeys(("ner", "nett", "nte", "ent"), "net"),
    **dict.fromkeys(("orgg", "ogr", "rog"), "org"),
}


def suggest_address(email: str) -> str:
    """Return what an address was probably meant to be; "" where nothing is odd about it."""
    name, _at, typed = email.rpartition("@")
    domain = typed.lower()
    host, _dot, ending = domain.rpartition(".")
    meant = f"{host}.{_ENDINGS[ending]}" if ending in _ENDINGS else domain
    if meant not in _ALSO_REAL:
        meant = next((known for known in _DOMAINS if _is_one_slip_away(meant, known)), meant)
    return f"{name}@{meant}" if meant != domain else ""


def _is_one_slip_away(typed: str, meant: str) -> bool:
    """Whether one letter is too many, missing or wrong, or two neighbours have changed places; or nothing at all."""
    same = 0
    while same < min(len(typed), len(meant)) and typed[same] == meant[same]:
        same += 1
    one, other = typed[same:], meant[same:]
    return (
        one[1:] == other  # one too many
        or one == other[1:]  # one missing
        or one[1:] == other[1:]  # one wrong
        or (one[:2] == other[1::-1] and one[2:] == other[2:])  # changed places
    )
