"""The thumbnails to make, and the memory for making them."""

from pydantic import BaseModel, Field, field_validator

from raythumbs.model.photo import RenditionSpec
from raythumbs.settings.values import MIB, FromJson, Positive


class Pictures(BaseModel):
    """The thumbnails to make of every photo."""

    specs: FromJson[tuple[RenditionSpec, ...]] = Field(
        (RenditionSpec(),), description="Thumbnails to make, as a JSON list. By default one."
    )
    missing_rows: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="Share of a JPEG's rows that may be missing at its end. The thumbnail then shows the rows that are "
        "there; if more are missing, the photo is refused as `truncated`. `0` refuses every photo that lacks a row.",
    )
    native: bool = Field(
        True,  # noqa: FBT003 pydantic's signature
        description="Whether the decoders of raythumbs may decode JPEG and PNG, and may make phones' HEICs small "
        "tile by tile. They need about half the CPU time. Without them, Pillow and pillow-heif decode every photo.",
    )

    @field_validator("specs")
    @classmethod
    def _sensible(cls, specs: tuple[RenditionSpec, ...]) -> tuple[RenditionSpec, ...]:
        if not specs:
            raise ValueError("is empty: at least one thumbnail is to be made")
        for spec in specs:
            spec.check()
        if len({spec.name for spec in specs}) < len(specs):
            raise ValueError("two specs have the same name")
        return specs


class Memory(BaseModel):
    """The memory that workers may use for photos."""

    prefetch_bytes: Positive = Field(
        64 * MIB,
        description="Memory for photos that a worker fetches ahead, in bytes. A worker always fetches at least one "
        "photo.",
    )
    worker_decode_bytes: Positive = Field(
        512 * MIB,
        description="Memory for a picture in an ordinary worker, in bytes. A picture that announces that it needs "
        "more is rendered in a lane of its own: one at a time on each node, with memory that Ray sets "
        "apart for it.",
    )
    max_decode_bytes: Positive = Field(
        2048 * MIB,
        description="Memory for the largest picture, in bytes. A picture that needs more than this, or more than any "
        "node has, is refused as `too_large` before it is decoded.",
    )
