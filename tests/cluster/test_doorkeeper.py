import json
import socket
import threading
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from raythumbs.cluster.doorkeeper import doorkeeper, refuse_taken
from raythumbs.cluster.free_port import free_port
from raythumbs.errors import BadSettings


def asked(port: int, **how: object) -> HTTPError:
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"http://127.0.0.1:{port}/api/jobs", **how), timeout=10)
    return refused.value


def test_while_nobody_else_answers_clients_are_asked_to_come_again():
    port = free_port()

    with doorkeeper("127.0.0.1", port), asked(port) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert json.load(answer)["code"] == "unavailable"


def test_who_sends_a_photo_meanwhile_reads_the_answer_too():
    port = free_port()

    with doorkeeper("127.0.0.1", port), asked(port, data=b"x" * 1_000_000, method="POST") as answer:
        assert answer.status == 503


def test_a_client_that_says_nothing_keeps_nobody_waiting():
    port = free_port()

    with doorkeeper("127.0.0.1", port), socket.create_connection(("127.0.0.1", port)), asked(port) as answer:
        assert answer.status == 503


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n"], ids=["nothing yet", "a request"])
def test_the_door_is_handed_over_without_a_word_while_a_client_is_connected(caplog, said):
    port = free_port()

    with doorkeeper("127.0.0.1", port) as door, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(said)
        with asked(port):  # so the first client has been let in
            pass
        door.hand_over()

    assert caplog.records == []


def test_another_server_listens_beside_it_and_has_the_port_when_it_is_handed_over():
    port = free_port()
    with doorkeeper("127.0.0.1", port) as door, socket.socket() as successor:
        successor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        successor.bind(("127.0.0.1", port))
        successor.listen()

        door.hand_over()

        with socket.create_connection(("127.0.0.1", port)):
            successor.settimeout(10)
            successor.accept()[0].close()


def test_a_port_that_is_taken_is_refused_even_where_it_could_be_shared():
    port = free_port()

    with doorkeeper("127.0.0.1", port), pytest.raises(BadSettings, match="taken by another program"):
        refuse_taken("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "reason"),
    [("300.1.1.1", "no address"), ("192.0.2.250", "no address of this machine"), ("::ffff:0:0:1", "no address of")],
)
def test_a_host_that_is_none_of_this_machine_is_not_answered_with_advice_about_the_port(host, reason):
    with pytest.raises(BadSettings, match=reason) as refused:
        refuse_taken(host, free_port())

    assert "--port" not in refused.value.reason


def test_no_thread_of_it_is_left():
    with doorkeeper("127.0.0.1", free_port()) as door:
        door.hand_over()

    assert "doorkeeper" not in {thread.name for thread in threading.enumerate()}
