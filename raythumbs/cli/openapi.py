"""`raythumbs openapi`: the description of the API, without a running service."""

import json

from raythumbs.cli.options import AsJson


def openapi(*, as_json: AsJson = True) -> None:  # noqa: ARG001 it is JSON anyway
    """Print the OpenAPI document of the service that the settings describe."""
    from raythumbs.app import description  # imports the web application
    from raythumbs.settings import load_settings

    print(json.dumps(description(load_settings()), indent=2))
