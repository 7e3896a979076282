"""Producers: a simulated city and replays of cities' open data."""
