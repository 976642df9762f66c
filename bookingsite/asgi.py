"""One process for HTTP and WebSocket (a laptop), or the `live` process in production."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")
application = get_asgi_application()
