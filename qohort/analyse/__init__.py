"""Questions to trained teams: whom the attention goes to, whether the greedy team action is the best, who gets credit."""
