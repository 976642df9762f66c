"""The settings of the tests and of the processes that they start: those of the site, and what only tests may have."""

from whitenoise.compress import Compressor

from bookingsite.settings import *  # noqa: F403

# A real one takes a quarter of a second for each password, and that is what it is for.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Nothing here asks how well files can be packed, and to find out takes three seconds.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [*Compressor.SKIP_COMPRESS_EXTENSIONS, "js", "css", "svg", "map", "txt"]

# A machine that runs four tests at once may take longer than people are made to wait.
DATABASES["default"]["OPTIONS"]["connect_timeout"] = 30  # noqa: F405
