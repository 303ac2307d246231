"""What stays the same of an error wherever and whenever it strikes: a key to look a known fix up by, without a model.

The telling line is found (the last of the most telling ones: a traceback's cause stands at its end), cut out of the
prose around it, and whatever differs from case to case is masked: times, ids, paths, hosts, numbers, what is quoted.
The class of the exception and the code of the error stay.
"""

import re

MOST_CHARACTERS = 8_000
"""Of a longer text the end is read, where a log's cause stands, and a quarter of that from its beginning."""

LONGEST_LINE = 1_000
LONGEST_SIGNATURE = 200

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_CLASS = (
    r"(?<![\w$.])(?:[A-Za-z_][\w$]{0,80}(?:\.|::))*"
    r"[A-Z][\w$]{0,80}(?:Error|Exception|Warning|Panic|Fault|Interrupt|Timeout|Exit)"
)
_LEVEL = r"(?:[Pp]anic|[Ff]atal(?: error)?|FATAL|[Ee]rror|ERROR|[Cc]ritical|CRITICAL)(?:\[\w+\])?\s?: "
_CODE = (
    r"(?:\bE[A-Z]{4,}\b|(?i:(?:error|warning|err!?)\s?\[?[a-z]{1,6}-?\d{2,5}\b|\bORA-\d{5}|\bSQLSTATE\[?\s?\w{5}"
    r"|\berrno \d+|\b(?:HTTP|status(?: code)?)[ :/=]*[45]\d\d|npm ERR! code \w+))"
)
_PHRASE = (
    r"(?i:\b(?:permission denied|connection (?:refused|reset|timed out)|no such file|command not found|out of memory"
    r"|segmentation fault|no space left|already (?:in use|allocated)|access denied|not found: |unable to |could not "
    r"|cannot |failed to |exit (?:code|status) [1-9]|killed|timed out|crashloopbackoff|imagepullbackoff|oomkilled))"
)
_PHRASES = re.compile(_PHRASE)
_TELLING = (
    re.compile(rf"{_CLASS}\b\s*:\s*\S"),
    re.compile(rf"(?:^|[\s`'\"(\[]){_LEVEL}\S|{_CODE}"),
    re.compile(rf"^\s*{_CLASS}\s*$|[`'\"]{_CLASS}[`'\"]"),
    _PHRASES,
)
"""From the most telling shape of a line to the least."""

_HINTS = (
    "err", "exception", "warning", "panic", "fault", "interrupt", "time", "exit", "fatal", "critical", "ora-",
    "sqlstate", "http", "status", "denied", "refused", "reset", "no such", "not found", "memory", "no space",
    "already", "unable", "could not", "cannot", "failed", "killed", "backoff",
)  # fmt: skip
"""One of these stands in every telling line, or a code such as ENOENT: most lines of a log need no closer look."""

_SYSTEM_CODE = re.compile(r"\bE[A-Z]{4}")

_STARTS = (re.compile(rf"{_CLASS}\b\s*(?::|$)"), re.compile(rf"{_LEVEL}|{_CODE}"))
_ASKS_HOW = re.compile(r"how\b|what (?:is|are)\b|can (?:i|you)\b", re.IGNORECASE)
_SPOKEN = re.compile(r"\?|^(?:i|we|my|our|the|it|when|why|how|what|after|if|since)\b", re.IGNORECASE)
_PROSE_END = re.compile(
    r"[,;.?!]?\s+(?:when(?:ever)?|while|after|how|why|what|but|and (?:how|what|why)|if|every time|each time)\b\s+"
    r"(?:i|we|you|my|our|the|it|do|does|can|should|to|is|are|running|trying|starting|calling|doing|using)\b.*$"
    r"|[,;]?\s+(?:why|how|what)\s*\?\s*$|[.?!]\s+[A-Z].*\?\s*$|\?\s*$",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[`“](?P<said>[^`“”\n]{6,400})[`”]")

_KEPT = (
    rf"(?P<kept>(?-i:{_CLASS})|\b(?-i:[A-Z]{{1,6}})-?\d{{2,5}}\b|(?<=error: )[45]\d\d\b"
    r"|\b(?:errno|exit code|exit status|code|status|status code|signal|http)[ :=/]+\d{1,3}\b)"
)
_MASKS = (
    ("<time>", r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
               r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?"),
    ("<id>", r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    ("<url>", r"\b[a-z][a-z0-9+.-]{1,20}://[^\s'\"`<>)\]]+"),
    ("<value>", r"'[^'\n]{0,200}'|\"[^\"\n]{0,200}\"|`[^`\n]{0,200}`|‘[^’\n]{0,200}’|“[^”\n]{0,200}”"),
    ("<path>", r"(?<![\w<])(?:[a-z]:\\|~?/|\.{1,2}/)[^\s:'\"`,;)\]]+|(?<![\w/])(?:[\w.-]+/){2,}[\w.-]+"
               r"|(?<![\w/])[\w-]+\.(?:py|js|ts|go|rs|c|h|cpp|java|nix|sh|rb|json|ya?ml|toml|lock|so|service)\b"),
    ("<host>", r"\[(?=[0-9a-f]*:)[0-9a-f:]{2,}\](?::\d+)?|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\blocalhost(?::\d+)?\b"
               r"|\b(?:[a-z0-9-]+\.)+(?:com|net|org|io|dev|local|internal|lan|svc)\b(?![.(\w])(?::\d+)?"
               r"|\b[a-z0-9][a-z0-9-]*:\d{2,5}\b"),
    ("<id>", r"\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,}\b"),
    ("<n>", r"(?<![a-z])[+-]?\d[\d.,_]*\d(?![a-z]*\d)|(?<![a-z])\d"),
)  # fmt: skip
_MASK = re.compile("|".join([_KEPT, *(f"(?P<m{place}>{mask})" for place, (_, mask) in enumerate(_MASKS))]), re.I)
_RUNS = re.compile(r"(<\w+>)(?:[\s,:/]*\1)+")


_ASKED = re.compile(r"(?i)(?<=[\s'\")])(?:what now|what (?:can|should|do) i\b.*|how (?:do|can|to)\b.*|why)\s*\?*$")
"""A question that goes on where the error ends."""


def error_signature(text: str) -> str:
    """The signature of the error that a question or the output of a command quotes; "" when there is none.

    The same error in another folder, at another time, on another host has the same one.
    """
    return sign(find_error(text))


def find_error(text: str) -> str:
    """The error as it is quoted, without the prose around it; "" when there is none."""
    read = text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS // 4]}\n{text[-MOST_CHARACTERS:]}"
    lines = [line.strip()[:LONGEST_LINE] for line in _ANSI.sub("", read).splitlines() if _hints(line)]
    for shape in _TELLING:
        telling = [line for line in lines if shape.search(line) and not (shape is _PHRASES and _ASKS_HOW.match(line))]
        if telling:
            return _cut_out(telling[-1])
    return ""


def _hints(line: str) -> bool:
    lower = line.lower()
    return any(hint in lower for hint in _HINTS) or _SYSTEM_CODE.search(line) is not None


def sign(error: str) -> str:
    """An error with everything masked that differs from case to case."""
    masked = _MASK.sub(_mask, error)
    return _RUNS.sub(r"\1", " ".join(masked.lower().split()).strip(" .:;,`"))[:LONGEST_SIGNATURE]


def _mask(found: re.Match[str]) -> str:
    place = found.lastgroup or "kept"
    return found.group() if place == "kept" else _MASKS[int(place[1:])][0]


def _cut_out(line: str) -> str:
    """What is quoted, when an error is; else from the class or the code on, to where the prose goes on."""
    quoted = [
        match["said"] for match in _QUOTED.finditer(line) if any(start.search(match["said"]) for start in _STARTS)
    ]
    if quoted:
        return quoted[-1].strip()
    starts = (*_STARTS, _PHRASES) if _SPOKEN.search(line) else _STARTS
    start = next((found.start() for shape in starts if (found := shape.search(line))), 0)
    return _ASKED.sub("", _PROSE_END.sub("", line[start:])).strip()
