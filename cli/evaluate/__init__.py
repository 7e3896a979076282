"""`severity evaluate`: how good the model is on a city's published file."""
