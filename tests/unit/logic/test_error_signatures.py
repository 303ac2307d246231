"""The same error has the same signature, wherever it strikes and whoever tells of it."""

import time

import pytest

from hybrid_coordinator.logic.error_signatures import error_signature, find_error

FAMILIES = {
    "modulenotfounderror: no module named <value>": (
        "Why do I get ModuleNotFoundError: No module named 'requests' when I run pytest?",
        'Traceback (most recent call last):\n  File "/srv/x.py", line 3, in <module>\n    import requests\n'
        "ModuleNotFoundError: No module named 'requests'",
        "I see `ModuleNotFoundError: No module named 'numpy'`. How do I fix it?",
    ),
    "java.net.connectexception: connection refused: <host>": (
        'Exception in thread "main" java.lang.IllegalStateException: boom\n\tat a.B.c(B.java:12)\n'
        "Caused by: java.net.ConnectException: Connection refused: db-1.example.com/10.0.0.3:5432",
        "java.net.ConnectException: Connection refused: db-9.example.com/10.4.0.3:5432",
    ),
    "error[e0502]: cannot borrow <value> as mutable": (
        "error[E0502]: cannot borrow `x` as mutable",
        "error[E0502]: cannot borrow `list` as mutable",
    ),
    "error ts2304: cannot find name <value>": (
        "src/a.ts(3,5): error TS2304: Cannot find name 'foo'.",
        "app/b.ts(10,7): error TS2304: Cannot find name 'bar'.",
    ),
    "panic: runtime error: index out of range [<n>] with length <n>": (
        "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\n\t/x.go:8 +0x1d\n"
        "exit status 2",
        "panic: runtime error: index out of range [7] with length 2",
    ),
    "sqlalchemy.exc.operationalerror: server at <value>, port <n> failed": (
        '2024-05-01T10:22:33.123Z ERROR [w-7] sqlalchemy.exc.OperationalError: server at "10.0.0.5", port 5432 failed',
        '2025-01-01 01:02:03,999 ERROR [w-1] sqlalchemy.exc.OperationalError: server at "10.9.9.9", port 6432 failed',
    ),
    "fatal: unable to access <value>: could not resolve host: <host>": (
        "fatal: unable to access 'https://example.com/b.git/': Could not resolve host: example.com",
        "fatal: unable to access 'https://example.org/y.git/': Could not resolve host: example.org",
    ),
    "docker: error response from daemon: endpoint web (<id>): bind for <host> failed: port is already allocated": (
        "docker: Error response from daemon: endpoint web (0f1a2b3c4d5e): Bind for 0.0.0.0:8080 failed: port is "
        "already allocated.",
        "docker: Error response from daemon: endpoint web (9f1a2b3c4d5f): Bind for 0.0.0.0:90 failed: port is "
        "already allocated.",
    ),
    "exit code 137": ("The container stops with exit code 137, why?", "It ended with exit code 137"),
    "ssh: connect to host <host> port <n>: connection refused": (
        "ssh: connect to host 10.0.0.1 port 22: Connection refused",
        "ssh: connect to host build.example.org port 2222: Connection refused",
    ),
    "oserror: [errno 28] no space left on device: <value>": (
        "OSError: [Errno 28] No space left on device: '/var/lib/x'",
        "OSError: [Errno 28] No space left on device: '/tmp/y'",
    ),
}


@pytest.mark.parametrize("signature", FAMILIES)
def test_one_family_has_one_signature(signature: str) -> None:
    assert {error_signature(text) for text in FAMILIES[signature]} == {signature}


def test_another_code_is_another_error() -> None:
    assert error_signature("OSError: [Errno 13] x") != error_signature("OSError: [Errno 28] x")
    assert error_signature("HTTPError: 404 Client Error") != error_signature("HTTPError: 403 Client Error")
    assert error_signature("exit code 137") != error_signature("exit code 1")


@pytest.mark.parametrize(
    "text",
    (
        "",
        "How do I configure nginx?",
        "How do I raise a ValueError in Python?",
        "How do I check whether a unit failed to start?",
        "What is an exception class?",
        "Fix GNOME keyring authentication errors in NixOS",
        "list pods sorted by age",
    ),
)
def test_what_quotes_no_error_has_none(text: str) -> None:
    assert error_signature(text) == ""


def test_the_error_is_cut_out_of_the_prose() -> None:
    assert find_error("I get `KeyError: 'a'` when I start it. Why?") == "KeyError: 'a'"


@pytest.mark.parametrize(
    "text",
    (
        "\x1b[31mValueError: x\x1b[0m",
        "é" * 50_000,
        "E" * 50_000,
        "'" * 50_000,
        "error: " + "a/" * 50_000,
        "a.b" * 50_000,
    ),
)
def test_a_signature_is_short_and_quick(text: str) -> None:
    started = time.perf_counter()

    signature = error_signature(text)

    assert len(signature) <= 200
    assert time.perf_counter() - started < 0.1  # typically under a millisecond: room for a busy machine
