"""SMAC's and SMACv2's own numbers, read from `.npz` files, against ours."""
