"""What the `severity model` commands look at: the store, the topics, and the keys that are trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.model_status import ModelStatus
from schemas.model_version import ModelVersion
from severity.artefact.keys import TrustedKeys, load_trusted
from severity.artefact.proof import Proved
from severity.artefact.store import Store, open_store
from stream.settings import ScorerSettings
from trainer.releasing.publish import announced
from trainer.releasing.releases import champion, releases, trusted
from trainer.releasing.statuses import statuses
from trainer.settings import TrainerSettings
from transport.errors import TransportError


@dataclass(frozen=True, slots=True)
class Desk:
    """`known`: the properly signed releases in the store, newest first. `away`: why the topics could not be read."""

    settings: TrainerSettings
    store: Store
    keys: TrustedKeys
    known: Sequence[Proved]
    versions: Sequence[ModelVersion] = ()
    answers: Mapping[str, ModelStatus] = field(default_factory=dict)
    away: str | None = None

    @property
    def champion(self) -> ModelVersion | None:
        """The release that scores."""
        return champion(self.versions, self.known)

    def loaded_by(self, digest: str) -> list[str]:
        """Scorers whose last answer was that they loaded it."""
        return sorted(
            name for name, answer in self.answers.items() if answer.digest == digest and answer.result == "loaded"
        )

    def refused_by(self, digest: str) -> list[ModelStatus]:
        """Answers of scorers that refused it last."""
        return [one for one in self.answers.values() if one.digest == digest and one.result == "refused"]


def trusted_keys(settings: TrainerSettings, given: Path | None) -> TrustedKeys:
    """The public keys in `given`; else the trainer's own, where its private key is; else those a scorer trusts."""
    if given is not None:
        return load_trusted(given)
    return trusted(settings.signing_key) if settings.signing_key.exists() else load_trusted(scorers().trusted_keys)


def scorers() -> ScorerSettings:
    """As a scorer here would run."""
    return ScorerSettings()


def desk(keys: Path | None = None, *, offline: bool = False) -> Desk:
    """Look at the store and, unless `offline`, at the topics; a broker that is away is told and no error."""
    settings = TrainerSettings()
    store, trust = open_store(settings.artefacts), trusted_keys(settings, keys)
    known = releases(store, trust, settings.model_name)
    if offline:
        return Desk(settings, store, trust, known)
    try:
        versions = announced(settings.kafka, settings.model_name)
        answers = statuses(settings.kafka, settings.model_name)
    except TransportError as error:
        return Desk(settings, store, trust, known, away=str(error))
    return Desk(settings, store, trust, known, versions, answers)
