"""Alerts against a real HTTP server and real programs, with endpoints and processes that fail in every way."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.monitor.outbox_of_rows import OutboxOfRows

from learning_debt.monitor.alerts import Message, message_of, send_alerts
from learning_debt.monitor.command_hook import CommandHook
from learning_debt.monitor.webhook import Webhook, signature

ROOT = Path(__file__).parents[2]
warns_of_failure = pytest.mark.filterwarnings("ignore:.*did not take the alert:UserWarning")


@contextmanager
def server(answer):
    """A server on this machine; `answer(handler, number)` answers the request of that number, counted from 0."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, {name.lower(): text for name, text in self.headers.items()}, body))
            answer(self, len(received) - 1)

        def do_GET(self):
            self.do_POST()

        def log_message(self, *_):
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_):  # clients that hang up are part of the tests
            pass

    with Quiet(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", received
        running.shutdown()


def status(*codes, **headers):
    """Answers with these codes, one after the other, and the last one from then on."""

    def answer(handler, number):
        handler.send_response(codes[min(number, len(codes) - 1)])
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()

    return answer


@pytest.fixture
def outbox(tmp_path):
    return OutboxOfRows(tmp_path / "ledger.sqlite")


def outcomes(outbox):
    return [(row[2], row[4]) for row in outbox.deliveries()]


# What is sent


def test_the_signature_is_that_of_the_standards_own_example():
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    message = Message("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    assert signature(secret, message, 1614265330) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["plain text", "whsec_" + base64.b64encode(b"\x00\xff bytes").decode()])
def test_a_request_carries_the_decision_and_can_be_verified(outbox, monkeypatch, secret):
    monkeypatch.setenv("OWNERS_SECRET", secret)
    key = secret.encode() if not secret.startswith("whsec_") else b"\x00\xff bytes"
    outbox.decide("9c1f", debt="Infinity", label="2026-11 Łódź", regret=None)
    with server(status(204)) as (address, received):
        (delivery,) = send_alerts(outbox, [Webhook(f"{address}/hook?a=1", secret_variable="OWNERS_SECRET")])
    assert (delivery.outcome, delivery.decision, delivery.detail) == ("delivered", "9c1f", "")
    ((path, sent, body),) = received
    assert path == "/hook?a=1"
    assert sent["content-type"] == "application/json"
    assert sent["webhook-id"] == sent["idempotency-key"] == "9c1f"
    assert abs(time.time() - int(sent["webhook-timestamp"])) < 5
    signed = f"9c1f.{sent['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert sent["webhook-signature"] == f"v1,{expected}"
    told = json.loads(body)
    assert told["id"] == "9c1f"
    assert told["type"] == "learning_debt.decision"
    assert told["data"]["label"] == "2026-11 Łódź"
    assert secret not in repr(outbox.deliveries())


def test_without_a_secret_nothing_is_signed(outbox):
    outbox.decide("9c1f")
    with server(status(200)) as (address, received):
        send_alerts(outbox, [Webhook(address)])
    assert "webhook-signature" not in received[0][1]


def test_numbers_that_json_does_not_know_are_null():
    body = message_of({"receipt": "a", "gap": float("nan"), "debt": float("-inf")}).body
    assert json.loads(body)["data"] == {"receipt": "a", "gap": None, "debt": "-Infinity"}


# Once each


def test_each_decision_is_sent_once_to_each_hook(outbox):
    for receipt, verdict in (("a", "retrain"), ("b", "wait"), ("c", "cannot tell")):
        outbox.decide(receipt, verdict)
    with server(status(200)) as (address, received):
        hooks = [Webhook(address), Webhook(address, name="all", verdicts=("wait", "retrain", "cannot tell"))]
        for _ in range(3):
            send_alerts(outbox, hooks)
        outbox.decide("d")
        send_alerts(outbox, hooks)
    ids = [headers["webhook-id"] for _, headers, _ in received]
    assert sorted(ids) == sorted(["a", "c", "a", "b", "c", "d", "d"])


def test_a_cooldown_holds_back_the_same_verdict_only(outbox, monkeypatch):
    now = [1_000_000.0]
    monkeypatch.setattr("learning_debt.monitor.alerts.time.time", lambda: now[0])
    with server(status(200)) as (address, _):
        hook = Webhook(address, cooldown=3600)
        for receipt, verdict, series, seconds in (
            ("first", "retrain", "north", 0),
            ("again", "retrain", "north", 3599),
            ("elsewhere", "retrain", "south", 0),
            ("changed", "cannot tell", "north", 0),
            ("later", "cannot tell", "north", 3600),
            ("clock set back", "cannot tell", "north", -500_000),
        ):
            now[0] += seconds
            outbox.decide(receipt, verdict, series)
            send_alerts(outbox, [hook])
    assert outcomes(outbox) == [
        ("first", "delivered"),
        ("again", "held back"),
        ("elsewhere", "delivered"),
        ("changed", "delivered"),
        ("later", "delivered"),
        ("clock set back", "delivered"),
    ]


DIES_BEFORE_THE_RECORD = """
    import os, signal, sys
    from tests.monitor.outbox_of_rows import OutboxOfRows
    from learning_debt.monitor.alerts import send_alerts
    from learning_debt.monitor.webhook import Webhook
    outbox = OutboxOfRows(sys.argv[1])
    outbox.record = lambda _: os.kill(os.getpid(), signal.SIGKILL)
    send_alerts(outbox, [Webhook(sys.argv[2])])
"""


@pytest.mark.slow
def test_a_process_killed_between_delivery_and_record_sends_the_same_id_again(outbox):
    outbox.decide("9c1f")
    with server(status(200)) as (address, received):
        program = [sys.executable, "-c", textwrap.dedent(DIES_BEFORE_THE_RECORD), str(outbox.path), address]
        paths = os.pathsep.join([str(ROOT), str(ROOT / "src")])
        ended = subprocess.run(program, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, check=False)
        assert ended.returncode == -signal.SIGKILL
        assert not outbox.deliveries()
        assert [one.outcome for one in send_alerts(outbox, [Webhook(address)])] == ["delivered"]
        assert not send_alerts(outbox, [Webhook(address)])
    assert [headers["webhook-id"] for _, headers, _ in received] == ["9c1f", "9c1f"]


def test_a_record_that_fails_is_said_and_the_alert_is_sent_again(outbox, monkeypatch):
    outbox.decide("9c1f")
    with server(status(200)) as (address, received):
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "record", lambda _: (_ for _ in ()).throw(OSError("disk full")))
            with pytest.warns(UserWarning, match=r"cannot keep that \(disk full\); it will be sent again"):
                assert send_alerts(outbox, [Webhook(address)]) == []
        assert [one.outcome for one in send_alerts(outbox, [Webhook(address)])] == ["delivered"]
    assert [headers["webhook-id"] for _, headers, _ in received] == ["9c1f", "9c1f"]


def test_nothing_is_sent_while_another_process_sends(outbox, monkeypatch):
    @contextmanager
    def taken():
        yield False

    outbox.decide("9c1f")
    monkeypatch.setattr(outbox, "sending", taken)
    with server(status(200)) as (address, received):
        assert send_alerts(outbox, [Webhook(address)]) == []
    assert not received


# Endpoints that fail


def quick(address, **options):
    return Webhook(address, **{"backoff": 0.01, "timeout": 0.5} | options)


@warns_of_failure
@pytest.mark.parametrize(
    ("codes", "requests", "outcome"),
    [
        ((500, 200), 2, "delivered"),
        ((503, 429, 202), 3, "delivered"),
        ((408, 425, 200), 3, "delivered"),
        ((500,), 3, "failed"),
        ((404,), 1, "failed"),
        ((401,), 1, "failed"),
        ((410,), 1, "failed"),
    ],
)
def test_what_may_pass_is_tried_again(outbox, codes, requests, outcome):
    outbox.decide("9c1f")
    with server(status(*codes)) as (address, received):
        (delivery,) = send_alerts(outbox, [quick(address)])
        assert delivery.outcome == outcome
        assert len(received) == requests
        if outcome == "failed":
            assert delivery.detail.startswith(f"{address} answered {codes[-1]}")
    assert {headers["webhook-id"] for _, headers, _ in received} == {"9c1f"}


@warns_of_failure
def test_after_a_failure_later_alerts_wait_and_come_in_order(outbox):
    for receipt in "abc":
        outbox.decide(receipt)
    with server(status(200, 400, 200)) as (address, received):
        assert [one.outcome for one in send_alerts(outbox, [quick(address)])] == ["delivered", "failed"]
        assert [one.outcome for one in send_alerts(outbox, [quick(address)])] == ["delivered", "delivered"]
    assert [headers["webhook-id"] for _, headers, _ in received] == ["a", "b", "b", "c"]


@warns_of_failure
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(outbox, code):
    outbox.decide("9c1f")
    with server(status(200)) as (elsewhere, stolen), server(status(code, Location=elsewhere)) as (address, received):
        (delivery,) = send_alerts(outbox, [quick(address)])
    assert delivery.outcome == "failed"
    assert "a redirect, which is not followed" in delivery.detail
    assert len(received) == 1
    assert not stolen


@warns_of_failure
def test_a_refused_connection_is_a_failure_that_names_no_more_than_the_host(outbox):
    outbox.decide("9c1f")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (delivery,) = send_alerts(outbox, [quick(f"http://127.0.0.1:{port}/services/T0/hidden?token=hidden")])
    assert delivery.outcome == "failed"
    assert "ConnectionRefusedError" in delivery.detail
    assert "hidden" not in repr(outbox.deliveries())


def dripping(handler, number):
    """One letter of a header every few moments, so that no single read ever times out."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(1000):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.02)


def sleeping(handler, number):
    time.sleep(20)


def hanging_up(handler, number):
    handler.connection.close()


def nonsense(handler, number):
    handler.wfile.write(b"\x00\xff nonsense\r\n\r\n")


@warns_of_failure
@pytest.mark.slow
@pytest.mark.parametrize("answer", [dripping, sleeping, hanging_up, nonsense], ids=lambda answer: answer.__name__)
def test_a_dead_endpoint_takes_no_longer_than_its_time(outbox, answer):
    outbox.decide("9c1f")
    with server(answer) as (address, _):
        begun = time.monotonic()
        (delivery,) = send_alerts(outbox, [quick(address, timeout=0.3, attempts=2)])
        assert time.monotonic() - begun < 0.3 * 2 + 1.0
    assert delivery.outcome == "failed"
    assert outcomes(outbox) == [("9c1f", "failed")]


@warns_of_failure
@pytest.mark.slow
def test_the_deadline_holds_over_all_attempts_and_alerts(outbox):
    for receipt in "abcdef":
        outbox.decide(receipt)
    with server(sleeping) as (address, _):
        begun = time.monotonic()
        send_alerts(outbox, [quick(address, timeout=10, attempts=9)], deadline=0.5)
        assert time.monotonic() - begun < 1.5


@warns_of_failure
def test_retry_after_is_honoured_within_the_deadline(outbox):
    outbox.decide("9c1f")
    with server(status(429, 200, Retry_After="1")) as (address, received):
        begun = time.monotonic()
        (delivery,) = send_alerts(outbox, [quick(address)])
        assert delivery.outcome == "delivered"
        assert time.monotonic() - begun >= 1.0
    outbox.decide("other")
    with server(status(429, Retry_After="3600")) as (address, received):
        begun = time.monotonic()
        (delivery,) = send_alerts(outbox, [quick(address)])
        assert time.monotonic() - begun < 1.0
    assert delivery.outcome == "failed"
    assert len(received) == 1


def test_a_failure_is_said_as_a_warning(outbox):
    outbox.decide("9c1f")
    with (
        server(status(404)) as (address, _),
        pytest.warns(UserWarning, match="'webhook' did not take the alert about north: .* answered 404; the next call"),
    ):
        send_alerts(outbox, [quick(address)])


def test_an_address_from_the_environment_is_not_kept(outbox, monkeypatch):
    outbox.decide("9c1f")
    with server(status(200)) as (address, received):
        monkeypatch.setenv("OWNERS_ADDRESS", f"{address}/services/hidden")
        hook = Webhook(url_variable="OWNERS_ADDRESS")
        send_alerts(outbox, [hook])
    assert received[0][0] == "/services/hidden"
    assert "hidden" not in repr(hook) + repr(outbox.deliveries())


@warns_of_failure
def test_a_variable_that_changed_is_not_told(outbox, monkeypatch):
    outbox.decide("9c1f")
    monkeypatch.setenv("OWNERS_ADDRESS", "http://127.0.0.1/")
    hook = Webhook(url_variable="OWNERS_ADDRESS")
    monkeypatch.setenv("OWNERS_ADDRESS", "htp://alerts.example/hidden")
    (delivery,) = send_alerts(outbox, [hook])
    assert delivery.outcome == "failed"
    assert "must be an http or https address" in delivery.detail
    assert "hidden" not in repr(outbox.deliveries())


# Programs


def python(program, *arguments, **options):
    return CommandHook([sys.executable, "-c", textwrap.dedent(program), *arguments], **options)


def test_a_program_gets_json_on_its_standard_input_and_arguments_as_they_are(outbox, tmp_path):
    outbox.decide("9c1f", label="2026-11")
    hook = python(
        "import json, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(json.dumps([json.load(sys.stdin), sys.argv]))",
        str(tmp_path / "told.json"),
        "$(touch pwned); `id` && *",
    )
    (delivery,) = send_alerts(outbox, [hook])
    assert delivery.outcome == "delivered"
    told, arguments = json.loads((tmp_path / "told.json").read_text())
    assert told["data"]["label"] == "2026-11"
    assert arguments[-1] == "$(touch pwned); `id` && *"
    assert not send_alerts(outbox, [hook])


@warns_of_failure
@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys; sys.exit('no such channel')", "ended with exit code 1: no such channel"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "was ended by signal 15"),
        ("import sys; sys.stderr.write('x' * 10**6); sys.exit(3)", "ended with exit code 3: xxx"),
    ],
)
def test_a_program_that_fails_is_tried_again_next_time(outbox, program, why):
    outbox.decide("9c1f")
    for _ in range(2):
        (delivery,) = send_alerts(outbox, [python(program)])
        assert delivery.outcome == "failed"
        assert why in delivery.detail
        assert len(delivery.detail) <= 300


@warns_of_failure
@pytest.mark.slow
def test_a_program_that_hangs_is_killed_with_its_children(outbox, tmp_path):
    outbox.decide("9c1f")
    program = """
        import pathlib, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        pathlib.Path(sys.argv[1]).write_text(str(child.pid))
        time.sleep(60)
    """
    begun = time.monotonic()
    (delivery,) = send_alerts(outbox, [python(program, str(tmp_path / "child"), timeout=2)])
    assert time.monotonic() - begun < 4
    assert delivery.detail.endswith("did not end in 2 s and was killed")
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not running(child):
            break
        time.sleep(0.02)
    assert not running(child)


def running(process):
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_program_that_leaves_a_child_behind_does_not_hold_anything_up(outbox):
    outbox.decide("9c1f")
    program = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])"
    begun = time.monotonic()
    (delivery,) = send_alerts(outbox, [python(program, timeout=4)])
    assert delivery.outcome == "delivered"
    assert time.monotonic() - begun < 4


def test_a_program_that_reads_nothing_may_succeed(outbox):
    outbox.decide("9c1f", reason="x" * 10**6)
    (delivery,) = send_alerts(outbox, [python("pass")])
    assert delivery.outcome == "delivered"


# Bad input


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, ValueError, "give url, or url_variable"),
        ({"url": "http://a", "url_variable": "B"}, ValueError, "give url, or url_variable"),
        ({"url": "file:///etc/passwd"}, ValueError, "must be an http or https address"),
        ({"url": "ftp://a.example/x"}, ValueError, "must be an http or https address"),
        ({"url": "a.example/x"}, ValueError, "must be an http or https address"),
        ({"url": "http://"}, ValueError, "must be an http or https address with a host"),
        ({"url": "http://[::1"}, ValueError, "must be an http or https address"),
        ({"url": "http://a.example:99999/"}, ValueError, "must be an http or https address"),
        ({"url": "https://user:secret@a.example"}, ValueError, "must hold no user or password"),
        ({"url": "https://a.example/\r\nHost: b"}, ValueError, "must be ASCII without blanks"),
        ({"url": 3}, TypeError, "url must be an address"),
        ({"url_variable": "NOT_SET_ANYWHERE"}, ValueError, "variable NOT_SET_ANYWHERE is not set"),
        ({"url": "http://a", "secret_variable": "NOT_SET_ANYWHERE"}, ValueError, "NOT_SET_ANYWHERE is not set"),
        ({"url": "http://a", "timeout": 0}, ValueError, "timeout must be a number that is above 0"),
        ({"url": "http://a", "attempts": 0}, ValueError, "attempts must be a whole number that is at least 1"),
        ({"url": "http://a", "backoff": -1}, ValueError, "backoff must be a number that is at least 0"),
        ({"url": "http://a", "cooldown": -1}, ValueError, "cooldown must be a number that is at least 0"),
        ({"url": "http://a", "verdicts": ()}, ValueError, "verdicts must name at least one"),
        ({"url": "http://a", "verdicts": ("retrian",)}, ValueError, "did you mean 'retrain'"),
        ({"url": "http://a", "name": "a\nb"}, ValueError, "printable"),
    ],
)
def test_what_is_no_webhook_is_refused(given, error, message):
    with pytest.raises(error, match=message) as refusal:
        Webhook(**given)
    assert "secret@" not in str(refusal.value)


def test_a_secret_that_is_no_base64_is_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("OWNERS_SECRET", "whsec_not base64!")
    with pytest.raises(ValueError, match="OWNERS_SECRET holds begins with whsec_ and is no base64") as refusal:
        Webhook("http://a", secret_variable="OWNERS_SECRET")
    assert "not base64!" not in str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ("rm -rf /", TypeError, "arguments must be a sequence of names"),
        ([], ValueError, "arguments must name a program"),
        (["no-such-program-anywhere"], ValueError, "there is no program 'no-such-program-anywhere'"),
        ([sys.executable, 3], TypeError, "arguments must hold names"),
    ],
)
def test_what_is_no_program_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        CommandHook(arguments)


def test_hooks_of_one_name_are_refused(outbox):
    with pytest.raises(ValueError, match="hooks have the names"):
        send_alerts(outbox, [Webhook("http://a"), Webhook("http://b")])
