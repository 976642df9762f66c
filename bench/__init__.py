"""Measurements: `make bench` and `make profile` (bench/README.md)."""
