"""The settings of a service that a command starts or reads, and what the command says once the service answers."""

from raythumbs.cli.output import complaints, out
from raythumbs.settings import Settings, load_settings


def service_settings(**given: object) -> Settings:
    """Return the settings; options that are not None replace them. Set the umask for the files made from here on."""
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    settings.apply_umask()
    return settings


def print_places(settings: Settings, trouble: str | None) -> None:
    """Print where the service answers and where it keeps its data; and, if it is not ready yet, the trouble."""
    out.print(f"raythumbs answers at {settings.base_url} (try {settings.base_url}/docs)", soft_wrap=True)
    out.print(f"store      {settings.store_uri}", highlight=False, soft_wrap=True)
    out.print(f"thumbnails {settings.thumbnails_uri}{settings.thumbnails_prefix}", highlight=False, soft_wrap=True)
    out.print(f"database   {settings.shown_database}", highlight=False, soft_wrap=True)
    if trouble:
        complaints.print(f"not ready yet: {trouble}", highlight=False, soft_wrap=True)
