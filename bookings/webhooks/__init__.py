"""Tell organisations' programs what happened, by signed requests to the addresses that they gave (docs/webhooks.md).

endpoints     what staff do: add, change, pause, resume, test, send again
events        what happened, queued in the transaction in which it happens
payloads      what is said
worker        makes an attempt that is due
attempts      decides what comes of one: delivered, tried again, given up, paused
signing, http_client   how it is signed and sent
"""
