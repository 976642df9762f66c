from django.urls import path, re_path

from bookings.live.consumers import BookingsConsumer, ExpertConsumer, UnknownConsumer

websocket_urlpatterns = [
    path("ws/experts/<slug:slug>/", ExpertConsumer.as_asgi()),  # type: ignore[arg-type]  # for Django a path leads to a view
    path("ws/bookings/", BookingsConsumer.as_asgi()),  # type: ignore[arg-type]  # for Django a path leads to a view
    re_path(r"", UnknownConsumer.as_asgi()),  # type: ignore[arg-type]  # for Django a path leads to a view
]
