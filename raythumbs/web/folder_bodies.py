"""The JSON of folders, of photos that were found, and of forms for uploads."""

from collections.abc import Callable
from typing import Self

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from raythumbs.model.folder import Folder
from raythumbs.model.found_photo import FoundPhoto
from raythumbs.model.job import State
from raythumbs.model.photo import Rendition
from raythumbs.web.bodies import Body, ErrorBody, FolderId, JobBody, Moment, PhotoBody


class FolderBody(Body):
    """How many photos of a folder there are, by what became of them."""

    folder_id: str
    total: int = Field(description="photos that are not deleted")
    waiting: int = Field(description="photos that are queued or running")
    succeeded: int
    failed: int
    cancelled: int
    done_at: Moment | None = Field(description="when the last photo was done; null while one waits")

    @classmethod
    def of(cls, folder: Folder) -> Self:
        """Describe a folder."""
        return cls.of_word(folder, folder_id=folder.id)


class FoundPhotoBody(PhotoBody):
    """A photo with its newest job."""

    state: State | None = Field(description="the state of its newest job, also after that was pruned")
    job: JobBody | None = Field(description="its newest job; null after that was pruned")

    @classmethod
    def found(cls, photo: FoundPhoto, link: Callable[[Rendition], str], base_url: str) -> Self:
        """Describe a photo and its job."""
        job = JobBody.of(photo.job, base_url) if photo.job else None
        return cls(**dict(PhotoBody.of(photo.photo, link)), state=photo.state, job=job)


class FoundPhotosBody(Body):
    """Photos, the newest first. `nextCursor` is the `cursor` of the next page, and null on the last page."""

    photos: list[FoundPhotoBody]
    next_cursor: str | None


class NoThumbnailBody(ErrorBody):
    """A refusal that says why there is no thumbnail: the state and code of the photo's newest job."""

    state: State | None
    job_code: str | None


class UploadFormRequest(Body):
    """What a browser is about to upload."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    content_type: str = Field("", max_length=100, description="the file's type, as the browser tells it")
    size_bytes: int | None = Field(None, ge=1)
    folder_id: FolderId | None = None


class UploadFormBody(Body):
    """A form to post: these fields, and after them the file. It goes to the bucket, or to this service."""

    method: str = "POST"
    url: str
    fields: dict[str, str]
    file_field: str = "file"
    source: str | None = Field(description="where the photo will be; null if the reply to the upload says it")
    max_bytes: int
    expires_at: Moment | None = Field(description="when the form can no longer be used; null for never")
