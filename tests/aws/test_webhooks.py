"""Webhooks: signed, posted once over TLS to public addresses only, and what each answer means."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import socket
import ssl
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.aws import webhooks
from shared.aws.mailer import Accepted, NotNow, Refused
from shared.keys import outgoing_webhook_secret

SECRETS = [outgoing_webhook_secret("ads", number, "k") for number in (2, 1)]
HOST = "hooks.example.com"


@contextmanager
def receiver(status=204, *, tls=None, headers=(), never=False):
    """A receiver that keeps what it got and answers with the status, or never."""
    got, done = [], Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, dict(self.headers.items()), body))
            if never:
                done.wait(10)
                return
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port, got
    finally:
        done.set()
        server.shutdown()
        server.server_close()
        thread.join()


def posted(port, **more):
    return webhooks.post(
        "https://hooks.example.com/ripen",
        {"type": "nurture.step"},
        webhook_id="w1",
        secrets=SECRETS,
        through=f"http://127.0.0.1:{port}/webhooks/ads",
        **more,
    )


def is_genuine(headers, body, secret):
    """Check a webhook as its receiver would."""
    said = {name.lower(): value for name, value in headers.items()}
    content = f"{said['webhook-id']}.{said['webhook-timestamp']}.".encode() + body
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}" in said["webhook-signature"].split(" ")


def test_a_webhook_is_signed_by_every_secret_and_a_receiver_of_either_believes_it():
    with receiver() as (port, got):
        assert posted(port) == Accepted("w1")
    ((path, headers, body),) = got
    assert path == "/webhooks/ads"
    assert json.loads(body) == {"type": "nurture.step"}
    assert [is_genuine(headers, body, secret) for secret in SECRETS] == [True, True]
    assert not is_genuine(headers, body + b" ", SECRETS[0])
    assert not is_genuine(headers, body, outgoing_webhook_secret("other", 1, "k"))
    assert headers["x-ripen-for"] == "https://hooks.example.com/ripen"


def test_the_example_of_the_standard_has_its_signature():
    """From the specification of Standard Webhooks."""
    headers = webhooks.signed(
        b'{"test": 2432232314}', webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=1614265330,
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )  # fmt: skip
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Accepted("w1")),
        (202, Accepted("w1")),
        (400, Refused("HTTP 400")),
        (401, Refused("HTTP 401")),
        (404, Refused("HTTP 404")),
        (410, Refused("HTTP 410")),
        (408, NotNow("HTTP 408")),
        (429, NotNow("HTTP 429")),
        (500, NotNow("HTTP 500")),
        (503, NotNow("HTTP 503")),
    ],
)
def test_an_answer_is_taken_refused_or_tried_again(status, outcome):
    with receiver(status) as (port, got):
        assert posted(port) == outcome
    assert len(got) == 1


def test_a_redirect_is_a_refusal_and_nobody_goes_there():
    with (
        receiver() as (there, elsewhere),
        receiver(307, headers=[("location", f"http://127.0.0.1:{there}/")]) as (port, got),
    ):
        assert posted(port) == Refused("HTTP 307")
    assert (len(got), elsewhere) == (1, [])


def test_who_never_answers_is_tried_again(monkeypatch):
    monkeypatch.setattr(webhooks, "TIMEOUT", 0.2)
    with receiver(never=True) as (port, _):
        assert isinstance(posted(port), NotNow)


def test_who_answers_a_letter_at_a_time_is_hung_up_on(monkeypatch):
    """Each letter comes in time; the whole answer never would."""
    monkeypatch.setattr(webhooks, "TIMEOUT", 0.5)
    listening = socket.create_server(("127.0.0.1", 0))
    sent = []

    def drip():
        talk, _ = listening.accept()
        with talk:
            talk.recv(10_000)
            try:
                for letter in b"HTTP/1.1 200 OK\r\n" + b"x" * 1000:
                    talk.sendall(bytes([letter]))
                    sent.append(letter)
                    Event().wait(0.1)
            except OSError:
                pass

    thread = Thread(target=drip, daemon=True)
    thread.start()
    assert isinstance(posted(listening.getsockname()[1]), NotNow)
    thread.join(5)
    listening.close()
    assert len(sent) < 30


def test_nobody_there_is_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert posted(port) == NotNow("ConnectionRefusedError")


PRIVATE = (
    "127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1",
    "64:ff9b::a00:1", "2002:a00:1::", "fe80::1%eth0", "192.0.2.1", "2001:db8::1", "fec0::1", "::a00:1", "64:ff9b:1::a00:1",
    "5f00::1",
)  # fmt: skip


def resolving(monkeypatch, *addresses):
    """Let the host lead to the addresses, and note whoever is called."""
    called = []
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]

    def call(place, timeout):
        called.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *_args, **_said: found)
    monkeypatch.setattr(webhooks.socket, "create_connection", call)
    return called


def ask(url="https://hooks.example.com/ripen"):
    return webhooks.post(url, {}, webhook_id="w1", secrets=SECRETS)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_host_that_leads_into_a_private_network_is_never_called(monkeypatch, address):
    called = resolving(monkeypatch, address)
    assert ask() == Refused("private address")
    assert called == []


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_a_host_of_the_open_internet_is_called(monkeypatch, address):
    called = resolving(monkeypatch, address)
    assert ask() == NotNow("ConnectionRefusedError")
    assert called == [(address, 443)]


@pytest.mark.parametrize("url", ["https://hooks..example.com/x", f"https://{'a' * 64}.example.com/x"])
def test_a_host_that_no_name_can_be_is_refused(url):
    """From a playbook that was published before such names were refused there."""
    assert ask(url) == Refused("no address")


def test_one_private_address_among_public_ones_is_enough(monkeypatch):
    called = resolving(monkeypatch, "93.184.215.14", "10.0.0.1")
    assert ask() == Refused("private address")
    assert called == []


def test_the_address_that_was_looked_at_is_the_one_that_is_called(monkeypatch):
    called = resolving(monkeypatch, "93.184.215.14")
    assert ask("https://hooks.example.com:8443/ripen") == NotNow("ConnectionRefusedError")
    assert called == [("93.184.215.14", 8443)]


def test_a_host_nobody_knows_is_tried_again(monkeypatch):
    def unknown(*_args, **_said):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(webhooks.socket, "getaddrinfo", unknown)
    assert ask() == NotNow("gaierror")


def test_plain_http_is_never_posted_to():
    assert ask("http://hooks.example.com/ripen") == Refused("private address")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for the host, and the file that trusts it."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    begins = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@pytest.mark.parametrize(("trusted", "host", "outcome"), [
    (True, HOST, Accepted("w1")),
    (False, HOST, NotNow("SSLCertVerificationError")),
    (True, "other.example.com", NotNow("SSLCertVerificationError")),
])  # fmt: skip
def test_the_receiver_must_show_a_certificate_for_its_name(monkeypatch, certificate, trusted, host, outcome):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    trust = ssl.create_default_context(cafile=str(certificate / "cert.pem") if trusted else None)
    monkeypatch.setattr(webhooks, "_trust", lambda: trust)
    monkeypatch.setattr(webhooks, "is_public", lambda _address: True)
    looked_up = socket.getaddrinfo
    monkeypatch.setattr(
        webhooks.socket, "getaddrinfo", lambda _host, *rest, **said: looked_up("127.0.0.1", *rest, **said)
    )
    with receiver(tls=server) as (port, got):
        assert ask(f"https://{host}:{port}/ripen?list=1") == outcome
    assert [path for path, _, _ in got] == (["/ripen?list=1"] if isinstance(outcome, Accepted) else [])
