"""Webhooks: what they say (content), how they are signed (signing), where they may go (address), and sent (sending).

What is written about them is in bookings/webhooks/events.py.
"""
