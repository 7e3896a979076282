"""`severity model`: the releases, and what a person decides about them."""
