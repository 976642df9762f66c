"""Limits and the live push while a sentinel makes another Valkey the primary."""

import asyncio
import contextlib

import pytest
import redis
from asgiref.sync import async_to_sync
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.core.cache.backends.redis import RedisCache

from bookings.access import rate_limits
from bookings.errors import TooMany
from experts.valkey import channel_host
from tests.cluster.sentinel import Sentinels

pytestmark = pytest.mark.processes


@pytest.fixture
def sentinels(tmp_path, settings):
    servers = Sentinels(tmp_path)
    settings.REDIS_URL, settings.RATE_LIMITS = servers.url, True
    rate_limits._script.cache_clear()
    yield servers
    rate_limits._script.cache_clear()
    servers.stop()


def test_limits_the_cache_and_messages_outlive_the_primary(sentinels, settings):
    def attempt():
        rate_limits.check_booking_limits(visitor="lena", address="203.0.113.1")

    cache = RedisCache(sentinels.url, settings.CACHES["default"])
    for _ in range(10):
        attempt()
    with pytest.raises(TooMany):
        attempt()
    cache.set("word", "kept")

    async def tell():
        layer = RedisPubSubChannelLayer(hosts=[channel_host(sentinels.url)], prefix="tests")
        try:
            channel = await layer.new_channel()
            await layer.group_add("expert.1", channel)
            await layer.group_send("expert.1", {"number": 0})
            assert await asyncio.wait_for(layer.receive(channel), 10) == {"number": 0}
            await asyncio.to_thread(sentinels.fail_over)
            heard = asyncio.create_task(layer.receive(channel))
            # What is said before it listens again is lost: pages compare themselves with the database.
            async with asyncio.timeout(30):
                while not heard.done():
                    with contextlib.suppress(redis.RedisError):
                        await layer.group_send("expert.1", {"number": 1})
                    await asyncio.wait({heard}, timeout=0.1)
            assert heard.result() == {"number": 1}
        finally:
            await layer.flush()

    async_to_sync(tell)()
    with pytest.raises(TooMany):
        attempt()
    assert cache.get("word") == "kept"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("redis://10.0.0.1:6379/0", "redis://10.0.0.1:6379/0"),
        (
            "redis+sentinel://:a%40b@10.0.0.1:26379,[::1]:26380/expertbook/2",
            {
                "sentinels": [("10.0.0.1", 26379), ("::1", 26380)],
                "master_name": "expertbook",
                "db": 2,
                "username": None,
                "password": "a@b",
                "sentinel_kwargs": {"socket_timeout": 1, "socket_connect_timeout": 1},
            },
        ),
    ],
)
def test_an_address_names_the_sentinels_and_the_primary(url, host):
    assert channel_host(url) == host


@pytest.mark.parametrize("url", ["redis+sentinel://10.0.0.1:26379", "redis+sentinel://10.0.0.1/expertbook"])
def test_an_address_without_a_name_or_a_port_is_none(url):
    with pytest.raises(ValueError):
        channel_host(url)
