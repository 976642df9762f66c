from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.contrib.postgres.search import SearchVector
from django.db import migrations, models
from django.db.models import Func, Q, TextField, Value


def call(function: str, text: Func | str, *values: str) -> Func:
    return Func(text, *map(Value, values), function=function, output_field=TextField())


def without_marks(text: Func) -> Func:
    marks = (
        "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
        "\u0610-\u061a\u064b-\u065f\u0670\u3099\u309a]+"
    )
    plain = call("translate", call("regexp_replace", text, marks, "", "g"), "ıøØłŁđĐðÐŧŦħĦςÆŒÞẞ", "ioollddddtthhσæœþß")
    for letter, spelt in (("æ", "ae"), ("œ", "oe"), ("þ", "th"), ("ß", "ss")):
        plain = call("replace", plain, letter, spelt)
    return plain


# As the search folds words, at the time of this migration.
decomposed = Func(
    call("translate", "name", "'’‘ʼ-‐‑–.,/_@+&", " " * 15),
    template="normalize(%(expressions)s, NFKD)",
    output_field=TextField(),
)
spelt_out = call("replace", call("replace", decomposed, "ø", "oe"), "Ø", "Oe")
spelt_out = call("regexp_replace", spelt_out, "([AOUaou])\u0308", r"\1e", "g")
spelt_out = call("regexp_replace", spelt_out, "([Aa])\u030a", r"\1a", "g")
words = SearchVector(without_marks(decomposed), without_marks(spelt_out), config="simple")

code = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[03578]|9[679])\d)"
)
phone = call("regexp_replace", call("regexp_replace", Func("phone", Value(";"), Value(1), function="split_part", output_field=TextField()), rf"^\+{code}", ""), r"\D", "", "g")
phone = call("ltrim", phone, "0")


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [
        ("bookings", "0040_rescue"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                OpClass(phone, name="text_pattern_ops"), name="booking_of_phone_begun", condition=~Q(phone="")
            ),
        ),
        AddIndexConcurrently(
            model_name="booking",
            index=GinIndex(words, name="booking_in_plain_words", condition=~Q(name="")),
        ),
        RemoveIndexConcurrently(model_name="booking", name="booking_in_words"),
    ]
