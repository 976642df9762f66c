from django.urls import path

from experts import views

urlpatterns = [
    path("", views.discover, name="home"),
    path("experts/", views.discover, name="discover"),
    path("embed/<slug:slug>/", views.embed_organization, name="embed_organization"),
    path("media/<path:name>", views.picture, name="picture"),
    path("o/<slug:slug>/", views.organization, name="organization"),
]
