"""What pages are told live leaves once, however often it is said while it waits."""

import asyncio
import threading

import pytest
from channels.layers import get_channel_layer

from experts import publisher


@pytest.fixture
def held():
    """Keep the publisher from sending until `set()`."""
    go_on, is_held = threading.Event(), threading.Event()
    publisher._publisher()._loop.call_soon_threadsafe(lambda: (is_held.set(), go_on.wait(30)))
    assert is_held.wait(30)
    yield go_on
    go_on.set()


async def heard(layer, channel) -> list[dict]:
    """Everything up to the message "last"."""
    messages = []
    while not messages or messages[-1]["type"] != "last":
        messages += publisher.messages_in(await asyncio.wait_for(layer.receive(channel), 10))
    return messages[:-1]


def test_what_is_said_again_while_it_waits_is_said_once(held):
    async def run():
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(publisher.GROUP, channel)
        try:
            for day in ("2026-11-24", "2026-11-24", "2026-11-25", "2026-11-24"):
                publisher._publisher().send({"type": "slot.changed", "expert": 7, "day": day})
            publisher._publisher().send({"type": "slot.changed", "expert": 8, "day": "2026-11-24"})
            publisher._publisher().send({"type": "last"})
            held.set()
            told = [(message["expert"], message["day"]) for message in await heard(layer, channel)]
            assert told == [(7, "2026-11-24"), (7, "2026-11-25"), (8, "2026-11-24")]
        finally:
            await layer.group_discard(publisher.GROUP, channel)

    asyncio.run(run())


def test_what_is_said_again_after_it_has_left_leaves_again():
    async def run():
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(publisher.GROUP, channel)
        try:
            for _ in range(3):
                publisher._publisher().send({"type": "slot.changed", "expert": 7, "day": "2026-11-24"})
                assert (await asyncio.wait_for(layer.receive(channel), 10))["day"] == "2026-11-24"
        finally:
            await layer.group_discard(publisher.GROUP, channel)

    asyncio.run(run())


def test_what_waits_together_leaves_as_few_messages(held):
    async def run():
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(publisher.GROUP, channel)
        try:
            for expert in range(publisher.MOST_AT_ONCE + 1):
                publisher._publisher().send({"type": "slot.changed", "expert": expert, "day": "2026-11-24"})
            held.set()
            first, second = [await asyncio.wait_for(layer.receive(channel), 10) for _ in range(2)]
            assert len(publisher.messages_in(first)) == publisher.MOST_AT_ONCE
            assert second == {"type": "slot.changed", "expert": publisher.MOST_AT_ONCE, "day": "2026-11-24"}
        finally:
            await layer.group_discard(publisher.GROUP, channel)

    asyncio.run(run())
