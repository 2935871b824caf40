"""The page of the API in a real browser, without the internet."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.web.listening import listening_app

KEYS = '{"name": "a", "key": "rt_0123456789abcdef", "scopes": ["read"]}'


def shown(address: str, folder: Path) -> tuple[str, str]:
    """Open a page; return its elements, and what the browser complains about. Only the address itself is reached."""
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        f"--user-data-dir={folder}",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--enable-logging=stderr",
        "--virtual-time-budget=20000", "--dump-dom", address,
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return ended.stdout, "\n".join(line for line in ended.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("keys", [None, KEYS])
def test_the_page_of_the_api_shows_every_topic_and_breaks_none_of_its_rules(served, tmp_path, keys):
    async def scenario(service):
        async with listening_app(service.http._transport.app) as address:
            return await asyncio.to_thread(shown, f"{address}/docs", tmp_path)

    page, complaints = served(scenario, api_keys=keys)

    assert "/api/uploads/direct" in page
    assert ("Authorize" in page) == (keys is not None)
    assert complaints == ""
