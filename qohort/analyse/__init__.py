"""Questions to trained teams: whom attention goes to, whether the greedy team action is best, who gets credit."""
