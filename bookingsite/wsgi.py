"""The `web` process in production: HTTP from WSGI workers."""

import gc
import os

from django.apps import apps
from django.core.wsgi import get_wsgi_application

from bookingsite.startup import one_line_errors
from experts.postgresql import base as postgresql

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")
with one_line_errors():
    postgresql.bound_statements()
    if not apps.ready:
        gc.disable()  # until all is loaded (bookingsite/apps.py), which is never again
    application = get_wsgi_application()
