"""How much of the queue backfills may fill."""

from pydantic import BaseModel, Field

from raythumbs.settings.values import Positive


class BackfillSettings(BaseModel):
    """The bound of backfills."""

    backfill_max_waiting: Positive = Field(
        10_000,
        description="Number of photos that may wait at LOW priority before backfills enqueue no more; they go on when "
        "fewer wait. Enough to keep all slots busy, and little enough that the backlog stays short.",
    )
