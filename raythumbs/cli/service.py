"""The settings of a service that a command starts or reads, and what the command says once the service answers."""

import json

from raythumbs.cli.output import complaints, out
from raythumbs.settings import Settings, load_settings
from raythumbs.settings.access import is_loopback


def service_settings(**given: object) -> Settings:
    """Return the settings. Options that are not None replace them. Set the umask for new files."""
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    settings.apply_umask()
    return settings


def print_places(settings: Settings, trouble: str | None, *, as_json: bool = False) -> None:
    """Print the service's address, stores and database, and the reason if it is not ready yet."""
    if as_json:
        places = {"url": settings.base_url, "store": settings.store_uri, "database": settings.shown_database}
        thumbnails = f"{settings.thumbnails_uri}{settings.thumbnails_prefix}"
        print(json.dumps(places | {"thumbnails": thumbnails, "trouble": trouble}), flush=True)
        return
    docs = f"{settings.base_url}/docs"
    out.print(f"raythumbs answers at {settings.base_url} (open it in a browser; its API: {docs})", soft_wrap=True)
    out.print(f"store      {settings.store_uri}", highlight=False, soft_wrap=True)
    out.print(f"thumbnails {settings.thumbnails_uri}{settings.thumbnails_prefix}", highlight=False, soft_wrap=True)
    out.print(f"database   {settings.shown_database}", highlight=False, soft_wrap=True)
    if keys := settings.known_keys:
        holders = ", ".join(key.name for key in keys)
        out.print(f"access     by API keys: {holders}", highlight=False, soft_wrap=True)
    else:
        who = "every program on this machine" if is_loopback(settings.host) else "everybody who reaches it"
        out.print(f"access     without API keys: {who} may use it", highlight=False, soft_wrap=True)
    if trouble:
        complaints.print(f"not ready yet: {trouble}", highlight=False, soft_wrap=True)
