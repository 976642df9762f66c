"""The booking form's inputs are the same, to the byte, as those that Django's own templates make."""

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from bookings.form_renderer import InputRenderer
from bookings.forms import BookingForm
from tests.cast import details, make_expert, make_slot

NASTY = ["", None, "Lena", "<b>&\"'\n é", mark_safe("&amp;"), gettext_lazy("Email"), 0, True]
WIDGETS = [
    forms.TextInput({"dir": "auto", "data-x": '"<&', "autofocus": True, "disabled": False}),
    forms.TextInput({"type": "tel", "title": gettext_lazy("Email"), "maxlength": 40}),
    forms.EmailInput({"placeholder": mark_safe("a&amp;b")}),
    forms.HiddenInput(),
    forms.Textarea({"rows": "3"}),
    forms.CheckboxInput(),
    forms.Select(choices=[("1", "One"), ("2", "Two")]),
]


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: type(widget).__name__)
@pytest.mark.parametrize("value", NASTY)
def test_each_widget(widget, value):
    arguments = {"name": 'na"me', "value": value, "attrs": {"id": "id_name", "required": True, "class": "input"}}
    ours, theirs = (widget.render(renderer=renderer, **arguments) for renderer in (InputRenderer(), DjangoTemplates()))
    assert ours == theirs


@pytest.mark.django_db
@pytest.mark.parametrize("typed", [None, details(notes="<i>\r\nme"), details(name="", email="no", agree="", seats="7")])
def test_the_form(typed):
    slot = make_slot(make_expert(max_party=3), capacity=3)
    pages = []
    for renderer in (InputRenderer(), DjangoTemplates()):
        form = BookingForm(typed, slot=slot, initial={"key": "k&", "again": "1"}, renderer=renderer)
        pages.append("".join(f"{field}{field.as_hidden()}{field.errors}" for field in form))
    assert pages[0] == pages[1]
