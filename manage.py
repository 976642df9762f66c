#!/usr/bin/env python
"""Django's command-line utility, with bad settings and a database out of reach reported in one line."""

import gc
import os
import sys


def main() -> None:
    gc.disable()  # until all is loaded (bookingsite/apps.py)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")
    # A command uses one connection. A pool would wait for a database that is down, and then not say why.
    if "DATABASE_POOL" not in os.environ:
        os.environ |= {"DATABASE_POOL": "0", "POOL_OF_COMMANDS": "on"}  # the doctor asks for that of the site
    from django.conf import settings
    from django.core.management import execute_from_command_line

    from bookingsite.startup import one_line_errors

    with one_line_errors():
        # Django would keep a bad setting to itself, and fail later with "Models aren't loaded yet".
        settings.INSTALLED_APPS  # noqa: B018
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
