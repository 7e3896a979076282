"""Real signed releases of a small model, and ways to spoil a copy of one."""

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import joblib

from schemas.crime_report import CrimeReport
from severity.artefact.keys import Signer, TrustedKeys, load_private, load_trusted, new_pair
from severity.artefact.manifest import MANIFEST, SIGNATURE, Draft, sha256
from severity.artefact.writing import Signed, write
from severity.conformal import PredictionSets
from severity.model import SeverityModel
from tests.severity.small_model import small_model

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DRAFT = Draft(
    name="severity",
    release=7,
    role="champion",
    created_at=NOW,
    expires_at=NOW + timedelta(days=30),
    window_from=NOW - timedelta(days=90),
    window_to=NOW,
    rows=200,
    information="report",
    levels="0" * 64,
    policy_version="policy-1",
    parent="1" * 64,
    marks={"reports/0": 200},
    tables={"reports": 3},
    training_set="2" * 64,
    by_basis={"solved": 150, "audited": 50},
    by_level={"2": 200},
    left_out={"drill": 1},
    judged_on="the newest fifth",
    metrics={"accuracy": 0.8, "macro_f1": 0.7},
    verdict="first release",
)


@dataclass(frozen=True)
class Maker:
    """A model, what else a release is made of, and the folder that releases are written to."""

    folder: Path
    model: SeverityModel
    sets: PredictionSets
    golden: list[CrimeReport]
    signer: Signer

    @property
    def base(self) -> Path:
        """The store."""
        return self.folder / "releases"

    @property
    def trusted_file(self) -> Path:
        """The folder of the public key."""
        return self.folder / "keys"

    @property
    def keys(self) -> TrustedKeys:
        """The public key."""
        return load_trusted(self.trusted_file)

    def release(self, base: Path | str | None = None, signer: Signer | None = None, **changes: Any) -> Signed:
        """Write one."""
        draft = DRAFT.model_copy(update=changes)
        return write(base or self.base, draft, self.model, self.sets, self.golden, signer or self.signer)

    def copy(self, signed: Signed, base: Path) -> Path:
        """A copy that a test may spoil."""
        return Path(shutil.copytree(self.base / signed.digest, base / signed.digest))

    def resign(self, folder: Path, change: Callable[[dict[str, Any]], None], signer: Signer | None = None) -> Path:
        """Change the manifest as one could who has the key; the folder's new place."""
        signer = signer or self.signer
        manifest = json.loads((folder / MANIFEST).read_bytes())
        manifest["key_id"] = signer.key_id
        change(manifest)
        body = json.dumps(manifest).encode()
        (folder / MANIFEST).write_bytes(body)
        signature = {"key_id": signer.key_id, "signature": base64.b64encode(signer.sign(body)).decode()}
        (folder / SIGNATURE).write_text(json.dumps(signature))
        return folder.rename(folder.parent / sha256(body))

    def replace(self, folder: Path, name: str, content: bytes, signer: Signer | None = None) -> Path:
        """Put another file into the release, under a signature over the changed manifest."""
        (folder / name).write_bytes(content)
        fact = {"size": len(content), "sha256": sha256(content)}
        return self.resign(folder, lambda manifest: manifest["files"].update({name: fact}), signer)


def maker(folder: Path) -> Maker:
    """With a key pair of its own."""
    model, sets, reports = small_model()
    private, _ = new_pair(folder / "keys")
    return Maker(folder, model, sets, reports[-16:], load_private(private))


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "ran")


def planted(path: Path) -> bytes:
    """A pickle that writes the file `path` when it is loaded."""
    content = BytesIO()
    joblib.dump(Payload(path), content)
    return content.getvalue()
