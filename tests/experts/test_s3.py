"""Pictures in a bucket: as in a folder, signed as AWS says, and closed to whoever has another secret."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from bookingsite.copies.backup import stored_pictures
from experts import services
from experts.s3 import S3Storage, signed_headers
from tests.bucket import Bucket
from tests.cast import make_expert

# The examples of AWS's own documentation ("Signature Calculations for the Authorization Header", S3 API reference).
EXAMPLE = {
    "key": "AKIAIOSFODNN7EXAMPLE",
    "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "region": "us-east-1",
    "now": datetime(2013, 5, 24, tzinfo=UTC),
}
HOST = {"host": "examplebucket.s3.amazonaws.com"}
SIGNED = [
    (
        "GET",
        "/test.txt",
        "",
        {"range": "bytes=0-9"},
        b"",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    (
        "PUT",
        "/test%24file.text",
        "",
        {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        b"Welcome to Amazon S3.",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    ("GET", "/", "lifecycle=", {}, b"", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    ("GET", "/", "max-keys=2&prefix=J", {}, b"", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
]


@pytest.mark.parametrize(("method", "path", "query", "more", "body", "signature"), SIGNED)
def test_requests_are_signed_as_aws_documents(method, path, query, more, body, signature):
    headers = signed_headers(method, path, query, HOST | more, body, **EXAMPLE)
    assert headers["authorization"].endswith(f"Signature={signature}")


@pytest.fixture
def bucket(settings):
    bucket = Bucket()
    settings.MEDIA_S3_URL = bucket.url("/of the site".replace(" ", "-"))
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "experts.s3.S3Storage"}}
    yield bucket
    bucket.stop()


def photo(colour=(20, 90, 160)) -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", (300, 300), colour).save(file, "JPEG")
    file.seek(0)
    return file


def test_what_is_stored_is_read_listed_and_deleted(bucket):
    storage = S3Storage()
    names = [f"experts/{number}/a-{size}.webp" for number in (1, 2, 3) for size in (96, 192, 640)]
    for name in names:
        assert storage.save(name, ContentFile(name.encode())) == name
    assert bucket.files.keys() == {f"of-the-site/{name}" for name in names}
    assert storage.open(names[4]).read() == names[4].encode()
    assert storage.size(names[0]) == len(names[0])
    assert storage.exists(names[0])
    assert timezone.now() - storage.get_modified_time(names[0]) < timedelta(minutes=1)
    assert storage.listdir("experts") == (["1", "2", "3"], [])
    assert sorted(storage.listdir("experts/2")[1]) == sorted(name.split("/")[2] for name in names[3:6])
    assert storage.listdir("logos") == ([], [])
    storage.delete(names[0])
    storage.delete(names[0])  # it is gone, as was wanted
    assert not storage.exists(names[0])
    with pytest.raises(FileNotFoundError):
        storage.open(names[0])
    assert bucket.refused == []


@pytest.mark.django_db(transaction=True)
def test_a_photo_in_a_bucket_is_shown_backed_up_and_replaced(bucket):
    expert = make_expert()
    services.set_photo(expert_id=expert.pk, file=photo())
    expert.refresh_from_db()
    assert len(bucket.files) == 3
    answer = Client().get(expert.photo_medium)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert expert.photo_medium.startswith("/media/experts/"), "browsers need no way to the bucket"
    assert sorted(stored_pictures()) == sorted(name.removeprefix("of-the-site/") for name in bucket.files)
    before = set(bucket.files)
    services.set_photo(expert_id=expert.pk, file=photo((200, 10, 10)))
    assert len(bucket.files) == 3
    assert not before & set(bucket.files)
    assert Client().get(expert.photo_medium).status_code == 404


def test_another_secret_or_a_bucket_that_is_away_is_an_error_and_no_missing_file(bucket, settings):
    settings.MEDIA_S3_URL = bucket.url(secret="another")
    with pytest.raises(OSError, match="The bucket says 403 to HEAD"):
        S3Storage().exists("experts/1/a-96.webp")
    assert len(bucket.refused) == 1
    bucket.is_away = True
    with pytest.raises(OSError, match="503"):
        S3Storage().exists("experts/1/a-96.webp")
    settings.MEDIA_S3_URL = "http://a:b@127.0.0.1:1/pictures"
    with pytest.raises(OSError, match="does not answer"):
        S3Storage().save("experts/1/a-96.webp", ContentFile(b"x"))
