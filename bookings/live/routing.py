from django.urls import path, re_path

from bookings.live.consumers import BookingsConsumer, ExpertConsumer, UnknownConsumer

websocket_urlpatterns = [
    path("ws/experts/<slug:slug>/", ExpertConsumer.as_asgi()),
    path("ws/bookings/", BookingsConsumer.as_asgi()),
    re_path(r"", UnknownConsumer.as_asgi()),
]
