"""Whether a text looks like a planted instruction or a payload.

The second line of defence: the first is where a text came from, which no wording can change. Whoever words an attack
differently passes here, so passing proves nothing; being held means that a person looks.
"""

import base64
import re
import unicodedata
from collections.abc import Iterator

from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.screening_orders import ORDERS
from hybrid_coordinator.logic.screening_payloads import COMMANDING, HIDDEN_BLOCK, PAYLOADS, PIPED
from hybrid_coordinator.logic.screening_rules import Rule

READ_CHARACTERS = 200_000
"""Of a longer text nothing is passed that stands behind these: it is held for its length."""

LONGEST_BLOB = 4_000
"""Characters of encoded text that are looked into."""

_ADDRESS = re.compile(r"\w+://[^\s'\"|)`]*")
_KNOWN_INSTALLERS = re.compile(
    r"https://(?:sh\.rustup\.rs|get\.docker\.com|nixos\.org/nix|install\.determinate\.systems|get\.k3s\.io"
    r"|install\.python-poetry\.org|astral\.sh/uv|raw\.githubusercontent\.com/(?:homebrew|nvm-sh|helm)|deb\.nodesource\.com"
    r"|bun\.sh/install|ollama\.com/install\.sh)(?:/[\w./-]*)?"
)
"""What people pipe into a shell because its makers say so: by itself no sign of a plant."""

_INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060\u2061\u2062\u2063\u2064\u3164\ufeff"
_HIDDEN = re.compile(
    rf"(?<=\w)[{_INVISIBLE}]+(?=\w)|[{_INVISIBLE}]{{3,}}|[\u202a-\u202e\u2066-\u2069]"
    r"|(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0000-\U000e007f]|[\U000e0100-\U000e01ef]"
    r"|(?<=[A-Za-z])[\u200c\u200d](?=[A-Za-z])"
)
_DROPPED = re.compile(rf"[{_INVISIBLE}\u200c-\u200f\u202a-\u202e\u2066-\u2069\U000e0100-\U000e01ef]")
_TAG_LETTERS = {code: code - 0xE0000 for code in range(0xE0020, 0xE007F)}
_MIXED = re.compile(r"[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]")
_LOOKALIKES = str.maketrans("аеорсухіјѕԁһӏвкмнтАЕОРСУХІЈЅВКМНТ", "aeopcyxijsdhlbkmhtAEOPCYXIJSBKMHT")
_BLOB = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/]{24,}={0,2}(?![A-Za-z0-9+/_-])")


def screen(text: str) -> tuple[str, ...]:
    """Why a person should look at a text before anything is learned from it; nothing for one that looks harmless."""
    if len(text) > READ_CHARACTERS:
        return ("is too long to be looked through",)
    reasons = dict.fromkeys(_reasons(text))
    return tuple(reasons)


def _reasons(text: str) -> Iterator[str]:
    if _HIDDEN.search(text):
        yield "holds characters that nobody sees"
    if _MIXED.search(text):
        yield "mixes alphabets within a word"
    plain = reveal(text)
    yield from _found(plain)
    for blob in _decoded(text):
        if any(_found(reveal(blob))):
            yield "hides an order by an encoding"
    if redact(text).counts:
        yield "holds a key or a password"


def reveal(text: str) -> str:
    """The text as a reader would take it: without what is invisible, lookalikes made plain, in lower case."""
    shown = _DROPPED.sub("", unicodedata.normalize("NFKC", text).translate(_TAG_LETTERS))
    return (shown.translate(_LOOKALIKES) if _MIXED.search(shown) else shown).lower()


def _found(plain: str) -> Iterator[str]:
    for rule in (*ORDERS, *PAYLOADS):
        if _strikes(rule, plain):
            yield rule.reason
    for match in HIDDEN_BLOCK.finditer(plain):
        if COMMANDING.search(match.group(1) or match.group(2) or ""):
            yield "holds an order in hidden markup"


def _strikes(rule: Rule, plain: str) -> bool:
    matches = rule.pattern.finditer(plain)
    if rule is PIPED:
        return any(not _is_known_installer(match.group()) for match in matches)
    return next(matches, None) is not None


def _is_known_installer(command: str) -> bool:
    addresses = _ADDRESS.findall(command)
    return bool(addresses) and all(map(_KNOWN_INSTALLERS.fullmatch, addresses))


def _decoded(text: str) -> Iterator[str]:
    """What the encoded runs of a text say, where they say anything in letters."""
    for match in _BLOB.finditer(text):
        blob = match.group()[:LONGEST_BLOB].rstrip("=")
        if len(blob) % 4 == 1:
            blob = blob[:-1]
        try:
            said = base64.b64decode(blob + "=" * (-len(blob) % 4), validate=True).decode()
        except ValueError:
            continue
        if said.isprintable() or "\n" in said:
            yield said
