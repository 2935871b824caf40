"""Makes the couriers of the settings' webhooks. Apart from `parts.py`, because httpx2 takes 2 MB in each process."""

from raythumbs.db.database import Database
from raythumbs.db.record import Record
from raythumbs.queue.courier import Courier
from raythumbs.queue.tally import Tally
from raythumbs.settings import Settings
from raythumbs.webhooks.sending import Sender


def couriers_of(settings: Settings, database: Database, record: Record, *, tally: Tally) -> list[Courier]:
    """Return a courier for each endpoint."""
    return [
        Courier(
            record,
            endpoint,
            Sender(endpoint.url, may_be_inside=endpoint.host in settings.webhook_allowed_hosts),
            secrets=settings.signing_secrets,
            now_of=database.now,
            tally=tally,
        )
        for endpoint in settings.webhooks
    ]
