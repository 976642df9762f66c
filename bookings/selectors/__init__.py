"""Reads that pages share. None of them writes."""
