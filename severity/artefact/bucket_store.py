"""Releases in an object store: S3, what speaks its protocol, or another cloud's. The manifest is written last.

Credentials, region and endpoint come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …), and go into no
message of ours.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from severity.artefact.manifest import DIGEST, MANIFEST, ArtefactRefused, Refusal
from severity.artefact.store import MOST_FILES

CHUNK: Final = 1 << 20
"""Bytes that are taken at a time."""

PAGE: Final = 1000
"""Names that a store lists at a time."""


def bucket(url: str) -> "Bucket":
    """The store at a URL such as `s3://bucket/prefix`; nothing is asked of it yet."""
    url = url.rstrip("/")
    try:
        # The follower tries again by itself: better soon a clear word than minutes of silence. The client's own options
        # are left to the environment: given here, they would replace it.
        store = from_url(url, retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)})
    except (BaseError, ValueError) as error:
        raise ArtefactRefused(Refusal.LOCATION, f"{url}: {_first_line(error)}") from None
    return Bucket(store, url)


class Bucket:
    """A `severity.artefact.store.Store`."""

    def __init__(self, store: ObjectStore, url: str) -> None:
        self._store = store
        self.url = url

    def digests(self) -> list[str]:
        """See Store."""
        with self._told("listing"):
            pages = self._store.list(chunk_size=PAGE)
            paths = [thing["path"].split("/") for page in pages for thing in page]
        return [path[0] for path in paths if path[1:] == [MANIFEST] and DIGEST.fullmatch(path[0])]

    def files(self, digest: str) -> set[str]:
        """See Store."""
        with self._told(f"listing {digest}"):
            pages = self._store.list(prefix=digest, chunk_size=MOST_FILES)
            things = islice((thing for page in pages for thing in page), MOST_FILES)
            found = {thing["path"].partition("/")[2] for thing in things}
        if not found:
            raise ArtefactRefused(Refusal.UNREACHABLE, f"{self.url}/{digest} is not there")
        return found

    def read(self, digest: str, name: str, limit: int) -> bytes:
        """See Store. What comes is counted, too, whatever length was claimed."""
        with self._told(f"reading {digest}/{name}"):
            found = self._store.get(f"{digest}/{name}")
            size = found.meta["size"]
            content = bytearray()
            if size <= limit:
                for part in found.stream(min_chunk_size=CHUNK):
                    content += part
                    if len(content) > limit:
                        break
        if max(size, len(content)) > limit:
            raise ArtefactRefused(Refusal.TOO_LARGE, f"{self.url}/{digest}/{name} has more than {limit} bytes")
        return bytes(content)

    def write(self, digest: str, contents: Mapping[str, bytes]) -> None:
        """See Store."""
        with self._told(f"writing {digest}"):
            for name in sorted(contents, key=lambda name: name == MANIFEST):
                self._store.put(f"{digest}/{name}", contents[name])

    def remove(self, digest: str) -> None:
        """See Store."""
        with self._told(f"deleting {digest}"):
            pages = self._store.list(prefix=digest, chunk_size=PAGE)
            paths = [thing["path"] for page in pages for thing in page]
            for path in sorted(paths, key=lambda path: path != f"{digest}/{MANIFEST}"):
                self._store.delete(path)

    def sweep(self, before: datetime) -> None:
        """See Store."""
        whole = {*self.digests()}
        with self._told("sweeping"):
            things = [thing for page in self._store.list(chunk_size=PAGE) for thing in page]
            for thing in things:
                digest = thing["path"].partition("/")[0]
                if DIGEST.fullmatch(digest) and digest not in whole and thing["last_modified"] < before:
                    self._store.delete(thing["path"])

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise ArtefactRefused(Refusal.UNREACHABLE, f"{self.url}, {what}: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    """What obstore says first; what follows repeats requests at length."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]
