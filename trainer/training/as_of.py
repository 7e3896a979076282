"""The training set of an earlier release, made again from the dataset by what its signed manifest says."""

from dataclasses import dataclass

from severity.artefact.manifest import Manifest
from severity.levels import LevelTable
from trainer.dataset.dataset import Dataset
from trainer.training.training_set import training_set


@dataclass(frozen=True, slots=True)
class MadeAgain:
    """What a release was fitted to, beside what the dataset gives now.

    `erased`: reports erased from the dataset since then. `same_levels`: whether the level tables are those of then.
    """

    release: int
    rows_then: int
    rows: int
    digest_then: str | None
    digest: str
    erased: int
    same_levels: bool

    @property
    def same(self) -> bool:
        """Whether it is the same to the row."""
        return self.digest == self.digest_then

    @property
    def explained(self) -> bool:
        """Whether it is the same, or misses no more rows than were erased."""
        return self.same or (self.same_levels and 0 < self.rows_then - self.rows <= self.erased)

    def __str__(self) -> str:
        if self.digest_then is None:
            return f"release {self.release} tells no digest of its training set: {self.rows_then} rows, now {self.rows}"
        if self.same:
            return f"release {self.release}: the same {self.rows} rows, digest {self.digest}"
        if not self.same_levels:
            why = "the level tables are others than then"
        elif self.explained:
            why = f"{self.erased} reports were erased since"
        else:
            why = "the dataset does not hold what it held then"
        return (
            f"release {self.release}: {self.rows} of {self.rows_then} rows, digest {self.digest} instead of"
            f" {self.digest_then}: {why}"
        )


def made_again(dataset: Dataset, levels: LevelTable, manifest: Manifest) -> MadeAgain:
    """The training set at the release's own marks, cut as it was then: by time, so that an erased report lets no older
    one in."""
    found = training_set(dataset, levels, manifest.marks, window=manifest.rows, since=manifest.window_from)
    erased = dataset["erasures"].read("digest, erased_at")
    later = [at for at in erased["erased_at"].to_pylist() if at > manifest.created_at]
    return MadeAgain(
        release=manifest.release,
        rows_then=manifest.rows,
        rows=len(found),
        digest_then=manifest.training_set,
        digest=found.digest(),
        erased=len(later),
        same_levels=levels.digest == manifest.levels,
    )
