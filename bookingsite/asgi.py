"""One process for HTTP and WebSocket (a laptop), or the `live` process in production."""

import gc
import os
from functools import partial

from django.apps import apps
from django.core.asgi import get_asgi_application

from bookingsite.startup import one_line_errors
from experts.postgresql import base as postgresql

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")
with one_line_errors():
    postgresql.bound_statements()
    if not apps.ready:
        gc.disable()  # until all is loaded (bookingsite/apps.py), which is never again
    http = get_asgi_application()

from channels.routing import ProtocolTypeRouter

from bookings.live.routing import serve_socket
from bookingsite.accounts.sessions import find_staff

application = ProtocolTypeRouter({"http": http, "websocket": partial(serve_socket, find_staff=find_staff)})
