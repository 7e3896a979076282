"""Offline evaluation on a city's published file: the newest tenth, and day by day, beside honest baselines."""
