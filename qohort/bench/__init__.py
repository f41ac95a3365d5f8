"""Measurements of speed that anybody can repeat."""
