"""The job of one delivery: reads it, sends it from a thread, writes down what came of it."""

import asyncio
import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.utils import timezone

from bookings.models import WebhookDelivery, WebhookEndpoint
from bookings.webhooks import http_client, signing
from bookings.webhooks.attempts import begin_attempt, end_attempt, put_off
from experts import request_ids

MOST_AT_ONCE = 20  # as many as the worker's --concurrency
MOST_TO_ONE = 4  # of these to one endpoint: one that hangs must leave room for the others
PUT_OFF_SECONDS = (20, 60)
_threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="webhook")
_under_way: Counter[int] = Counter()  # by endpoint, in this process; touched by its event loop only


async def deliver(delivery_id: int, due: str) -> None:
    """Make the attempt that is due at that time. While a receiver is waited for, no transaction and no lock is open."""
    delivery = await sync_to_async(begin_attempt)(delivery_id=delivery_id, due=due)
    if delivery is None:
        return
    endpoint_id = delivery.endpoint_id
    if _under_way[endpoint_id] >= MOST_TO_ONE:
        await sync_to_async(put_off)(delivery=delivery, seconds=random.uniform(*PUT_OFF_SECONDS))
        return
    _under_way[endpoint_id] += 1
    try:
        outcome = await asyncio.get_running_loop().run_in_executor(_threads, _send, delivery, request_ids.current.get())
    finally:
        _under_way[endpoint_id] -= 1
        if not _under_way[endpoint_id]:
            del _under_way[endpoint_id]
    await sync_to_async(end_attempt)(delivery=delivery, outcome=outcome)


def _send(delivery: WebhookDelivery, name: str) -> http_client.Outcome:
    """Without the database: connections belong to threads."""
    endpoint = delivery.endpoint
    body = json.dumps(delivery.payload, separators=(",", ":")).encode()
    headers = signing.headers(_secrets(endpoint), delivery.event_id, int(time.time()), body)
    if name:
        headers["X-Request-ID"] = name
    return http_client.post(endpoint.url, body, headers)


def _secrets(endpoint: WebhookEndpoint) -> list[str]:
    is_old_in_use = endpoint.old_secret_until is not None and endpoint.old_secret_until > timezone.now()
    return [endpoint.secret, endpoint.old_secret] if is_old_in_use else [endpoint.secret]
