"""Slow, plain NumPy versions of what the library computes, in double precision, straight from the equations."""
