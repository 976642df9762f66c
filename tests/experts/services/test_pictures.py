"""Photos and logos: what is read, what is refused, what is stored, and when files go."""

import io
import struct
import zlib

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import Client
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from experts import pictures, services
from experts.errors import InvalidPicture, NotFound
from experts.models import Expert, Organization
from tests.cast import make_expert, make_organization

SECRET = b"51.5074N-secret-place"


def drawn(size=(400, 300), kind="JPEG", mode="RGB", colour=(200, 30, 30), **options) -> io.BytesIO:
    """A picture of one colour as a file."""
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind, **options)
    file.seek(0)
    return file


def bomb(width=30_000, height=30_000) -> io.BytesIO:
    """A PNG of some hundred bytes that says it has many pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + body)


def opened(name: str) -> Image.Image:
    with default_storage.open(name) as file:
        return Image.open(io.BytesIO(file.read()))


def stored(expert: Expert) -> list[str]:
    try:
        return sorted(default_storage.listdir(f"experts/{expert.pk}")[1])
    except FileNotFoundError:
        return []


# What is read


@pytest.mark.parametrize(
    ("kind", "mode", "colour"),
    [
        ("JPEG", "RGB", (200, 30, 30)),
        ("JPEG", "CMYK", (200, 30, 30, 9)),
        ("PNG", "RGBA", (200, 30, 30, 99)),
        ("PNG", "P", 3),
        ("PNG", "I;16", 300),
        ("WEBP", "RGB", (200, 30, 30)),
    ],
)
def test_a_photo_becomes_squares(kind, mode, colour):
    made = pictures.make_photo(drawn((1400, 700), kind, mode, colour))
    sizes = [Image.open(io.BytesIO(content)) for content in made.values()]
    assert [(image.format, *image.size) for image in sizes] == [("WEBP", n, n) for n in (96, 192, 640)]
    assert all(name.endswith(f"-{image.width}.webp") for name, image in zip(made, sizes, strict=True))


def test_nothing_of_the_file_but_its_pixels_goes_out():
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = drawn(exif=exif, icc_profile=profile, comment=SECRET)
    polyglot = io.BytesIO(file.getvalue() + b"<script>alert(1)</script>" + SECRET)
    assert SECRET in polyglot.getvalue()
    for content in pictures.make_photo(polyglot).values():
        image = Image.open(io.BytesIO(content))
        assert SECRET not in content
        assert b"script" not in content
        assert not image.getexif()
        assert "icc_profile" not in image.info
    logo = drawn((300, 100), "PNG", "RGBA", (1, 2, 3, 255), pnginfo=_text())
    assert SECRET in logo.getvalue()
    assert all(SECRET not in content for content in pictures.make_logo(logo).values())


def _text():
    info = PngInfo()
    info.add_text("Comment", SECRET.decode())
    return info


def test_a_picture_is_turned_as_the_camera_was_held():
    image = Image.new("RGB", (600, 300), "blue")
    image.paste("red", (0, 0, 300, 300))
    exif = Image.Exif()
    exif[0x0112] = 6  # held so that its left is above
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif, quality=95)
    file.seek(0)
    square = Image.open(io.BytesIO(list(pictures.make_photo(file).values())[2])).convert("RGB")
    above, below = square.getpixel((320, 40)), square.getpixel((320, 600))
    assert above[0] > 200 > above[2]
    assert below[2] > 200 > below[0]


def test_what_is_clear_is_white_in_a_photo_and_clear_in_a_logo():
    photo = drawn((200, 200), "PNG", "RGBA", (0, 0, 0, 0))
    square = Image.open(io.BytesIO(next(iter(pictures.make_photo(photo).values())))).convert("RGB")
    assert min(square.getpixel((48, 48))) > 250
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    image.paste((10, 90, 120, 255), (100, 150, 300, 250))
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True)
    file.seek(0)
    [(name, content)] = pictures.make_logo(file).items()
    logo = Image.open(io.BytesIO(content))
    assert (logo.format, logo.mode) == ("PNG", "RGBA")
    # The empty edge is cut off, and the shape is in the name.
    assert logo.size == (192, 96) == pictures.shape_in(name)


# What is refused


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (io.BytesIO(b""), "empty"),
        (io.BytesIO(b"MZ\x90\0 a program"), "no picture"),
        (io.BytesIO(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"), "no picture"),
        (io.BytesIO(b"GIF89a<script>alert(1)</script>"), "no picture"),
        (drawn(kind="GIF"), "no picture"),
        (drawn(kind="TIFF"), "no picture"),
        (io.BytesIO(drawn((900, 900), quality=95).getvalue()[:900]), "damaged"),
        (io.BytesIO(drawn((900, 900), "PNG").getvalue()[:-200]), "damaged"),
        (io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"\0" * 300), "cannot be read|no picture"),
        (bomb(), "too many pixels"),
        (bomb(4_500, 4_500), "too many pixels"),
        (bomb(20_000, 100), "too many pixels"),
        (io.BytesIO(drawn().getvalue() + b"\xff\xda" * 30), "damaged"),
        (drawn((40, 400)), "too small"),
        (io.BytesIO(drawn().getvalue() + b"x" * pictures.MOST_BYTES), "too large"),
    ],
    ids=lambda value: None if isinstance(value, str) else f"{len(value.getvalue())}-bytes",
)
def test_what_is_no_photo_is_refused(file, reason):
    file.seek(0)
    with pytest.raises(InvalidPicture, match=reason):
        pictures.make_photo(file)


def test_a_picture_that_moves_is_refused():
    frames = [Image.new("RGB", (200, 200), colour) for colour in ("red", "blue")]
    for kind in ("PNG", "WEBP"):
        file = io.BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:])
        file.seek(0)
        with pytest.raises(InvalidPicture, match="moves"):
            pictures.make_photo(file)


@pytest.mark.parametrize("file", [drawn(), io.BytesIO(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), bomb()])
def test_a_logo_is_png_or_webp(file):
    file.seek(0)
    with pytest.raises(InvalidPicture):
        pictures.make_logo(file)


def test_a_logo_without_anything_to_be_seen_is_refused():
    with pytest.raises(InvalidPicture, match="nothing to be seen"):
        pictures.make_logo(drawn((100, 100), "PNG", "RGBA", (0, 0, 0, 0)))


# What is stored


@pytest.mark.django_db(transaction=True)
def test_a_photo_is_stored_by_its_content_and_the_one_before_goes():
    expert = make_expert()
    services.set_photo(expert_id=expert.pk, file=drawn())
    first = stored(expert)
    assert len(first) == 3
    expert.refresh_from_db()
    for url, side in ((expert.photo_small, 96), (expert.photo_medium, 192), (expert.photo_large, 640)):
        response = Client().get(url)
        assert response["Content-Type"] == "image/webp"
        assert Image.open(io.BytesIO(response.content)).size == (side, side)
    services.set_photo(expert_id=expert.pk, file=drawn())
    assert stored(expert) == first
    services.set_photo(expert_id=expert.pk, file=drawn(colour=(0, 0, 200)))
    assert len(stored(expert)) == 3
    assert not set(stored(expert)) & set(first)
    services.remove_photo(expert_id=expert.pk)
    assert stored(expert) == []
    expert.refresh_from_db()
    assert (expert.photo.name, expert.photo_small) == ("", "")


@pytest.mark.django_db(transaction=True)
def test_files_go_after_the_commit_and_never_without_one():
    expert = make_expert()
    services.set_photo(expert_id=expert.pk, file=drawn())
    files = stored(expert)

    class Undone(Exception):
        pass

    for change in (services.remove_photo, services.delete_expert):
        with pytest.raises(Undone), transaction.atomic():
            change(expert_id=expert.pk)
            raise Undone
        assert stored(expert) == files
    # What could not be written leaves no file behind.
    with pytest.raises(NotFound):
        services.set_photo(expert_id=987654321, file=drawn())
    assert stored(Expert(pk=987654321)) == []
    services.delete_expert(expert_id=expert.pk)
    assert stored(expert) == []
    assert not Expert.objects.filter(pk=expert.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_a_logo_is_stored_and_goes_with_its_organisation():
    organization = make_organization()
    services.set_logo(organization_id=organization.pk, file=drawn((300, 100), "PNG"))
    organization.refresh_from_db()
    assert organization.logo_size == (144, 48)
    assert opened(organization.logo.name).size == (288, 96)
    services.delete_organization(organization_id=organization.pk)
    assert not default_storage.exists(organization.logo.name)
    assert not Organization.objects.filter(pk=organization.pk).exists()


# How it is served


@pytest.mark.django_db(transaction=True)
def test_pictures_may_be_kept_for_ever_and_are_nothing_but_pictures():
    expert = make_expert()
    services.set_photo(expert_id=expert.pk, file=drawn())
    expert.refresh_from_db()
    response = Client().get(expert.photo_small)
    assert response.status_code == 200
    assert "immutable" in response["Cache-Control"]
    assert "max-age=31536000" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].count("default-src 'none'") == 1
    assert "sandbox" in response["Content-Security-Policy"]
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")
    assert Client().post(expert.photo_small).status_code == 405


@pytest.mark.parametrize(
    "name",
    [
        "experts/1/../../settings.py",
        "../bookingsite/settings.py",
        "experts/1/aaaa-96.webp",
        f"experts/1/{'a' * 32}-96.html",
        f"experts/1/{'a' * 32}-96.webp/",
        f"other/1/{'a' * 32}-96.webp",
        f"experts/1/{'a' * 32}-96.webp",
    ],
)
def test_no_other_file_is_served(name):
    assert Client().get(f"/media/{name}").status_code == 404
