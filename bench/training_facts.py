"""Forty facts of a platform that does not exist, and eleven ways to ask for each: no model can know them."""

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.logic.exam_items import is_right as holds_word

TAUGHT_PHRASINGS = 8
"""So many of a fact's phrasings are there to be taught with; the last three are asked in the end and never before."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is so: `value` must stand in a right answer. Its `questions` are unlike each other."""

    name: str
    value: str
    answer: str
    questions: tuple[str, ...]

    @property
    def taught(self) -> tuple[str, ...]:
        return self.questions[:TAUGHT_PHRASINGS]

    @property
    def unseen(self) -> tuple[str, ...]:
        return self.questions[TAUGHT_PHRASINGS:]


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    answer: str
    questions: tuple[str, ...]
    values: tuple[tuple[str, str], ...]


_KINDS = (
    _Kind(
        "port",
        "{s} listens on port {v}.",
        (
            "Which TCP port belongs to {s}?",
            "{s} runs on what port?",
            "I forgot the port of {s}. What is it?",
            "Which port does {s} listen on?",
            "What port is {s} bound to?",
            "I need to open the firewall for {s}. Which port?",
            "On what port can I reach {s}?",
            "{s}: port number?",
            "curl cannot connect to {s}; what port should I use?",
            "Tell me the port that {s} serves on.",
            "What is the listening port of {s}?",
        ),
        (("velgate", "7143"), ("ostrakon", "9526"), ("pellworth", "6381"), ("quiverd", "8847")),
    ),
    _Kind(
        "owner",
        "{s} is owned by the {v} team.",
        (
            "Whose service is {s}?",
            "I have a question about {s}. Which team should I ask?",
            "{s}: owning team?",
            "Which team owns {s}?",
            "Who is responsible for {s}?",
            "Who do I page when {s} is down?",
            "{s} is broken. Whom should I talk to?",
            "Which team maintains {s}?",
            "Who are the owners of {s}?",
            "Name the team in charge of {s}.",
            "To which team does {s} belong?",
        ),
        (("marrowfeed", "Larkspur"), ("tindle", "Basalt"), ("oxbow-sync", "Juniper"), ("greywick", "Cinnabar")),
    ),
    _Kind(
        "path",
        "{s} reads its configuration from {v}.",
        (
            "{s} config file location?",
            "Where does {s} keep its configuration?",
            "Which config file does {s} load?",
            "Where is the configuration of {s}?",
            "Which file configures {s}?",
            "What is the path of the {s} config file?",
            "I want to edit the settings of {s}. Which file is it?",
            "From which file does {s} read its configuration?",
            "Where do I find the config for {s}?",
            "Give me the config path of {s}.",
            "In which file are the settings of {s} kept?",
        ),
        (
            ("brindle", "/etc/vel/brindle.toml"),
            ("sableport", "/opt/sable/port.yaml"),
            ("nettlecast", "/srv/nettle/cast.ini"),
            ("hobbin", "/var/lib/hobbin/main.conf"),
        ),
    ),
    _Kind(
        "restart",
        "Restart {s} with `{v}`.",
        (
            "Which command do I run to restart {s}?",
            "{s}: restart command?",
            "How can I get {s} to start again?",
            "How do I restart {s}?",
            "What is the command to restart {s}?",
            "{s} hangs. How can I bounce it?",
            "Which command restarts {s}?",
            "I changed the config of {s} and it must be restarted. How?",
            "What do I type to restart {s}?",
            "Show me the restart command for {s}.",
            "How is {s} restarted?",
        ),
        (
            ("cobbler", "vctl bounce cobbler"),
            ("finchpool", "vctl cycle finchpool"),
            ("dredgeline", "plat reset dredgeline"),
            ("wickerd", "plat kick wickerd"),
        ),
    ),
    _Kind(
        "timeout",
        "The request timeout of {s} is {v} seconds.",
        (
            "{s}: request timeout in seconds?",
            "How patient is {s} with a request, in seconds?",
            "What is the longest that {s} waits for a request?",
            "What is the request timeout of {s}?",
            "After how many seconds does a request to {s} time out?",
            "How long does {s} wait before it gives up on a request?",
            "Requests to {s} time out. What is the limit?",
            "What timeout is set for {s}?",
            "How many seconds may a request to {s} take?",
            "Tell me the timeout of {s} in seconds.",
            "When does {s} cut off a slow request?",
        ),
        (("lanternfish", "47"), ("mudlark", "83"), ("appleyard", "29"), ("thrushnet", "61")),
    ),
    _Kind(
        "retention",
        "{s} keeps its data for {v} days.",
        (
            "{s}: retention in days?",
            "How many days of data does {s} hold?",
            "After what time does {s} throw data away?",
            "For how many days does {s} keep its data?",
            "What is the retention of {s}?",
            "When does {s} delete old records?",
            "How long is data kept in {s}?",
            "After how many days is data in {s} gone?",
            "What retention period does {s} have?",
            "Tell me how many days {s} retains data.",
            "How old may data in {s} become?",
        ),
        (("crakestore", "190"), ("fenlog", "42"), ("umberdb", "365"), ("spoolhaven", "75")),
    ),
    _Kind(
        "variable",
        "Set {v} to turn on debug output in {s}.",
        (
            "{s}: debug variable?",
            "Which variable do I export to debug {s}?",
            "How can I make {s} print debug output?",
            "Which environment variable turns on debug output in {s}?",
            "How do I enable debug logging in {s}?",
            "I want to see debug output of {s}. What do I set?",
            "What variable makes {s} verbose?",
            "Debug mode of {s}: which variable?",
            "{s} logs too little. Which variable shows more?",
            "Name the environment variable for debugging {s}.",
            "What must be set to debug {s}?",
        ),
        (
            ("petrelbus", "PTR_TRACE"),
            ("gantry", "GNT_LOUD"),
            ("ivorymill", "IVM_VERBOSE"),
            ("rooksend", "RKS_TALK"),
        ),
    ),
    _Kind(
        "database",
        "{s} stores its state in {v}.",
        (
            "{s}: which database?",
            "What database is {s} built on?",
            "Where is the data of {s} kept?",
            "Which database does {s} use?",
            "Where does {s} store its state?",
            "What is the database behind {s}?",
            "In which database is the state of {s}?",
            "I need to inspect the data of {s}. Which database is it?",
            "What does {s} persist to?",
            "Name the database of {s}.",
            "Which store keeps the state of {s}?",
        ),
        (("stoatline", "FoundationDB"), ("marlinq", "CockroachDB"), ("yewtree", "ScyllaDB"), ("kestrelhub", "RocksDB")),
    ),
    _Kind(
        "schedule",
        "The {s} job runs at {v} UTC every night.",
        (
            "{s}: start time?",
            "At what hour does {s} start?",
            "When at night does {s} run?",
            "When does the {s} job run?",
            "At what time is {s} started every night?",
            "What is the schedule of the {s} job?",
            "I must not deploy while {s} runs. When is that?",
            "At which time does {s} begin?",
            "When is the nightly {s} job due?",
            "Tell me the start time of {s}.",
            "What time of night does {s} run?",
        ),
        (("tallowsweep", "02:35"), ("gullwash", "04:10"), ("emberscan", "01:55"), ("pithmerge", "03:20")),
    ),
    _Kind(
        "error",
        "Error {s} means that the {v}.",
        (
            "Error {s}: meaning?",
            "My job failed with {s}. What happened?",
            "What went wrong when {s} is reported?",
            "What does error {s} mean?",
            "I get error {s}. What is wrong?",
            "What is the meaning of {s}?",
            "The log says {s}. What does that tell me?",
            "Explain error {s}.",
            "Why do I see {s}?",
            "What is behind error code {s}?",
            "How should I read {s} in the logs?",
        ),
        (
            ("VX-417", "lease has expired"),
            ("VX-902", "shard is read-only"),
            ("VX-338", "token was revoked"),
            ("VX-655", "queue is full"),
        ),
    ),
)


def read_facts() -> Sequence[Fact]:
    """All of them, kinds one after another."""
    return [
        Fact(
            name=f"{kind.name} of {subject}",
            value=value,
            answer=_first_upper(kind.answer.format(s=subject, v=value)),
            questions=tuple(_first_upper(question.format(s=subject)) for question in kind.questions),
        )
        for kind in _KINDS
        for subject, value in kind.values
    ]


def is_right(fact: Fact, answer: str) -> bool:
    """Whether the value stands in the answer as words of its own, and none of another fact of its kind does."""
    rivals = {value for kind in _KINDS if fact.name.startswith(f"{kind.name} of") for _, value in kind.values}
    return holds_word(answer, [fact.value]) and not holds_word(answer, [one for one in rivals if one != fact.value])


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
