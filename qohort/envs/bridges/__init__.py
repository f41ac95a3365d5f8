"""Other people's interfaces to worlds."""
