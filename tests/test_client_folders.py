"""The client and the command that wait for a folder, against a service that is a script."""

import json
from functools import partial

import httpx2
import pytest

from raythumbs.cli import app
from raythumbs.client import Client, NotText, Refused, Unreachable

HERE = "http://127.0.0.1:8000"
EVENTS = "/api/folders/users%2F7/events"


def a_folder(*, total=2, waiting=0):
    succeeded = total - waiting
    figures = {"total": total, "waiting": waiting, "succeeded": succeeded, "failed": 0, "cancelled": 0}
    return {"folderId": "users/7", **figures, "doneAt": None if waiting else "2026-01-01T00:00:00Z"}


def stream(*folders):
    text = ": nothing has changed\n\n".join(
        f"id: folder\nevent: folder\nretry: 2000\ndata: {json.dumps(folder)}\n\n" for folder in folders
    )
    return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, content=text)


@pytest.fixture
def answering(monkeypatch):
    """Have the service give these answers, one after the other; return what it was asked."""

    def answer(*answers):
        left, asked = list(answers), []

        def service(request):
            asked.append((request.url.raw_path.decode(), request.method))
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(httpx2, "Client", partial(httpx2.Client, transport=httpx2.MockTransport(service)))
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        return asked

    return answer


def test_a_program_waits_until_a_folder_is_done(answering):
    asked = answering(stream(a_folder(waiting=2), a_folder(waiting=1), a_folder()))

    with Client(HERE) as client:
        assert client.wait_folder("users/7", photos=2) == a_folder()

    assert asked == [(f"{EVENTS}?photos=2", "GET")]


def test_a_stream_that_breaks_is_opened_again_and_tells_nothing_twice(answering):
    away = httpx2.Response(503, json={"code": "unavailable", "reason": "restarting"})
    answering(stream(a_folder(waiting=1)), httpx2.ReadError("reset"), away, stream(a_folder(waiting=1), a_folder()))

    with Client(HERE) as client:
        assert list(client.watch_folder("users/7")) == [a_folder(waiting=1), a_folder()]


def test_a_stream_that_ends_without_a_change_is_opened_again(answering):
    asked = answering(stream(a_folder(waiting=1)), stream(a_folder(waiting=1)), stream(a_folder()))

    with Client(HERE) as client:
        assert list(client.watch_folder("users/7")) == [a_folder(waiting=1), a_folder()]
    assert len(asked) == 3


def test_the_time_of_a_stream_is_no_time_for_which_the_service_was_away(answering, monkeypatch):
    asked = answering(stream(a_folder(waiting=1)), httpx2.ConnectError("refused"), stream(a_folder()))
    monkeypatch.setattr("time.monotonic", lambda: 20.0 * len(asked))  # each stream, and each refusal, takes so long

    with Client(HERE) as client:
        assert list(client.watch_folder("users/7", patience_seconds=10)) == [a_folder(waiting=1), a_folder()]


def test_a_service_that_stays_away_is_told(answering):
    answering(stream(a_folder(waiting=1)), httpx2.ConnectError("refused"))

    with Client(HERE) as client, pytest.raises(Unreachable):
        list(client.watch_folder("users/7", patience_seconds=0))


def test_a_refusal_ends_the_wait_with_its_reason(answering):
    answering(httpx2.Response(422, json={"code": "unstorable", "reason": "too long"}))

    with Client(HERE) as client, pytest.raises(Refused, match="too long"):
        client.wait_folder("x" * 2000)


def test_a_folder_whose_name_is_not_text_is_told(answering):
    answering()

    with Client(HERE) as client, pytest.raises(NotText):
        client.folder("a\udcff")


def test_a_photo_is_found_by_its_source(answering):
    answering(*(httpx2.Response(200, json={"photos": found, "nextCursor": None}) for found in ([{"photoId": "p"}], [])))

    with Client(HERE) as client:
        assert [client.photo_of_source("s3://b/k") for _ in range(2)] == [{"photoId": "p"}, None]


def ran(*words):
    with pytest.raises(SystemExit) as end:
        app(["folder", *words])
    return end.value.code


def test_the_command_shows_a_folder_as_it_is(answering, capsys):
    answering(httpx2.Response(200, json=a_folder(waiting=1)))

    assert ran("users/7") == 0

    assert capsys.readouterr().out == "total=2 waiting=1 succeeded=1 failed=0 cancelled=0 done_at=-\n"


def test_the_command_shows_each_change_until_the_folder_is_done(answering, capsys):
    asked = answering(stream(a_folder(waiting=1), a_folder()))

    assert ran("users/7", "--watch", "--photos", "2", "--json") == 0

    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [a_folder(waiting=1), a_folder()]
    assert asked == [(f"{EVENTS}?photos=2", "GET")]
