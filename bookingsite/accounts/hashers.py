from django.contrib.auth.hashers import Argon2PasswordHasher


class SmallArgon2Hasher(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one lane: OWASP's first recommendation (Password Storage Cheat Sheet).

    Django's own takes 100 MiB and eight lanes for each password that somebody types, so that a few strangers at once
    take a small server's memory.
    """

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1
