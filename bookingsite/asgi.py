"""One process for HTTP and WebSocket (a laptop), or the `live` process in production."""

import os

from django.core.asgi import get_asgi_application

from bookingsite.startup import one_line_errors

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")
with one_line_errors():
    application = get_asgi_application()
