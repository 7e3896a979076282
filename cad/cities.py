"""The cities whose published files can be replayed. A new one is a module like `cad.lapd` and a line here."""

from cad.city import City
from cad.lapd import lapd
from cad.stlouis import stlouis
from cad.toronto import toronto


def cities() -> dict[str, City]:
    """City by name."""
    return {city.name: city for city in (lapd(), stlouis(), toronto())}
