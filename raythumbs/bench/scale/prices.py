"""What photos cost: a table of machines that the user can edit."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from raythumbs.bench.plans import PRICES
from raythumbs.errors import BadSettings

_SECONDS_AN_HOUR = 3600


class Machine(BaseModel):
    """A kind of node: its slots, and dollars an hour."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    slots: int = Field(gt=0)
    dollars_per_hour: float = Field(ge=0)

    def dollars_per_million(self, *, seconds_per_photo: float) -> float:
        """Return what a million photos cost on such nodes, if they are always busy. The head, the database and the
        bucket come on top."""
        photos_per_hour = self.slots * _SECONDS_AN_HOUR / seconds_per_photo
        return 1e6 * self.dollars_per_hour / photos_per_hour


class _Prices(BaseModel):
    model_config = ConfigDict(extra="forbid")
    machine: tuple[Machine, ...] = Field(min_length=1)


def machines(file: Path = PRICES) -> tuple[Machine, ...]:
    """Read the table, or raise BadSettings."""
    try:
        return _Prices.model_validate(tomllib.loads(file.read_text())).machine
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadSettings(f"{file} is no table of prices as {PRICES} is one: {error}") from error
