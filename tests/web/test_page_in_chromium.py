"""The page in a real browser: a person signs in, uploads, watches, pauses, repairs, and has only a keyboard or a phone.

Screenshots of every view stay in the test's folder (`--basetemp`), to be looked at.
"""

import asyncio
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from raythumbs.bench.local_service import free_port
from raythumbs.model.access import Scope
from raythumbs.web.watch import Watch
from tests.web.chromium import expect
from tests.web.listening import listening_app
from tests.web.test_keys import KEYS, SETTING, bearer

pytestmark = pytest.mark.needs("chromium")

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
FAULTS = """(only) => axe.run(only ? {runOnly: only} : {}).then(({violations}) => violations
    .filter(({impact}) => impact == 'serious' || impact == 'critical')
    .map(({id, nodes}) => id + ': ' + nodes.map(({html}) => html).join(' | ').slice(0, 400)))"""
CHANGED_WHEN_DRAWN = """async () => {
  const { Store, html, render, useStore } = await import("/page/base.js");
  const [store, box] = [new Store("before"), document.createElement("div")];
  const Shown = () => html`<p>${useStore(store)}</p>`;
  render(html`<${Shown} />`, box);
  store.set("after");
  await new Promise((done) => setTimeout(done, 500)); // effects run meanwhile
  return box.textContent;
}"""
TABS_OUT_OF_SIGHT = """
[...document.querySelectorAll("header nav a")]
  .filter(tab => tab.getBoundingClientRect().right > innerWidth)
  .map(tab => tab.textContent)
"""
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
VIEWS = {
    "overview": "#/",
    "jobs": "#/jobs/succeeded",
    "photos": "#/search",
    "backfills": "#/backfills",
    "quarantine": "#/quarantine",
}
PHOTOS = 20
DROP = """([name, text]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([text], name, {type: 'image/jpeg'}));
    document.body.dispatchEvent(new DragEvent('drop', {dataTransfer, bubbles: true}));
}"""


COVERED = """() => {
    const uploads = document.querySelector(".tray").getBoundingClientRect();
    const meets = (one) => one.bottom > uploads.top && one.top < uploads.bottom;
    const parts = [...document.querySelectorAll("main > *, .masthead")];
    return parts.filter((part) => meets(part.getBoundingClientRect())).map((part) => part.className);
}"""


def picture(number: int) -> bytes:
    """Return a small photo in a colour of its own."""
    file = BytesIO()
    Image.new("HSV", (320, 240), (number * 255 // PHOTOS, 160, 220)).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def upload(name: str, content: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content}


@pytest.fixture
def at_page(served, chromium):
    """Run a scenario with the page of a service that listens on a port. Whatever the browser complains about, and
    whatever it asks of others than the service, fails the test."""

    def run(scenario, *, pictures_of=(), **given):
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        policy_speaks = "Content Security Policy"  # before somebody has signed in
        complaints: list[str] = []

        def say(complaint):
            if not (pictures_of and policy_speaks in complaint):
                complaints.append(complaint)

        def watch(page):
            page.on("pageerror", lambda error: say(str(error)))
            page.on("console", lambda said: said.type == "error" and say(said.text))
            page.on("request", lambda asked: asked.url.startswith((base, "data:", *pictures_of)) or say(asked.url))

        async def within(service):
            app = service.http._transport.app
            async with (
                asyncio.timeout(150),
                chromium.new_page(viewport=SIZES["desktop"]) as page,
                listening_app(app, port=port),
            ):
                watch(page)
                await page.goto(base)
                return await scenario(service, page)

        result = served(within, **{"public_base_url": base} | given)
        assert complaints == []
        return result

    return run


async def faults_of(page, *only: str) -> list[str]:
    """Return what axe finds that is serious, by all its rules or only some."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    return await page.evaluate(FAULTS, list(only) or None)


async def faults_of_every_view(page, folder: Path) -> list[str]:
    """Look at each view at two sizes, in light and dark. Return what is wrong with it, and keep a screenshot."""
    found = []
    views = VIEWS | {"photo": await page.evaluate("location.hash")}
    for size, scheme, rules in (("desktop", "light", ()), ("phone", "dark", ("color-contrast",))):
        await page.set_viewport_size(SIZES[size])
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for name, address in views.items():
            await page.evaluate("address => { location.hash = address }", address)
            await expect(page.locator("main h1")).to_be_focused()
            await expect(page.locator("main [role=status]")).to_have_count(0)  # it has loaded
            await page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
            is_wide = await page.evaluate("document.scrollingElement.scrollWidth > innerWidth")
            found += [f"{name} scrolls sideways on a {size}"] * is_wide
            found += [f"{tab} is out of sight on a {size}" for tab in await page.evaluate(TABS_OUT_OF_SIGHT)]
            found += [f"{name}, {size}: {fault}" for fault in await faults_of(page, *rules)]
    return found


async def covered_by_uploads(page, folder: Path) -> dict[str, list[str]]:
    """Return what the list of uploads covers, at each size. Keep a screenshot of each."""
    covered = {}
    for size in reversed(SIZES):  # the desktop at the end, as before
        await page.set_viewport_size(SIZES[size])
        await page.screenshot(path=folder / f"uploads-{size}-light.png")
        covered[size] = await page.evaluate(COVERED)
    return covered


@pytest.mark.needs("time")
def test_an_operator_signs_in_uploads_twenty_photos_and_repairs_the_one_that_fails(at_page, tmp_path):
    async def scenario(service, page):
        at_the_door = await faults_of(page)
        await page.get_by_label("API key").fill(KEYS[Scope.ADMIN])
        await page.keyboard.press("Enter")

        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_text("The queue is paused")).to_be_visible()
        await page.get_by_label("Why it is paused").fill("the bucket moves")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text(": the bucket moves")).to_be_visible()
        files = [upload(f"photo {number}.jpg", picture(number)) for number in range(PHOTOS - 1)]
        await page.locator("#files").set_input_files(files)
        await page.evaluate(DROP, ["broken.jpg", "these are words"])
        await expect(page.get_by_label("Uploads").get_by_text("queued")).to_have_count(PHOTOS)
        covered = await covered_by_uploads(page, tmp_path)
        await page.get_by_role("link", name="Jobs").click()
        await expect(page.locator(".job")).to_have_count(PHOTOS)
        await page.get_by_role("link", name="Overview").click()
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator(".gallery .loaded")).to_have_count(PHOTOS - 1)

        await page.get_by_role("link", name="Failures").click()
        await page.get_by_role("button", name="Show photos").click()
        await page.screenshot(path=tmp_path / "failures-desktop-light.png", full_page=True)
        failing = await faults_of(page)
        await page.locator(".job").get_by_role("link", name="broken.jpg").click()
        await expect(page.get_by_role("main")).to_contain_text("no decoder of")
        mend(service)
        await page.get_by_role("button", name="Try again").click()
        await expect(page.locator(".photo-picture .loaded")).to_be_visible()
        attempts = page.locator("[aria-labelledby=attempts-title] tbody tr")
        await expect(attempts).to_contain_text(["succeeded", "not an image: no decoder of"])

        faults = failing + await faults_of_every_view(page, tmp_path)
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("API key")).to_be_visible()
        await page.goto(page.url.partition("#")[0] + "manual/security")
        return at_the_door, faults + await faults_of(page), covered

    at_the_door, faults, covered = at_page(scenario, api_keys=SETTING)

    assert (at_the_door, faults) == ([], [])
    assert covered == {"desktop": [], "phone": []}
    assert len(list(tmp_path.glob("*.png"))) == 2 * len(VIEWS) + 5


def test_a_reader_sees_the_thumbnails_of_a_bucket_and_no_button_that_changes_anything(at_page, s3_endpoint, s3_bucket):
    async def scenario(service, page):
        await service.http.post(
            "/api/uploads/direct", files={"file": ("cat.jpg", picture(1))}, headers=bearer(KEYS[Scope.UPLOAD])
        )
        await page.get_by_label("API key").fill(KEYS[Scope.READ])
        await page.keyboard.press("Enter")
        await expect(page.locator(".gallery .loaded")).to_have_count(1)
        return await page.get_by_role("button").all_text_contents()

    bucket = {"store": f"s3://{s3_bucket}", "s3_endpoint_url": s3_endpoint}

    assert at_page(scenario, pictures_of=(s3_endpoint,), api_keys=SETTING, **bucket) == ["Sign out"]


def test_the_page_says_that_the_service_is_gone_and_comes_back_by_itself(served, chromium):
    port = free_port()

    async def scenario(service):
        app = service.http._transport.app
        app.state.page_watch = Watch(app.state.page_figures, stream_seconds=1)  # its streams end, and come back
        async with asyncio.timeout(90), chromium.new_page() as page:
            async with listening_app(app, port=port):
                await page.goto(f"http://127.0.0.1:{port}")
                await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            await expect(page.get_by_role("alert")).to_contain_text("does not answer")
            still_there = await page.get_by_text("Newest thumbnails").is_visible()
            async with listening_app(app, port=port):
                await expect(page.get_by_role("alert")).to_be_empty()
                await expect(page.get_by_text("live", exact=True)).to_be_visible()
            return still_there

    assert served(scenario, public_base_url=f"http://127.0.0.1:{port}")


def test_what_changes_right_after_it_was_drawn_is_drawn_again(at_page):
    async def scenario(_, page):
        return await page.evaluate(CHANGED_WHEN_DRAWN)

    assert at_page(scenario) == "after"


def test_a_person_without_a_mouse_searches_a_photo_by_its_folder(at_page):
    async def scenario(service, page):
        await service.upload(("beach.jpg", picture(3)), folder_id="holiday")
        await expect(page.get_by_role("main").get_by_role("link", name="beach.jpg")).to_be_visible()
        for _ in range(4):  # the way past the content, the name, Overview, Photos
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Photos", exact=True)).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.type("holiday")
        await page.keyboard.press("Enter")
        await page.get_by_role("main").get_by_role("link", name="beach.jpg").press("Enter")
        await expect(page.get_by_role("heading", name="beach.jpg")).to_be_focused()
        return await page.get_by_role("main").get_by_text("holiday").is_visible()

    assert at_page(scenario)


def mend(service) -> None:
    """Put a photo in the place of the words."""
    [broken] = [path for path in service.originals if path.read_bytes() == b"these are words"]
    broken.write_bytes(picture(PHOTOS - 1))
