import re

from bookingsite.devserver import paths


def test_every_setting_is_explained():
    settings = (paths.BASE_DIR / "bookingsite" / "settings.py").read_text()
    example = (paths.BASE_DIR / ".env.example").read_text()
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', settings))
    assert read - set(re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE)) == set()
    assert {"SECRET_KEY", "DATABASE_URL"} <= read
