"""`severity demo`: the whole path, live in a terminal."""
