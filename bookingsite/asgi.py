"""One process for HTTP and WebSocket (a laptop), or the `live` process in production."""

import gc
import os

from django.core.asgi import get_asgi_application

from bookingsite.startup import one_line_errors

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookingsite.settings")
with one_line_errors():
    gc.disable()  # until all is loaded (bookingsite/apps.py)
    http = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import CookieMiddleware

from bookings.live.routing import websocket_urlpatterns

application = ProtocolTypeRouter(
    {
        "http": http,
        # Cookies are sent along from any site, so the origin is what tells whose page is dialling.
        "websocket": AllowedHostsOriginValidator(CookieMiddleware(URLRouter(websocket_urlpatterns))),
    }
)
