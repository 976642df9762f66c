from django.urls import path

from bookings import views

urlpatterns = [
    path("experts/<slug:slug>/", views.expert, name="expert"),
    path("experts/<slug:slug>/card.png", views.share_card, name="share_card"),
    path("embed/expert/<slug:slug>/", views.embed_expert, name="embed_expert"),
    path("o/<slug:slug>/book/<slug:type_slug>/", views.anyone, name="anyone"),
    path("o/<slug:slug>/book/<slug:type_slug>/hold/", views.hold_anyone, name="hold_anyone"),
    path("embed/<slug:slug>/book/<slug:type_slug>/", views.embed_anyone, name="embed_anyone"),
    path("feeds/<str:token>.ics", views.feed, name="feed"),
    path("slots/<int:slot_id>/hold/", views.hold, name="hold"),
    path("slots/<int:slot_id>/extend/", views.extend, name="extend"),
    path("slots/<int:slot_id>/release/", views.release, name="release"),
    path("slots/<int:slot_id>/book/", views.book, name="book"),
    path("slots/<int:slot_id>/waitlist/", views.waitlist, name="waitlist"),
    path("bookings/", views.my_bookings, name="my_bookings"),
    path("bookings/sign-out/", views.sign_out, name="sign_out"),
    path("bookings/data/", views.your_data, name="your_data"),
    path("bookings/data/<int:proof_id>/", views.read_data, name="read_data"),
    path("bookings/data/<int:proof_id>/data.json", views.download_data, name="download_data"),
    path("bookings/data/<int:proof_id>/erase/", views.erase_data, name="erase_data"),
    path("bookings/link/<str:token>/", views.link, name="link"),
    path("bookings/not-me/<str:token>/", views.not_me, name="not_me"),
    path("bookings/mails/<str:token>/", views.unwanted, name="unwanted"),
    path("bookings/<str:reference>/", views.booking, name="booking"),
    path("bookings/<str:reference>/mail/", views.show_mail_state, name="mail_state"),
    path("bookings/<str:reference>/address/", views.correct_address, name="correct_address"),
    path("bookings/<str:reference>/answers/", views.change_answers, name="answers"),
    path("bookings/<str:reference>/cancel/", views.cancel, name="cancel"),
    path("bookings/<str:reference>/reschedule/", views.reschedule, name="reschedule"),
    path("bookings/<str:reference>/calendar.ics", views.calendar_file, name="calendar_file"),
]
