"""Which game the battles are."""

VERSION = "battle-v3"
"""Changes with the mechanics or a default number, and with nothing else; every run of a battle records it."""
