"""GET /metrics: what Prometheus reads."""

import asyncio
import re
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from raythumbs.manual import read_page


def scraped(served, scenario):
    """Run a scenario, then scrape; return the text, and each sample's value by its name and labels."""

    async def run(service):
        await scenario(service)
        reply = await service.http.get("/metrics")
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        return reply.text

    text = served(run)
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    values = {(one.name, *sorted(one.labels.items())): one.value for one in samples}
    assert len(values) == len(samples)
    return text, values


@pytest.fixture
def after_a_photo_and_a_failure(photo):
    async def scenario(service):
        await service.http.post("/api/queue/pause")
        [good] = (await service.upload(("a.jpg", photo))).json()["uploads"]
        [bad] = (await service.upload(("b.jpg", b"\xff\xd8 words"))).json()["uploads"]
        await service.http.post("/api/queue/resume")
        for job in (good, bad):
            await service.ended(job["jobId"])
        await service.queue.drain()  # a photo is counted just after its row can be read

    return scenario


def test_a_photo_and_a_failure_are_counted_with_their_stages_and_bytes(served, photo, after_a_photo_and_a_failure):
    _, values = scraped(served, after_a_photo_and_a_failure)

    photos = {key: value for key, value in values.items() if key[0] == "raythumbs_photos_total" and value}
    assert sorted(dict(labels)["outcome"] for _, *labels in photos) == ["failed", "succeeded"]
    assert values["raythumbs_fetched_bytes_total", ("shard", "0")] >= len(photo)
    assert values["raythumbs_stored_bytes_total", ("shard", "0")] > 0
    for stage, count in (("fetch", 2), ("decode", 1), ("encode", 1), ("store", 1)):
        assert values["raythumbs_stage_seconds_count", ("shard", "0"), ("stage", stage)] == count
    assert values["raythumbs_photo_seconds_count", ("priority", "high"), ("shard", "0")] == 1
    assert values["raythumbs_slots", ("address", ""), ("node", "here")] == 1


def test_a_paused_queue_with_photos_shows_its_backlog_and_its_age(served, photo):
    async def scenario(service):
        await service.http.post("/api/queue/pause")
        await service.upload(("a.jpg", photo))
        async with asyncio.timeout(20):
            while (await service.queue.figures()).status.overview.backlog_age_seconds == 0:
                await asyncio.sleep(0.01)

    _, values = scraped(served, scenario)

    assert values["raythumbs_paused",] == 1
    assert values["raythumbs_backlog_photos", ("priority", "high")] == 1
    assert values["raythumbs_backlog_age_seconds", ("priority", "high")] > 0
    assert values["raythumbs_backlog_age_seconds", ("priority", "low")] == 0


def test_the_manual_has_every_metric_with_its_labels_and_no_other(served):
    async def nothing(_service):
        pass

    text, _ = scraped(served, nothing)
    families = list(text_string_to_metric_families(text))
    given = {}
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        given[name] = (family.type, labels)
    rows = re.findall(r"(?m)^\| (`raythumbs_\w+`.*?) \| (\w+) \| (.*?) \|", read_page("monitoring"))
    told = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for names, kind, labels in rows
        for name in re.findall(r"`(\w+)`", names)
    }

    assert told == given


@pytest.mark.needs("promtool")
def test_promtool_has_nothing_to_say_about_the_metrics(served, after_a_photo_and_a_failure):
    text, _ = scraped(served, after_a_photo_and_a_failure)

    checked = subprocess.run(["promtool", "check", "metrics"], check=False, input=text, capture_output=True, text=True)

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
