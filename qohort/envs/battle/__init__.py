"""The StarCraft Multi-Agent Challenge in JAX: SMAC's maps and SMACv2's scenarios, without the game."""
