"""Copies of everything: backups, and what was made of them (docs/decisions/0057-backups.md)."""
