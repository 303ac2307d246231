"""Secrets leave a text; ordinary code stays as it is."""

import random
import sysconfig
import time
from pathlib import Path

import pytest

from hybrid_coordinator.logic.redaction import redact

LETTERS = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z"
LONG = LETTERS * 3
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{LONG[:64]}\n{LONG[:30]}==\n-----END RSA PRIVATE KEY-----"

SECRETS = {
    "anthropic": f"sk-ant-api03-{LONG[:80]}",
    "openai": f"sk-proj-{LONG[:48]}",
    "aws": "AKIA" + "Q3EXAMPLE7KEY4ID",
    "github": f"ghp_{LONG[:36]}",
    "gitlab": f"glpat-{LONG[:20]}",
    "slack": f"xoxb-123456789012-{LONG[:24]}",
    "google": f"AIza{LONG[:35]}",
    "stripe": f"sk_live_{LONG[:24]}",
    "huggingface": f"hf_{LONG[:34]}",
    "npm": f"npm_{LONG[:36]}",
    "jwt": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{LONG[:43]}",
    "pem": PEM,
}

ASSIGNMENTS = [
    'password = "hunter2"',
    "DB_PASSWORD=letmein",
    "export API_KEY=abcd1234efgh5678",
    "api_key: 'abc123def456'",
    "password: S3cr3t!pw  # for the test server",
    'config["password"] = "hunter2"',
    'const secret: string = "s3cr3tvalue";',
    '{"password": "hunter22"}',
    r"{\"password\": \"hunter22\"}",
    'passwd="pass\\"word9"',
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "Authorization: Bearer abcdef1234567890abcd",
    'curl -H "Authorization: Basic dXNlcjpwYXNzd29yZDEyMw=="',
    "postgres://user:pw@host/db",
    "redis://:pw1@host:6379",
    "mysql --password hunter22",
    "https://example.org/?token=abc123def456ghi789&page=1",
]

ORDINARY = [
    "password = getpass()",
    "password: str",
    "token: Token = tokens[0]",
    "self.token = token2",
    "max_tokens = 4096",
    'password = os.environ["DB_PASSWORD"]',
    'password = "${DB_PASSWORD}"',
    'api_key = "your-api-key"',
    "api_key: ollama",
    'secret_name = "database-login"',
    "PASSWORD_FILE=/run/secrets/password",
    "Authorization: Bearer $TOKEN",
    "the bearer of internationalization",
    "sk-folding-cube-with-a-long-class-name",
    "https://example.org:8080/path@version",
    'PEM_HEADER = "-----BEGIN PRIVATE KEY-----"\nPEM_FOOTER = "-----END PRIVATE KEY-----"',
]

# each repeats something a pattern starts with, or almost ends with
HOSTILE = [
    "a", "a://", "a://b:", "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----" + LONG, "eyJ", "eyJaaaaaaaa.",
    "sk-", "sk-ant-", "bearer ", "authorization: ", "--password ", "password=", 'password = "', 'password="\\"',
    "key: a ", "secret=\\", "secret_key", "token: token ", "\"'", "A" * 40 + " ", "secret:    ", "api_key\\\\\"",
]  # fmt: skip


@pytest.mark.parametrize("kind", SECRETS)
def test_a_token_of_a_known_shape_is_taken_out(kind: str) -> None:
    text = f"before\n{SECRETS[kind]}\nafter"

    redacted = redact(text)

    assert redacted.counts == {kind: 1}
    assert SECRETS[kind] not in redacted.text
    assert redacted.text.startswith(f"before\n[redacted:{kind}]")
    assert redacted.text.endswith("\nafter")


@pytest.mark.parametrize("text", ASSIGNMENTS)
def test_a_value_given_to_a_secret_name_is_taken_out(text: str) -> None:
    redacted = redact(text)

    assert sum(redacted.counts.values()) == 1
    assert "[redacted:" in redacted.text
    assert not any(leak in redacted.text for leak in ("hunter", "letmein", "word9", "abc123", "wJalr", ":pw", "S3cr3t"))


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_code_stays_as_it_is(text: str) -> None:
    redacted = redact(text)

    assert redacted.text == text
    assert redacted.counts == {}


def test_a_key_that_was_cut_off_is_still_taken_out() -> None:
    text = PEM[: PEM.index("-----END")]

    assert LONG[:20] not in redact(text).text


@pytest.mark.parametrize("odd", ["İ" * 40, "ſ", "ı", "\u212a", "ß", "ΐ", "\ud800"])
def test_letters_whose_lower_case_is_odd_hide_nothing(odd: str) -> None:
    text = f'{odd} password = "hunter2" {odd}\n{SECRETS["openai"]} {odd}\n{odd}'

    redacted = redact(text)

    assert "hunter2" not in redacted.text
    assert SECRETS["openai"] not in redacted.text
    assert redacted.text.count(odd) == text.count(odd)


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("around", ['"{}"', "<{}>", "key={}&x=1", "url/{}/", "({}),", "{}\u2028{}"])
def test_a_token_is_found_whatever_stands_around_it(kind: str, around: str) -> None:
    text = around.replace("{}", SECRETS[kind])

    assert SECRETS[kind] not in redact(text).text


def test_redacting_twice_changes_nothing() -> None:
    parts = [*SECRETS.values(), *ASSIGNMENTS, *ORDINARY, "=", ": ", '"', "\n", "password", "[redacted:secret]"]
    shuffle = random.Random(7)

    for _ in range(300):
        text = "".join(shuffle.choices(parts, k=8))
        once = redact(text)

        assert redact(once.text).text == once.text


def test_lines_keep_their_numbers() -> None:
    text = f"one\n{PEM}\nlast"

    redacted = redact(text).text

    assert redacted.count("\n") == text.count("\n")
    assert redacted.split("\n")[-1] == "last"


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_megabyte_of_hostile_text_takes_no_longer_than_it_must(unit: str) -> None:
    text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    started = time.process_time()

    redact(text)

    assert time.process_time() - started < 5


def test_the_standard_library_is_left_alone_but_for_its_test_passwords() -> None:
    folder = Path(sysconfig.get_paths()["stdlib"])
    sources = [path.read_text(errors="replace") for path in folder.glob("*.py")]

    struck = sum(sum(redact(source).counts.values()) for source in sources)

    lines = sum(source.count("\n") for source in sources)
    assert lines > 50_000
    assert struck / lines < 1 / 10_000


def test_an_aws_secret_is_taken_out_wherever_its_name_stands_before_it() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz"

    said = redact(f"aws configure set aws_secret_access_key {secret}").text

    assert secret not in said
    assert "aws configure set" in said
