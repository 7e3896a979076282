"""Erasing a report: its rows go, and a tombstone stays, so that no replay from Kafka brings it back.

A tombstone is an HMAC-SHA256 of the report's name under the trainer's secret: without the secret nobody can tell whose
it is, nor try names.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Final

from trainer.dataset.dataset import Dataset
from trainer.dataset.rows import ERASURES, columns

PURPOSE: Final = b"severity/erased/"
"""Put before the name, so that a tombstone tells nothing of the audit draw under the same secret."""


class OtherSecret(ValueError):
    """Reports were erased under another secret than the present one: they could not be told any more."""


class Tombstones:
    """What was erased from `dataset`. Raises `OtherSecret` when that was under another secret than `key`."""

    def __init__(self, dataset: Dataset, key: bytes) -> None:
        self._dataset = dataset
        self._key = key
        self._version = -1
        self._digests: frozenset[str] = frozenset()
        self.refresh()

    def __len__(self) -> int:
        return len(self._digests)

    def refresh(self) -> bool:
        """Look for new ones; whether there are any."""
        version = self._dataset["erasures"].version()
        if version == self._version:
            return False
        found = self._dataset["erasures"].read("key, digest")
        if set(found["key"].to_pylist()) - {_name(self._key)}:
            raise OtherSecret(
                "reports were erased from the dataset under another secret than the present one: set"
                " SEVERITY_TRAINER__AUDIT_KEY_FILE to that one, or put the dataset's audit.key back"
            )
        before, self._version, self._digests = self._digests, version, frozenset(found["digest"].to_pylist())
        return self._digests != before

    def hold(self, agency_id: str, report_id: str) -> bool:
        """Whether a report was erased."""
        return bool(self._digests) and _tombstone(self._key, agency_id, report_id) in self._digests

    def add(self, agency_id: str, report_id: str, now: datetime) -> None:
        """Nothing of this report is taken from `now` on."""
        if not self.hold(agency_id, report_id):
            row = (now, _name(self._key), _tombstone(self._key, agency_id, report_id))
            self._dataset["erasures"].add(columns([row], ERASURES))
            self.refresh()


def erase(dataset: Dataset, key: bytes, agency_id: str, report_id: str, now: datetime) -> dict[str, int]:
    """Erase a report from the tables, also while a trainer runs; rows that were deleted by table.

    The tombstone comes first: what a trainer takes after it is left out, and what it is taking just now it erases.
    """
    Tombstones(dataset, key).add(agency_id, report_id, now)
    return dataset.erase(agency_id, report_id)


def _tombstone(key: bytes, agency_id: str, report_id: str) -> str:
    return hmac.digest(key, PURPOSE + f"{agency_id}/{report_id}".encode(), "sha256").hex()


def _name(key: bytes) -> str:
    """Tells one secret from another, and nothing of it that helps to guess a long one."""
    return hashlib.sha256(b"severity/secret/" + key).hexdigest()[:16]
