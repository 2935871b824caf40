"""What photos cost: a table of machines that the user can edit."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from raythumbs.errors import BadSettings

PRICES = Path(__file__).parent / "prices.toml"
_SECONDS_AN_HOUR = 3600


class _Machine(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    slots: int = Field(gt=0)
    dollars_per_hour: float = Field(ge=0)


class _Prices(BaseModel):
    model_config = ConfigDict(extra="forbid")
    machine: list[_Machine] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of node: its slots, and dollars an hour."""

    name: str
    slots: int
    dollars_per_hour: float

    def dollars_per_million(self, *, seconds_per_photo: float, busy: float = 1.0) -> float:
        """Return what a million photos cost on such nodes, whose slots are busy for this part of the time. The head,
        the database and the bucket come on top."""
        photos_per_hour = self.slots * busy * _SECONDS_AN_HOUR / seconds_per_photo
        return 1e6 * self.dollars_per_hour / photos_per_hour


def machines(file: Path = PRICES) -> tuple[Machine, ...]:
    """Read the table, or raise BadSettings."""
    try:
        told = _Prices.model_validate(tomllib.loads(file.read_text()))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadSettings(f"{file} is no table of prices as {PRICES} is one: {error}") from error
    return tuple(Machine(**one.model_dump()) for one in told.machine)
