"""Team networks: what agents see goes in, utilities come out."""
