"""Coordinates of a United States state plane zone as degrees: the inverse transverse Mercator projection."""

import math
from math import cos, pi, sin, sqrt, tan
from typing import Final, NamedTuple

FOOT: Final = 1200 / 3937
"""Metres of a US survey foot."""

AXIS: Final = 6_378_137.0
FLATTENING: Final = 1 / 298.257222101
"""The GRS 80 ellipsoid, on which NAD 83 stands: half its long axis in metres, and its flattening."""


class Zone(NamedTuple):
    """A zone: its origin in degrees, the scale on its meridian, and the easting there in metres."""

    latitude: float
    longitude: float
    scale: float
    easting: float


MISSOURI_EAST: Final = Zone(35 + 50 / 60, -90.5, 1 - 1 / 15_000, 250_000.0)
"""SPCS 83, zone 2401 (Stem 1989, State Plane Coordinate System of 1983, NOAA Manual NOS NGS 5, appendix A)."""


def degrees(zone: Zone, east: float, north: float) -> tuple[float, float]:
    """Latitude and longitude of a point given in US survey feet.

    Snyder (1987, Map Projections: A Working Manual, USGS Professional Paper 1395), equations 8-12, 8-17 to 8-19 and
    3-26, to the fourth power of the distance: exact to a millimetre within a zone.
    """
    e2 = FLATTENING * (2 - FLATTENING)
    phi0 = zone.latitude * pi / 180
    mu = (_arc(phi0, e2) + north * FOOT / zone.scale) / (AXIS * (1 - e2 / 4 - 3 * e2**2 / 64 - 5 * e2**3 / 256))
    e1 = (1 - sqrt(1 - e2)) / (1 + sqrt(1 - e2))
    phi1 = (
        mu
        + (3 * e1 / 2 - 27 * e1**3 / 32) * sin(2 * mu)
        + (21 * e1**2 / 16 - 55 * e1**4 / 32) * sin(4 * mu)
        + 151 * e1**3 / 96 * sin(6 * mu)
    )
    second = e2 / (1 - e2)
    c, t = second * cos(phi1) ** 2, tan(phi1) ** 2
    bend = 1 - e2 * sin(phi1) ** 2
    across, along = AXIS / sqrt(bend), AXIS * (1 - e2) / bend**1.5
    d = (east * FOOT - zone.easting) / (across * zone.scale)
    latitude = phi1 - across * tan(phi1) / along * (d**2 / 2 - (5 + 3 * t + 10 * c - 4 * c**2 - 9 * second) * d**4 / 24)
    longitude = (d - (1 + 2 * t + c) * d**3 / 6) / cos(phi1)
    return math.degrees(latitude), zone.longitude + math.degrees(longitude)


def _arc(phi: float, e2: float) -> float:
    """Metres along the meridian from the equator to latitude `phi`, radians; Snyder 3-21."""
    return AXIS * (
        (1 - e2 / 4 - 3 * e2**2 / 64 - 5 * e2**3 / 256) * phi
        - (3 * e2 / 8 + 3 * e2**2 / 32 + 45 * e2**3 / 1024) * sin(2 * phi)
        + (15 * e2**2 / 256 + 45 * e2**3 / 1024) * sin(4 * phi)
        - 35 * e2**3 / 3072 * sin(6 * phi)
    )
