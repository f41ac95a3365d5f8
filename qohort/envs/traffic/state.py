"""What changes at a traffic junction."""

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int


class TrafficState(eqx.Module):
    """Where everyone is."""

    route: Int[Array, "*rows N"]
    """Its number, or -1 for a car that is not on the road."""
    place: Int[Array, "*rows N"]
    """Which cell of the route."""
    waited: Int[Array, "*rows N"]
    """Steps on the road."""
    braked: Bool[Array, "*rows N"]
    """Whether the last action was the brake."""
    time: Int[Array, "*rows"]
    collisions: Int[Array, "*rows"]
    """How often a car was in a collision, so far."""
    arrived: Int[Array, "*rows"]
    """How many cars reached the end of their route, so far."""
    pace: Float[Array, "*rows"]
    """Where the episode's arrival rate is between the least and the greatest, from 0 to 1."""
