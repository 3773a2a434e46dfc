"""The small API client, against a real HTTP server on loopback."""

import json
import threading
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.tandem import client


class Server(ThreadingHTTPServer):
    """Keeps what it was asked; answers what `reply` says: (status, body)."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, Message, bytes]] = []
        self.reply: tuple[int, bytes] = (200, b"{}")


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, self.headers, body))
        status, answer = self.server.reply
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *words):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def api(server):
    return client.Client(f"http://127.0.0.1:{server.server_port}/", "secret-token")


def test_a_post_carries_token_json_and_idempotency_key(server, api):
    server.reply = (201, b'{"id": 7}')

    answer = api.post("/api/v1/jobs/", {"name": "GPT"}, key="once")

    method, path, headers, body = server.seen[0]
    assert answer == {"id": 7}
    assert (method, path, json.loads(body)) == ("POST", "/api/v1/jobs/", {"name": "GPT"})
    assert headers["Authorization"] == "Bearer secret-token"
    assert headers["Idempotency-Key"] == "once"


def test_a_query_is_encoded(server, api):
    api.get("/api/v1/jobs/", name="a & b", project="p")

    assert server.seen[0][1] == "/api/v1/jobs/?name=a+%26+b&project=p"


def test_a_file_arrives_byte_by_byte(server, api, tmp_path):
    content = b"\r\n" + bytes(range(256)) * 40 + b" \r\n"
    (tmp_path / "scan.zip").write_bytes(content)

    api.upload("/versions/", tmp_path / "scan.zip", content_type="application/zip", fields={"note": "first"})

    _, _, headers, body = server.seen[0]
    parsed = BytesParser().parsebytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
    note, file = parsed.get_payload()
    assert note.get_payload(decode=True) == b"first"
    assert (file.get_filename(), file.get_content_type()) == ("scan.zip", "application/zip")
    assert file.get_payload(decode=True) == content


def test_a_refusal_is_told_in_the_words_of_the_api(server, api):
    server.reply = (422, b'{"code":"invalid","detail":"Too short.","field":"name","request_id":"r1"}')

    with pytest.raises(client.ApiError) as refused:
        api.get("/x")

    assert (refused.value.status, refused.value.api_code) == (422, "invalid")
    assert refused.value.sentence == "The API answered 422: Too short. (name; request r1)"


def test_what_is_missing_is_told_line_by_line(server, api):
    server.reply = (403, b'{"detail":"Not yet.","missing":[{"code":"a","detail":"No agreement covers the data."}]}')

    with pytest.raises(client.ApiError) as refused:
        api.get("/x")

    assert refused.value.lines == ["No agreement covers the data."]


def test_an_answer_that_is_no_json_is_told(server, api):
    server.reply = (502, b"<html>")

    with pytest.raises(client.ApiError, match="The API answered 502: the answer was no JSON"):
        api.get("/x")


def test_nobody_at_the_address_is_told():
    with pytest.raises(client.Unreachable, match=r"Tandem does not answer at http://127\.0\.0\.1:9"):
        client.Client("http://127.0.0.1:9", "t").get("/x")


def test_loopback_is_reached_in_spite_of_a_proxy(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)

    assert client.Client(f"http://127.0.0.1:{server.server_port}", "t").get("/x") == {}
    assert client.answers(f"http://127.0.0.1:{server.server_port}/health")


@pytest.mark.parametrize(("status", "expected"), [(200, True), (204, False), (503, False), (404, False)])
def test_health_is_a_200(server, status, expected):
    server.reply = (status, b"")

    assert client.answers(f"http://127.0.0.1:{server.server_port}/health") is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [({"count": 1, "results": [{"id": 1}]}, [{"id": 1}]), ([{"id": 2}], [{"id": 2}]), (None, [])],
)
def test_lists_are_read_paginated_or_not(answer, expected):
    assert client.rows(answer) == expected
