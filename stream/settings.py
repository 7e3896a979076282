"""The scorer's settings, read from `SEVERITY_SCORER__*`; Kafka's own are in `SEVERITY_KAFKA__*`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from stream.agencies import BETTER
from telemetry.settings import PortSettings
from transport.settings import KafkaSettings


class ScorerSettings(PortSettings):
    """How one scorer runs. A path not set means the built-in table, or for `high_water` that nothing is kept."""

    model_config = SettingsConfigDict(env_prefix="SEVERITY_SCORER__", frozen=True, extra="forbid")

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    topics: str = Field(
        r"^([a-z0-9-]+\.)?crime-reports$",
        description="The reports' topic, or a regular expression that begins with ^: by default the plain name and one "
        "for each agency that shares the cluster.",
    )
    group_id: str = Field("severity-scorer", min_length=1, description="Consumer group that shares the reports.")
    model_name: str = Field("severity", min_length=1, description="Name of the model whose champion is followed.")
    trusted_keys: Path = Field(
        Path("keys"), description="A public key, or a folder of them: releases signed by others are refused."
    )
    artefacts: str | Path = Field(
        Path("releases"),
        description="Folder or URL (s3://bucket/prefix) of the releases, as the trainer's: nothing is read elsewhere.",
    )
    high_water: Path | None = Field(
        None, description="File that keeps the highest release used, so that none below is taken after a restart."
    )
    least_release: int = Field(
        1,
        ge=1,
        description="No release below it is taken; besides, none below what this or another scorer has loaded.",
    )
    rules: Path | None = Field(None, description="Folder of the floors and of the fallback.")
    schemes: Path | None = Field(None, description="Folder of the agencies' dispatch schemes.")
    policy: Path | None = Field(None, description="File of the decision policy.")
    wording: Path | None = Field(None, description="Folder of the reasons' wording.")
    metrics_port: int = Field(9464, ge=0, le=65535, description="Port of /metrics; 0: a free one, printed at start.")
    model_wait_seconds: float = Field(
        15.0, ge=0, description="At start, how long to wait for the champion before the rules answer in its place."
    )
    load_timeout_seconds: float = Field(120.0, gt=0, description="Until the loading of a release is given up.")
    retry_seconds: float = Field(
        30.0,
        gt=0,
        description="Until a release that could not be fetched or loaded is tried again; twice as long each time, at "
        "most an hour.",
    )
    remembered_reports: int = Field(
        50_000,
        ge=1,
        description="Reports whose last decision is remembered, so that a lower or a repeated revision is dropped; "
        "as many priorities are read at start.",
    )
    agency_bad_ratio: float = Field(
        0.5, gt=BETTER, le=1, description="Share of bad records among an agency's last 100 that marks it."
    )
    agency_bad_in_a_row: int = Field(20, ge=1, description="Bad records one after the other that mark their agency.")
    drills_from: tuple[str, ...] = Field(
        (),
        description="Agencies whose drills (status Exercise or Test) are kept from responders, as JSON; the drills of"
        " others are published as real, for a person to look at.",
    )
    clock_ahead_seconds: float = Field(
        300.0, ge=0, description="A report whose time lies further after the broker's is for a person to look at."
    )
    slowest_report_ms: float = Field(
        5.0, gt=0, description="A release that takes longer for one report is refused as too slow."
    )
