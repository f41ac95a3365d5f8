"""Laboratories: what a mixer can say and what it finds; Qatten's theorem in numbers."""
