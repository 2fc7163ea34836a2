"""The front door passes requests to the deployed API and its answers back."""

import gzip
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from infra.local.companion.front_door import MAX_BODY_BYTES
from tests.infra.companion_stand import API_ID, Reply, Stand, free_port, running_companion

STAGE = f"/_aws/execute-api/{API_ID}/$default"


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with running_companion(tmp_path) as running:
        yield running


def test_method_path_query_headers_and_body_arrive_unchanged(stand: Stand) -> None:
    stand.post(
        "/v1/track?a=1&a=2&b=%C3%A5", data=b'{"x":1}', headers={"Authorization": "Basic abc", "Cookie": "a=1; b=2"}
    )
    (received,) = stand.upstream.received
    assert (received.method, received.path, received.body) == (
        "POST",
        f"{STAGE}/v1/track?a=1&a=2&b=%C3%A5",
        b'{"x":1}',
    )
    assert received.header("authorization") == "Basic abc"
    assert received.header("cookie") == "a=1; b=2"
    assert received.header("x-forwarded-for") == "127.0.0.1"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "POST"])
def test_every_method_reaches_the_api(stand: Stand, method: str) -> None:
    answer = requests.request(method, f"{stand.url}/u/token", timeout=10)
    assert answer.status_code == 200
    assert [received.method for received in stand.upstream.received] == [method]


@pytest.mark.parametrize("path", ["/", "/slack/interactions", "/v1/leads", "/inboxes", "/slack-apis"])
def test_paths_the_companion_does_not_own_are_the_apis(stand: Stand, path: str) -> None:
    assert stand.get(path).json() == {}
    assert stand.upstream.received[0].path == STAGE + path


def test_dots_in_a_path_do_not_leave_the_stage(stand: Stand) -> None:
    with socket.create_connection(stand.url.removeprefix("http://").split(":"), timeout=5) as connection:  # type: ignore[arg-type]
        connection.sendall(b"GET /../../../../_ministack/reset HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(100)
    assert stand.upstream.received[0].path == f"{STAGE}/../../../../_ministack/reset"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain;charset=UTF-8"])
def test_gzip_bodies_travel_as_plain_bytes(stand: Stand, content_type: str) -> None:
    body = gzip.compress(b'{"batch":[]}')
    stand.post("/v1/batch", data=body, headers={"Content-Type": content_type, "Content-Encoding": "gzip"})
    (received,) = stand.upstream.received
    assert received.body == body
    assert received.header("content-type") == "application/octet-stream"
    assert received.header("content-encoding") == ""
    assert received.header("x-forwarded-content-encoding") == "gzip"
    assert received.header("x-forwarded-content-type") == content_type


def test_a_chunked_body_arrives_whole(stand: Stand) -> None:
    stand.post("/v1/batch", data=iter([b'{"batch":', b"[]}"]))
    assert stand.upstream.received[0].body == b'{"batch":[]}'


def test_status_cookies_and_bytes_come_back_unchanged(stand: Stand) -> None:
    pixel = bytes(range(256))
    stand.upstream.reply = lambda _: Reply(
        status=302,
        headers=(("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("Location", "https://x.example/")),
        body=pixel,
    )
    answer = stand.get("/c/token", allow_redirects=False)
    assert (answer.status_code, answer.content) == (302, pixel)
    assert answer.raw.headers.getlist("set-cookie") == ["a=1; Path=/", "b=2"]
    assert answer.headers["location"] == "https://x.example/"
    assert "content-type" not in answer.headers


def test_no_content_stays_without_content(stand: Stand) -> None:
    stand.upstream.reply = lambda _: Reply(status=204, headers=(("Access-Control-Allow-Origin", "*"),), body=b"")
    answer = requests.options(f"{stand.url}/v1/t", timeout=10)
    assert (answer.status_code, answer.content, answer.headers["access-control-allow-origin"]) == (204, b"", "*")


def test_a_body_over_the_limit_of_an_http_api_is_refused_at_the_door(stand: Stand) -> None:
    answer = stand.post("/v1/import", data=b"x" * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    assert set(answer.json()) == {"code", "message"}
    assert stand.upstream.received == []


def test_an_emulator_that_is_down_is_a_bad_gateway(tmp_path: Path) -> None:
    with running_companion(tmp_path, endpoint=f"http://127.0.0.1:{free_port()}") as stand:
        answer = stand.get("/v1/leads")
    assert answer.status_code == 502
    assert answer.json()["code"] == "upstream_unavailable"


def test_before_the_deploy_the_door_says_so_and_opens_after_it(tmp_path: Path) -> None:
    with running_companion(tmp_path, deployed=False) as stand:
        before = stand.get("/v1/leads")
        assert stand.get("/_companion/ready").json() == {"ready": True, "deployed": False}
        (tmp_path / "outputs.json").write_text(json.dumps({"api_id": "first"}))
        stand.get("/v1/leads")
        (tmp_path / "outputs.json").write_text(json.dumps({"api_id": "another"}))
        stand.get("/v1/leads")
    assert (before.status_code, before.json()["code"]) == (503, "not_deployed")
    assert [received.path.split("/")[3] for received in stand.upstream.received] == ["first", "another"]


def test_many_clients_at_once_each_get_their_own_answer(stand: Stand) -> None:
    stand.upstream.reply = lambda received: Reply(body=received.body)
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda number: stand.post("/v1/t", data=str(number)).text, range(400)))
    assert answers == [str(number) for number in range(400)]


def test_the_index_links_what_there_is_to_see(stand: Stand) -> None:
    text = stand.get("/_companion").text
    assert 'href="/inbox"' in text
    assert 'href="/slack"' in text
    assert stand.url in text
