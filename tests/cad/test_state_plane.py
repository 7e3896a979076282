"""State plane coordinates as degrees, held against what the projection is defined by."""

from math import asin, cos, degrees, hypot, radians, sin, sqrt

import pytest

from cad import state_plane
from cad.state_plane import FOOT, MISSOURI_EAST

EAST = MISSOURI_EAST.easting / FOOT
NORTH = 1_013_566.0
SPHERE = 6_371_008.8
"""Mean radius of the earth in metres: good to half a per cent for short distances."""


def test_the_origin_of_the_zone_is_where_it_is_defined() -> None:
    assert state_plane.degrees(MISSOURI_EAST, EAST, 0.0) == pytest.approx((35 + 50 / 60, -90.5), abs=1e-9)


def test_a_degree_of_latitude_is_as_long_as_on_the_ellipsoid() -> None:
    # 111,011 m from 38 to 39 degrees north on GRS 80; the zone's scale shortens it by a fifteen-thousandth.
    south, north = (state_plane.degrees(MISSOURI_EAST, EAST, feet)[0] for feet in (NORTH, NORTH + 100_000 / FOOT))
    assert 100_000 / (north - south) == pytest.approx(111_011 * MISSOURI_EAST.scale, rel=2e-4)


def test_both_sides_of_the_meridian_are_mirrored() -> None:
    (lat_e, lon_e), (lat_w, lon_w) = (state_plane.degrees(MISSOURI_EAST, EAST + d, NORTH) for d in (90_000, -90_000))
    assert lat_e == pytest.approx(lat_w, abs=1e-12)
    assert lon_e + 90.5 == pytest.approx(-(lon_w + 90.5), abs=1e-12)


@pytest.mark.parametrize("step", [(3000.0, 0.0), (0.0, 3000.0), (2000.0, -2500.0)])
def test_short_distances_are_kept(step: tuple[float, float]) -> None:
    east, north = 904_294.5, NORTH
    here = state_plane.degrees(MISSOURI_EAST, east, north)
    there = state_plane.degrees(MISSOURI_EAST, east + step[0], north + step[1])
    (a, b), (c, d) = (tuple(map(radians, place)) for place in (here, there))
    along = 2 * SPHERE * asin(sqrt(sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2))
    assert along == pytest.approx(hypot(*step) * FOOT, rel=6e-3)
    assert degrees(d - b) * step[0] >= 0
