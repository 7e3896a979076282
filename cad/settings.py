"""Settings of the CAD producer."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, Field, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import SettingsConfigDict

from cad.outcomes import Delays, Regime
from cad.replay import Pace
from telemetry.settings import PortSettings
from transport.settings import KafkaSettings

SIMULATED: Final = "simulated"

DAY: Final = 86_400.0


class CadSettings(PortSettings):
    """Which city is played, how fast, how long, and which outcomes become known. Read from `SEVERITY_CAD__*`."""

    model_config = SettingsConfigDict(env_prefix="SEVERITY_CAD__", frozen=True, extra="forbid")

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    city: str = Field(
        SIMULATED,
        description="`simulated`, or a city whose published file `data` is replayed: `lapd`, `stlouis` or `toronto`.",
    )
    data: Path | None = Field(None, description="The city's published file.")
    seed: int = Field(1, description="Of the simulated city, and of the outcomes' delays.")
    run_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,32}$")] | None = Field(
        None, description="Stands before the simulated city's report numbers; by default the time of the start."
    )
    start: AwareDatetime | None = Field(
        None, description="When the simulated city begins; by default so that it ends now, or ten years back."
    )
    per_day: PositiveFloat = Field(600.0, description="Reports of a day in the simulated city.")
    drift_after: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Reports after which the simulated city drifts; by default never."
    )
    rate: PositiveFloat | None = Field(
        None, description="Reports a second. By default they keep their distances in time, at `speed`."
    )
    speed: PositiveFloat = Field(7200.0, description="Seconds of the city in one second of the clock.")
    outcome_delay_seconds: PositiveFloat | None = Field(
        None, description="Seconds of the clock to a median clearance; all delays in proportion. Default: by `speed`."
    )
    longest_wait: PositiveFloat | None = Field(
        None, description="Most seconds of the clock from a report to its correction or outcome; default: no limit."
    )
    reports: PositiveInt | None = Field(None, description="Stop filing after so many reports; default: no limit.")
    seconds: PositiveFloat | None = Field(None, description="Stop filing after so many seconds; default: no limit.")
    stay: bool = Field(True, description="When everything is sent, go on answering audit requests until told to stop.")
    outcomes: Regime = Field(Regime.SOLVED_AND_AUDITED, description="Which outcomes become known.")
    solved_days: PositiveFloat = Field(Delays.solved, description="Median days to a clearance.")
    classified_days: PositiveFloat = Field(Delays.classified, description="Median days to a final classification.")
    audited_days: PositiveFloat = Field(Delays.audited, description="Median days to a grader's answer.")
    progress_seconds: PositiveFloat | None = Field(None, description="Print the counts this often; default: never.")

    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        None, description="Port of /metrics; 0: a free one, printed at start; default: none."
    )

    @model_validator(mode="after")
    def _a_file_for_a_real_city(self) -> Self:
        if self.city == SIMULATED and self.data is not None:
            raise ValueError("the simulated city takes no data file: name the city whose file it is")
        if self.city != SIMULATED and self.data is None:
            raise ValueError(f"city {self.city} is replayed from its published file: set data to its path")
        return self

    @property
    def pace(self) -> Pace:
        """How the city's time becomes the clock's."""
        later = self.solved_days * DAY / self.outcome_delay_seconds if self.outcome_delay_seconds else self.speed
        return Pace(self.speed, later, self.rate, self.longest_wait)

    @property
    def delays(self) -> Delays:
        """How long outcomes take, in the city's time."""
        return Delays(self.solved_days, self.classified_days, self.audited_days, seed=self.seed)

    def begin(self, now: datetime) -> datetime:
        """When the simulated city begins, in whole seconds."""
        days = 3650.0
        if self.reports:
            days = self.reports / self.per_day
        elif self.seconds:
            days = self.seconds * (self.rate / self.per_day if self.rate else self.speed / DAY)
        return self.start or (now - timedelta(days=days)).replace(microsecond=0)

    def prefix(self, now: datetime) -> str:
        """What stands before the simulated city's report numbers."""
        return f"{self.run_id or now.strftime('%y%m%d%H%M%S')}-"
