"""Bookings as calendar entries and feeds (RFC 5545)."""
