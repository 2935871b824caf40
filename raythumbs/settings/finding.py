"""How apps find their thumbnails: folders, redirects, streams, and uploads straight to the bucket."""

from pydantic import BaseModel, Field

from raythumbs.settings.values import Positive


class Finding(BaseModel):
    """Folders of events, redirects to thumbnails, streams of folders, and forms for uploads."""

    folder_depth: int | None = Field(
        None,
        ge=0,
        description="How many names of its key make the folder of a photo that an event reports: with `2`, the photo "
        "`users/7/2026/cat.jpg` is in the folder `users/7`. `0`: photos of events have no folder. By default all names "
        "before the last slash.",
    )
    redirect_seconds: int = Field(
        60,
        ge=0,
        description="How long browsers and CDNs may keep a redirect of `/thumbnails/by-source/`, in seconds. A "
        "redirect to a presigned link is kept for at most half of the link's life, and only by browsers.",
    )
    upload_form_seconds: Positive = Field(
        900,
        le=604_800,
        description="How long a browser may use a form for an upload straight to the bucket, in seconds; at most 7 "
        "days.",
    )
    max_streams: Positive = Field(
        1000, description="Number of streams (of folders and of the page) that one replica keeps open. Above it: 503."
    )
    max_streams_per_client: Positive = Field(
        20, description="Number of these streams that one client may keep open. Above it: 429."
    )
