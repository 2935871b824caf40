"""The Worker of the manual, run by Node: the service takes what it sends."""

import json
import re
import subprocess
import time

import pytest

from raythumbs.manual import read_page
from raythumbs.notifications import r2
from tests.notifications.test_r2 import CREATED

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RUN = """
globalThis.fetch = async (url, { body, headers }) => {
  console.log(JSON.stringify({ url, body, headers }));
  return { ok: STATUS === 200, status: STATUS };
};
const env = { SECRET: process.argv[2], ADDRESS: "https://thumbnails.example.com/api/notifications/r2" };
await worker.queue({ messages: JSON.parse(process.argv[3]).map((body) => ({ body })) }, env);
"""


def run_worker(tmp_path, messages, *, status=200):
    [program] = re.findall(r"(?ms)^```js\n(.*?)^```$", read_page("notifications-r2"))
    worker = program.replace("export default", "const worker =") + RUN.replace("STATUS", str(status))
    (tmp_path / "worker.mjs").write_text(worker)
    command = ["node", tmp_path / "worker.mjs", SECRET, json.dumps(messages)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.needs("node")
def test_what_the_worker_of_the_manual_sends_is_accepted(tmp_path):
    ended = run_worker(tmp_path, [CREATED, CREATED | {"bucket": "other-bucket", "object": {"key": "ü €.jpg"}}])

    sent = json.loads(ended.stdout)
    found = r2.read(sent["body"].encode(), sent["headers"], secret=SECRET, now=time.time())

    assert [event.source for event in found.events] == [
        "s3://my-bucket/my new/obj+1 %20.jpg",
        "s3://other-bucket/ü €.jpg",
    ]


@pytest.mark.needs("node")
def test_the_worker_of_the_manual_fails_if_the_service_does_not_accept(tmp_path):
    ended = run_worker(tmp_path, [CREATED], status=503)

    assert ended.returncode != 0
    assert "raythumbs answered 503" in ended.stderr
