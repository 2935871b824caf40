"""The page of the API in a real browser, without the internet."""

import asyncio

import pytest

from tests.web.chromium import expect
from tests.web.listening import listening_app

KEYS = '{"name": "a", "key": "rt_0123456789abcdef", "scopes": ["read"]}'


@pytest.mark.parametrize("keys", [None, KEYS])
def test_the_document_of_the_api_asks_for_a_key_where_there_are_keys(served, keys):
    async def scenario(service):
        return (await service.http.get("/openapi.json")).json()

    document = served(scenario, api_keys=keys)

    assert bool(document["components"].get("securitySchemes")) == (keys is not None)


@pytest.mark.needs("chromium")
def test_the_page_of_the_api_shows_every_topic_and_breaks_none_of_its_rules(served, chromium):
    complaints: list[str] = []

    async def scenario(service):
        app = service.http._transport.app
        async with asyncio.timeout(120), listening_app(app) as address, chromium.new_page() as page:
            page.on("console", lambda said: complaints.append(said.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda asked: asked.url.startswith((address, "data:")) or complaints.append(asked.url))
            await page.goto(f"{address}/docs")
            await expect(page.get_by_text("/api/uploads/direct", exact=True)).to_be_visible()
            await page.wait_for_load_state("networkidle")
            return await page.content()

    page = served(scenario, api_keys=KEYS)

    assert "Authorize" in page
    assert complaints == []
