from django.urls import path

from bookings import views

urlpatterns = [
    path("experts/<slug:slug>/", views.expert, name="expert"),
    path("slots/<int:slot_id>/book/", views.book, name="book"),
    path("bookings/", views.my_bookings, name="my_bookings"),
]
