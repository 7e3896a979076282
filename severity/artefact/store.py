"""Where releases lie: a folder, or an object store by its URL. Whatever lies there is believed only once it is proved.

A release's place is `<base>/<digest>`, its own address, so that nobody who announces one chooses what is read.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from severity.artefact.manifest import DIGEST, ArtefactRefused, Refusal

MOST_FILES: Final = 20
"""File names of one release that are looked at; a release has fewer."""

BUCKETS: Final = frozenset({"s3", "gs", "az"})
"""Schemes of the object stores; their credentials and endpoints come from the environment, as in their own tools."""


class Store(Protocol):
    """Releases under one base. Every method raises ArtefactRefused: `unreachable` when the store cannot be read."""

    url: str
    """The base, without a slash at its end."""

    def digests(self) -> list[str]:
        """Of the releases that are there whole, in no order."""

    def files(self, digest: str) -> set[str]:
        """Names in a release's folder, at most `MOST_FILES` of them."""

    def read(self, digest: str, name: str, limit: int) -> bytes:
        """All of a file. Refused as `too-large` before it is read when it has more than `limit` bytes."""

    def write(self, digest: str, contents: Mapping[str, bytes]) -> None:
        """Put a release there, visible to `digests` and `files` when it is whole; one that is there stays."""

    def remove(self, digest: str) -> None:
        """Take a release away; first of all it is no longer visible. One that is not there is no error."""

    def sweep(self, before: datetime) -> None:
        """Remove what writers that died before `before` left half done; nobody sees it."""


def open_store(base: str | Path) -> Store:
    """The store at a path, a `file://` URL, or the URL of a bucket such as `s3://bucket/prefix`."""
    from severity.artefact.folder_store import Folder

    if isinstance(base, Path):
        return Folder(base)
    url = urlsplit(base)
    if len(url.scheme) < 2:  # a path; one letter is a drive of Windows
        return Folder(Path(base))
    if url.query or url.fragment or "@" in url.netloc:
        raise ArtefactRefused(Refusal.LOCATION, f"{url.scheme} URL with more than a place: credentials and options come"
                              " from the environment")  # fmt: skip
    if url.scheme == "file" and url.netloc in ("", "localhost"):
        return Folder(Path(url2pathname(url.path)))
    if url.scheme in BUCKETS and url.netloc:
        from severity.artefact.bucket_store import bucket  # needs obstore

        return bucket(base)
    raise ArtefactRefused(
        Refusal.LOCATION, f"{base} is neither a folder, a file:// URL of this machine, nor one of {sorted(BUCKETS)}"
    )


def location(store: Store, digest: str) -> str:
    """URL of a release."""
    return f"{store.url}/{digest}"


def split(place: str | Path) -> tuple[Store, str]:
    """The store and the digest of a release at `<base>/<digest>`. Raises ArtefactRefused."""
    if isinstance(place, Path) or "://" not in place:
        path = Path(place)
        return open_store(path.parent), _digest(path.name, str(place))
    head, _, digest = place.rstrip("/").rpartition("/")
    return open_store(head), _digest(digest, place)


def require_own(store: Store, place: str, digest: str) -> None:
    """Refuse a release that is announced to lie elsewhere than in our own store: nothing else is ever read."""
    own = location(store, _digest(digest, digest))
    if place != own:
        raise ArtefactRefused(
            Refusal.LOCATION,
            f"announced at {place[:200]!r}, but this scorer reads {own} alone: set SEVERITY_SCORER__ARTEFACTS to the"
            " trainer's SEVERITY_TRAINER__ARTEFACTS if it is right",
        )


def _digest(text: str, place: str) -> str:
    if not DIGEST.fullmatch(text):
        raise ArtefactRefused(Refusal.LOCATION, f"{place[:200]!r} does not end with a release's digest")
    return text
