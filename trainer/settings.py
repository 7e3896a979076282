"""The trainer's settings, read from `SEVERITY_TRAINER__*`; Kafka's own are in `SEVERITY_KAFKA__*`."""

from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from telemetry.settings import PortSettings
from transport.settings import KafkaSettings


class TrainerSettings(PortSettings):
    """How the trainer runs. A path that is not set means the built-in table."""

    model_config = SettingsConfigDict(env_prefix="SEVERITY_TRAINER__", frozen=True, extra="forbid")

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    topics: tuple[str, ...] = Field(
        (r"^([a-z0-9-]+\.)?(crime-reports|solved-cases)$", "priorities"),
        description="Topics to store, or regular expressions that begin with ^, as JSON: by default the plain names and"
        " those of each agency that shares the cluster.",
    )
    dataset: str | Path = Field(Path("dataset"), description="Folder or URL (s3://bucket/place) of the Delta tables.")
    artefacts: str | Path = Field(
        Path("releases"), description="Folder or URL (s3://bucket/prefix) that the releases are written to."
    )
    keep_releases: int = Field(
        30,
        ge=1,
        description="Newest releases that are kept, besides the champion, what it replaced and what it carries.",
    )
    signing_key: Path = Field(
        Path("keys/severity.private.pem"), description="Private key that signs releases; `severity keys new` makes one."
    )
    model_name: str = Field("severity", min_length=1, description="Name of the model whose releases are made.")
    levels: Path | None = Field(None, description="Folder of the tables offence to level.")

    first_outcomes: int = Field(400, ge=1, description="Outcomes that the first training waits for.")
    daily_at: time = Field(time(4), description="Time of day of the daily training, in `zone`.")
    zone: ZoneInfo = Field(ZoneInfo("UTC"), description="Time zone of the agency.")
    every_outcomes: int | None = Field(
        5_000, ge=1, description="New outcomes that are a reason to train before the day is over; unset: none are."
    )
    cool_down_minutes: float = Field(
        60,
        ge=0,
        description="Least time from one training to the next, where new outcomes, drift or a failure are the reason.",
    )
    training_minutes: float = Field(
        60, gt=0, description="After which a training that has not ended is taken for stuck, and killed."
    )
    window: int = Field(1_000_000, ge=1, description="Newest labelled reports that a training learns from.")
    half_life_days: float | None = Field(
        None, gt=0, description="Days in which a label's weight in a training halves; unset: all count alike."
    )
    training_threads: int = Field(
        1,
        ge=1,
        description="Threads of a training. Threads of several processes that share the cores slow all of them.",
    )
    expires_days: float = Field(30, gt=0, description="After which a release is reported as old; it goes on scoring.")

    audit_rate: float = Field(0.05, ge=0, le=1, description="Share of reports that are drawn for a person to grade.")
    audit_second_share: float = Field(
        0.1, ge=0, le=1, description="Share of the drawn that two people grade, to know how well graders agree."
    )
    audit_minutes: float = Field(
        12, gt=0, description="Minutes that grading one report takes; an assumption, to be replaced by your own figure."
    )
    audit_key_file: Path | None = Field(
        None,
        description="File with the secret of the draw and of what was erased; unset: made at the first start and kept"
        " in the dataset's folder. A dataset in an object store needs one.",
    )

    live_reports: int = Field(
        200_000, ge=1, description="Reports that the live scores remember to join their outcomes with; 300 bytes each."
    )
    live_window_labels: int = Field(2_000, ge=1, description="Labels in the live scores' window by count.")
    live_window_reports: int = Field(
        10_000, ge=1, description="Reports in the window by count of the estimates that stand for all reports."
    )
    live_window_days: float = Field(28.0, gt=0, description="Days in the live scores' window by time.")
    live_seconds: float = Field(
        15.0, gt=0, description="How often the live scores are reckoned anew; it takes up to some tenths of a second."
    )

    batch: int = Field(20_000, ge=1, description="Most records that are stored in one commit.")
    batch_seconds: float = Field(
        1.0, gt=0, description="After which what was read is stored; a commit a table takes ms."
    )
    metrics_port: int = Field(9465, ge=0, le=65535, description="Port of /metrics; 0: a free one, printed at start.")
