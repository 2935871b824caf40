"""The manual: Markdown pages that are installed with the program."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from raythumbs.errors import RaythumbsError

FOLDER = Path(__file__).parent


class UnknownPage(RaythumbsError):
    """The manual has no page of that name."""

    code = "unknown_page"
    http_status = 404


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its name, which is its file's name without `.md`, and one line that says what it is about."""

    name: str
    summary: str

    @property
    def file(self) -> Path:
        """The page's file."""
        return FOLDER / f"{self.name}.md"


USE = (
    Page("start", "Install, run the demo, make a first thumbnail"),
    Page("integrate", "Add thumbnails to your app"),
    Page("api", "Every route, with its request and its reply"),
    Page("errors", "Every error code, and what to do about it"),
    Page("notifications", "Let buckets report new photos"),
    Page("notifications-sqs", "Read a bucket's events out of a queue of Amazon SQS"),
    Page("backfill", "Make thumbnails of photos that are there already; new specs; tables"),
    Page("webhooks", "Hear from the service when a photo or a folder is done"),
    Page("sizes-and-formats", "Which thumbnails are made, and from which pictures"),
    Page("settings", "Every setting, with its default"),
    Page("command-line", "Every command, with its options"),
)
SENDERS = (
    Page("notifications-minio", "Events of MinIO, Ceph and servers like them"),
    Page("notifications-sns", "Events of Amazon S3 by SNS"),
    Page("notifications-eventbridge", "Events of Amazon S3 by EventBridge"),
    Page("notifications-b2", "Events of Backblaze B2"),
    Page("notifications-gcs", "Events of Google Cloud Storage by Pub/Sub"),
    Page("notifications-azure", "Events of Azure Blob Storage by Event Grid"),
    Page("notifications-r2", "Events of Cloudflare R2"),
    Page("notifications-cloudevents", "Events of buckets as CloudEvents"),
)
OPERATE = (
    Page("page", "Watch and steer the service in a browser"),
    Page("runbook", "A symptom, what to look at, what to do"),
    Page("monitoring", "Figures, health checks and logs"),
    Page("security", "What protects photos, secrets and the machine"),
    Page("backup-and-upgrade", "Copy the record, restore it, install a new version"),
    Page("containers", "A service, its database and its bucket in containers"),
    Page("own-machines", "A cluster on machines of your own"),
    Page("aws", "A cluster on AWS that grows and shrinks"),
    Page("kubernetes", "A cluster on Kubernetes with KubeRay"),
)
UNDERSTAND = (
    Page("how-it-works", "The way of a photo through the service"),
    Page("guarantees", "What is promised, and how it is proved"),
    Page("benchmarks", "All figures, and how to measure them again"),
    Page("how-it-is-built", "The plan of the code"),
    Page("contributing", "How to change raythumbs"),
    Page("changelog", "What changed in each version"),
)
CHAPTERS = {"Use": USE, "Senders of notifications": SENDERS, "Operate": OPERATE, "Understand and change": UNDERSTAND}
PAGES = {page.name: page for pages in CHAPTERS.values() for page in pages}


def read_page(name: str) -> str:
    """Return a page as Markdown, or raise UnknownPage with the name that comes nearest."""
    page = PAGES.get(name.lower().removesuffix(".md"))
    if page is None:
        raise UnknownPage(_unknown(name, PAGES))
    return page.file.read_text(encoding="utf-8")


def _unknown(name: str, names: Iterable[str]) -> str:
    nearest = get_close_matches(name.lower(), names, n=1, cutoff=0.4)
    instead = f"did you mean {nearest[0]!r}?" if nearest else "`raythumbs manual` lists all pages"
    return f"the manual has no page {name!r}: {instead}"
