"""Other libraries: their weights in, our results out."""
