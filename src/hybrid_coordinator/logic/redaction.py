"""Keys, passwords and tokens leave a text before anything is done with it.

Every pattern starts at a literal, and every repetition is possessive or bounded, so the time is linear in the text.
Patterns are tried only where their literal stands: finding a literal is a hundred times faster than trying a pattern
at every letter, and ordinary text holds few of them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, and how many of each kind were taken out."""

    text: str
    counts: Mapping[str, int] = field(default_factory=dict)


def redact(text: str) -> Redacted:
    """Put `[redacted:KIND]` in the place of each secret. Doing it twice changes nothing; lines keep their numbers."""
    counts: Counter[str] = Counter()
    lowered = text.lower()
    long_words = " ".join(word for word in lowered.split() if len(word) >= LEAST_TOKEN)
    for rule in _RULES:
        looked_in = long_words if rule.unbroken else lowered
        if any(needle in looked_in for needle in rule.needles) and rule.hint.search(text):
            text, replaced = _apply(rule, text)
            counts[rule.kind] += replaced
    return Redacted(text, dict(+counts))


LEAST_TOKEN = 15
"""Characters of the shortest token that announces itself, a prefix of five and ten more."""

_ODD_LETTERS = "ıſ"
"""Letters that a pattern takes for `i` and `s`, and that have no such lower case."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One of the lower-case `needles` stands in every text that can match, and what `hint` looks for.

    Every match of a rule that is `headed` starts with a needle. Those of an `unbroken` one hold no blank. What `accept`
    refuses stays as it is.
    """

    kind: str
    needles: tuple[str, ...]
    pattern: re.Pattern[str]
    accept: Callable[[re.Match[str]], bool] = lambda match: True
    headed: bool = True
    unbroken: bool = False
    hint: re.Pattern[str] = re.compile("")


def _apply(rule: _Rule, text: str) -> tuple[str, int]:
    """The text after one rule, and how often the rule struck."""
    pieces: list[str] = []
    end = 0
    for match in filter(rule.accept, _find(rule, text)):
        group = _secret_group(match)
        line_breaks = "\n" * match[group].count("\n")
        pieces += (text[end : match.start(group)], f"[redacted:{rule.kind}]", line_breaks)
        end = match.end(group)
    return "".join((*pieces, text[end:])), len(pieces) // 3


def _find(rule: _Rule, text: str) -> Iterator[re.Match[str]]:
    """The matches from left to right, none inside another."""
    lowered = text.lower()
    if not rule.headed or len(lowered) != len(text) or any(odd in text for odd in _ODD_LETTERS):
        yield from rule.pattern.finditer(text)
        return
    end = 0
    for start in sorted(start for needle in rule.needles for start in _places(needle, lowered)):
        if start >= end and (match := rule.pattern.match(text, start)):
            yield match
            end = match.end()


def _places(needle: str, text: str) -> Iterator[int]:
    start = text.find(needle)
    while start >= 0:
        yield start
        start = text.find(needle, start + 1)


def _secret_group(match: re.Match[str]) -> str | int:
    """The named group that holds the secret; without one, the whole match is the secret."""
    return next((name for name in ("secret", "quoted", "bare") if match.groupdict().get(name) is not None), 0)


def _token(kind: str, *prefixes: str, body: str, digits: int = 0) -> _Rule:
    """A token that announces itself by a prefix; with fewer digits than that it is an ordinary word."""
    heads = "|".join(re.escape(prefix) for prefix in prefixes)
    return _Rule(
        kind,
        tuple(prefix.lower() for prefix in prefixes),
        re.compile(rf"(?<![A-Za-z0-9_-])(?:{heads}){body}"),
        lambda match: _count_digits(match.group()) >= digits,
        unbroken=True,
    )


def _count_digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


_PEM_END = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_PEM = re.compile(
    rf"-----BEGIN {_PEM_END}"
    rf"(?:(?P<body>(?:[^-]|-(?!----))++)-----END {_PEM_END}|\s{{0,4}}(?:[A-Za-z0-9+/=]{{16,}}+\s{{0,4}})++)"
)
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/=]{16}")


def _holds_key(match: re.Match[str]) -> bool:
    """Not a program that only knows what the two lines around a key look like."""
    return match["body"] is None or _BASE64_RUN.search(match["body"]) is not None


_TEMPLATE = re.compile(r"[$<{%*]|\[redacted:|x{3}|\.{3}", re.IGNORECASE)
_STAND_INS = frozenset((
    "admin", "change_me", "changeit", "changeme", "default", "dummy", "empty", "example", "false", "fake", "foobar",
    "guest", "hidden", "input", "missing", "none", "not-needed", "null", "ollama", "optional", "pass", "placeholder",
    "prompt", "required", "string", "test", "text", "todo", "true", "undefined", "unknown", "value",
))  # fmt: skip
_SECRET_WORD = re.compile(r"pass(?:word|wd|phrase)|secret|token|key|your|credential", re.IGNORECASE)


def _is_template(value: str) -> bool:
    """A variable, a mask, or a place that was redacted before."""
    return _TEMPLATE.match(value) is not None


def _is_stand_in(value: str) -> bool:
    """A word, path or address that only says where the secret would come from."""
    if _is_template(value) or value.lower() in _STAND_INS or value.startswith(("/", "./", "../")) or "://" in value:
        return True
    return _SECRET_WORD.search(value) is not None and _count_digits(value) == 0


def _looks_random(value: str) -> bool:
    """Long, with digits among letters: what a generator makes, and no person names a thing."""
    if len(value) < 12 or len(set(value)) < 8:
        return False
    letters = sum(character.isalpha() for character in value)
    mixed = value != value.lower() and value != value.upper() and len(value) >= 20
    return letters >= 3 and _count_digits(value) >= (1 if mixed else 3)


_LOGIN_IN_URL = re.compile(
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,20}+://[^\s/:@\"'<>]{0,100}+:(?P<secret>[^\s/@\"'<>]{1,300}+)@"
)
_LOGIN_HINT = re.compile(r"://[^\s/:@]{0,100}+:[^\s/@]{1,300}+@")
_HEADER = re.compile(
    r"""(?ix) \b
    (?: (?:bearer|basic) \s{1,4}+
      | authorization \\{0,2} ["']? \s{0,4} [:=] \s{0,4} \\{0,2} ["']? (?: (?:bearer|basic|token|apikey) \s{1,4} )?+ )
    (?P<secret> [A-Za-z0-9._~+/=-]{16,}+ )
    """
)
_OPTION = re.compile(
    r"""(?ix) -- (?: [a-z]{1,20} - )? (?: password | passwd | token | secret | api-?key ) [ \t]{1,4}+ ["']?
    (?P<secret> [^\s"'<>$-] [^\s"'<>$]{5,300}+ )
    """
)
_AWS_SECRET = re.compile(r"(?i)aws_?secret_?access_?key[\s\"'=:]{1,8}(?P<secret>[a-z0-9/+]{40})(?![a-z0-9/+=])")
_SECRET_NAMES = (
    "passw", "passphrase", "pwd", "secret", "token",
    "api", "access", "private", "account", "auth", "signing", "encryption",
)  # fmt: skip
"""What the name of a secret starts with."""
_ASSIGNMENT = re.compile(
    r"""(?ix)
    (?<! \[redacted: )
    (?P<name>
        (?P<password> pass(?:word|wd|phrase) | pwd )
      | secret
      | (?: api | access | private | secret | account | auth | signing | encryption ) [_-]? key
      | (?P<token> token )
    )
    (?: [_-]? (?: \d{1,3} | prod | dev | staging | test | live ) )?+
    (?: \\{0,2} ["'] )?+ \]?+                               # the end of a quoted or subscripted name
    (?: \s{0,4} : \s{0,4} &? \w{1,20} (?= \s{0,4} = ) )?+   # a type
    (?P<sign> [ \t]{0,20}+ (?: => | := | = (?!=) | : (?![:=]) ) [ \t]{0,20}+ )
    (?: [bur]{0,2} (?P<quote> \\{0,2} ["'`] )
        (?P<quoted> (?: (?! (?P=quote) ) (?: \\[^\n] | [^\n\\] ) ){4,400}+ )
        (?= (?P=quote) )
      | (?P<bare> [^\s"'`,;(){}\[\]<>$\#&|\\]{6,400}+ ) (?! [(\[{<$] )
    )
    """
)


def _is_login(match: re.Match[str]) -> bool:
    return not _is_template(match["secret"])


def _is_sent_secret(match: re.Match[str]) -> bool:
    return not _is_stand_in(match["secret"]) and _looks_random(match["secret"])


def _is_option_value(match: re.Match[str]) -> bool:
    return not _is_stand_in(match["secret"]) and _count_digits(match["secret"]) > 0


def _is_assigned_secret(match: re.Match[str]) -> bool:
    if match["quoted"] is None:
        return not _is_stand_in(match["bare"]) and _is_secret_word(match, match["bare"])
    return not _is_stand_in(match["quoted"]) and _is_secret_literal(match, match["quoted"])


def _is_secret_literal(match: re.Match[str], value: str) -> bool:
    if _looks_random(value):
        return True
    if " " in value or match["token"]:
        return False
    return match["password"] is not None or _count_digits(value) > 0


def _is_secret_word(match: re.Match[str], value: str) -> bool:
    """Without quotes it may be a name in a program: take a line of an env file, and what no name looks like."""
    if match["name"].isupper() and match["sign"] == "=" and (match["password"] or _looks_random(value)):
        return True
    if "." in value or _count_digits(value) == 0:
        return False
    if not value.isidentifier():
        return len(value) >= 8 and any(character in "!@^*+=~%/" for character in value)
    return (_count_digits(value) >= 3 and _looks_random(value)) or (match["password"] is not None and "_" not in value)


def _is_aws_secret(match: re.Match[str]) -> bool:
    """Forty letters after its own name: there is nothing else that stands there."""
    return not _is_template(match["secret"])


_RULES = (
    _Rule("pem", ("private key",), _PEM, _holds_key, headed=False),
    _Rule("url", ("://",), _LOGIN_IN_URL, _is_login, headed=False, hint=_LOGIN_HINT),
    _token("anthropic", "sk-ant-", body=r"[A-Za-z0-9_-]{20,}+", digits=2),
    _token("openai", "sk-", body=r"[A-Za-z0-9_-]{20,}+", digits=3),
    _token("aws", "AKIA", "ASIA", "ABIA", "ACCA", body=r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("github", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", body=r"[A-Za-z0-9_]{22,}+"),
    _token("gitlab", "glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", body=r"[A-Za-z0-9_.-]{20,}+"),
    _token("slack", "xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxs-", "xapp-", body=r"[A-Za-z0-9-]{10,}+", digits=2),
    _token("slack", "https://hooks.slack.com/services/", body=r"[A-Za-z0-9/_-]{20,}+"),
    _token("google", "AIza", body=r"[A-Za-z0-9_-]{35,}+"),
    _token("google", "GOCSPX-", "ya29.", body=r"[A-Za-z0-9_-]{20,}+"),
    _token("stripe", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", body=r"[A-Za-z0-9]{16,}+"),
    _token("huggingface", "hf_", body=r"[A-Za-z0-9]{30,}+"),
    _token("npm", "npm_", body=r"[A-Za-z0-9]{36,}+"),
    _token("pypi", "pypi-AgE", body=r"[A-Za-z0-9_-]{50,}+"),
    _token("sendgrid", "SG.", body=r"[A-Za-z0-9_-]{16,64}+\.[A-Za-z0-9_-]{32,}+"),
    _token("digitalocean", "dop_v1_", "doo_v1_", "dor_v1_", body=r"[a-f0-9]{64,}+"),
    _token("groq", "gsk_", body=r"[A-Za-z0-9]{40,}+"),
    _token("xai", "xai-", body=r"[A-Za-z0-9]{40,}+"),
    _token("age", "AGE-SECRET-KEY-1", body=r"[A-Z0-9]{50,}+"),
    _token("jwt", "eyJ", body=r"[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+"),
    _Rule("authorization", ("bearer", "basic", "authorization"), _HEADER, _is_sent_secret),
    _Rule("aws", ("aws_secret", "awssecret"), _AWS_SECRET, _is_aws_secret),
    _Rule("option", ("--",), _OPTION, _is_option_value),
    _Rule("secret", _SECRET_NAMES, _ASSIGNMENT, _is_assigned_secret),
)  # fmt: skip
