"""Which version runs."""

from functools import cache

from bookingsite.environment import BASE_DIR, read_environment


@cache
def version() -> str:
    """Return VERSION of the environment, else the commit that is checked out, else "unknown"."""
    if named := read_environment().str("VERSION", ""):
        return named[:50]
    git = BASE_DIR / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head[:12]
        name = head.removeprefix("ref: ")
        loose = git / name
        if loose.is_file():
            return loose.read_text().strip()[:12]
        packed = (line.split() for line in (git / "packed-refs").read_text().splitlines())
        return next((line[0][:12] for line in packed if line[1:] == [name]), "unknown")
    except OSError:
        return "unknown"
