"""Published implementations' own numbers, read from `.npz` files, against ours."""
