"""Requests that a tool serves: tools of many shapes, and sentences that ask for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybrid_coordinator.domain.query import Tool

Schema = Mapping[str, Any]

CITIES = ("Paris", "São Paulo", "Osaka", "Nairobi", "Reykjavík", "Lima", "Hanoi", "Oslo", "New York")
FILES = (
    "src/main.rs",
    "docs/README.md",
    "lib/net/http.py",
    "a b.txt",
    "Makefile",
    "tests/test_io.py",
    "go.mod",
    "web/app.tsx",
    "etc/hosts",
)
NAMES = ("Ada", "Grace", "Linus", "Barbara", "Ken", "Margaret", "Dennis", "Frances", "Edsger")
TOPICS = ("payments", "the login page", "search", "backups", "TLS", "billing", "caching", "the parser", "metrics")
NUMBERS = ("3", "12", "40", "7", "100", "25", "64", "9", "18")
DAYS = (
    "2026-01-04",
    "2026-02-28",
    "2026-03-15",
    "2026-05-01",
    "2026-06-30",
    "2026-07-14",
    "2026-09-09",
    "2026-10-31",
    "2026-12-24",
)


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A sentence, and the tool that serves it."""

    text: str
    tool: Tool


def tool_requests() -> list[ToolRequest]:
    """Every template with every filling; the same list each time."""
    return [
        ToolRequest(template.format(filling), tool) for tool, template, fillings in _REQUESTS for filling in fillings
    ]


def tools() -> list[Tool]:
    return [tool for tool, *_ in _REQUESTS]


def _tool(name: str, description: str, required: str, /, **properties: Any) -> Tool:
    return Tool(name, description, {"type": "object", "properties": properties, "required": required.split()})


_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": 100}
_FLAG: Schema = {"type": "boolean"}


def _list_of(items: Any, **limits: int) -> Schema:
    return {"type": "array", "items": items, **limits}


def _object(required: str, /, **properties: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": required.split()}


_TREE: Schema = {
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}},
    "required": ["root"],
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"name": _TEXT, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}

_REQUESTS: Sequence[tuple[Tool, str, Sequence[str]]] = (
    (
        _tool(
            "get_weather", "Current weather in a city.", "city", city=_TEXT, unit={"enum": ["celsius", "fahrenheit"]}
        ),
        "What is the weather in {} now?",
        CITIES,
    ),
    (_tool("read_file", "Read a file.", "path", path=_TEXT, offset=_COUNT, limit=_COUNT), "Show me {}.", FILES),
    (
        _tool("write_file", "Write a file.", "path content", path=_TEXT, content=_TEXT),
        "Write the word hello into {}.",
        FILES,
    ),
    (
        _tool(
            "edit_file",
            "Replace text in a file.",
            "path edits",
            path=_TEXT,
            edits=_list_of(_object("old new", old=_TEXT, new=_TEXT, all=_FLAG), minItems=1),
        ),
        "In {} replace foo by bar.",
        FILES,
    ),
    (
        _tool(
            "run_command", "Run a shell command.", "command", command=_TEXT, timeout_s={"type": "number", "minimum": 0}
        ),
        "Run ls -l {}.",
        FILES,
    ),
    (
        _tool(
            "search_code",
            "Search the code base.",
            "query",
            query={"type": "string", "minLength": 2, "maxLength": 60},
            limit=_COUNT,
            kinds=_list_of({"enum": ["function", "class", "module"]}, uniqueItems=True),
        ),
        "Where is the code for {}?",
        TOPICS,
    ),
    (
        _tool(
            "create_issue",
            "Open an issue.",
            "title severity",
            title=_TEXT,
            severity={"enum": ["low", "medium", "high", "critical"]},
            labels=_list_of(_TEXT, maxItems=5),
        ),
        "Open a high severity issue about {}.",
        TOPICS,
    ),
    (
        _tool(
            "book_meeting",
            "Book a meeting.",
            "day attendees",
            day={"type": "string", "format": "date"},
            attendees=_list_of(_object("name", name=_TEXT, optional=_FLAG), minItems=1, maxItems=3),
        ),
        "Book a meeting with Ada on {}.",
        DAYS,
    ),
    (
        _tool(
            "send_mail",
            "Send an e-mail.",
            "to subject body",
            to=_list_of({"type": "string", "pattern": r"^[a-z0-9.]+@[a-z0-9]+\.[a-z]{2,4}$"}, minItems=1),
            subject=_TEXT,
            body=_TEXT,
        ),
        "Send {} a mail that the build is green.",
        NAMES,
    ),
    (
        _tool(
            "set_thermostat",
            "Set a room's temperature.",
            "degrees",
            degrees={"type": "number", "minimum": 5, "maximum": 30},
        ),
        "Make it {} degrees.",
        ("18", "20.5", "21", "19", "22.5", "17", "25", "16", "23"),
    ),
    (
        _tool(
            "convert_units",
            "Convert a quantity.",
            "value source target",
            value={"type": "number"},
            source=_TEXT,
            target=_TEXT,
        ),
        "How many miles are {} kilometres?",
        NUMBERS,
    ),
    (
        _tool("roll_dice", "Roll dice.", "count sides", count=_COUNT, sides={"enum": [4, 6, 8, 10, 12, 20]}),
        "Roll {} dice with six sides.",
        NUMBERS,
    ),
    (
        _tool(
            "set_timer",
            "Start a timer.",
            "seconds",
            seconds={"type": "integer", "multipleOf": 5, "minimum": 5, "maximum": 3600},
        ),
        "Start a timer of {} seconds.",
        ("5", "10", "30", "45", "60", "90", "120", "300", "600"),
    ),
    (
        _tool(
            "look_up_version",
            "Look up a package release.",
            "package version",
            package=_TEXT,
            version={"type": "string", "pattern": r"^\d+\.\d+(\.\d+)?$"},
        ),
        "What changed in release {} of numpy?",
        ("1.2", "2.0", "1.26.4", "2.1.3", "0.9", "1.0.1", "3.11", "2.3", "1.19.5"),
    ),
    (
        _tool(
            "paint",
            "Paint a shape.",
            "shape",
            shape={
                "oneOf": [
                    _object("kind radius", kind={"const": "circle"}, radius={"type": "number", "exclusiveMinimum": 0}),
                    _object("kind width height", kind={"const": "box"}, width=_COUNT, height=_COUNT),
                ]
            },
            colour={"type": "string", "pattern": "^#[0-9a-f]{6}$"},
        ),
        "Paint a circle of radius {} in red.",
        NUMBERS,
    ),
    (
        _tool(
            "query_table",
            "Read rows of a table.",
            "table where",
            table={"enum": ["users", "orders", "events"]},
            where=_list_of(
                _object(
                    "column operator value",
                    column=_TEXT,
                    operator={"enum": ["=", "<", ">", "like"]},
                    value={"type": ["string", "number", "null"]},
                ),
                minItems=1,
                maxItems=3,
            ),
            limit=_COUNT,
        ),
        "Which orders came in after {}?",
        DAYS,
    ),
    (
        _tool(
            "schedule_job",
            "Run a job at times.",
            "job cron",
            job=_TEXT,
            cron={"type": "string", "pattern": r"^(\*|\d{1,2}) (\*|\d{1,2}) (\*|\d{1,2}) (\*|\d{1,2}) (\*|\d)$"},
            enabled=_FLAG,
        ),
        "Run the job for {} every day at noon.",
        TOPICS,
    ),
    (
        _tool(
            "add_contact",
            "Keep a contact.",
            "name address",
            name=_TEXT,
            address=_object(
                "city",
                street=_TEXT,
                city=_TEXT,
                zip={"type": "string", "pattern": "^[0-9]{5}$"},
                position=_object(
                    "lat lon",
                    lat={"type": "number", "minimum": -90, "maximum": 90},
                    lon={"type": "number", "minimum": -180, "maximum": 180},
                ),
            ),
        ),
        "Add a contact named {} who lives in Berlin.",
        NAMES,
    ),
    (
        Tool("make_tree", "Lay out folders.", _TREE),
        "Make a folder for {} with two folders in it.",
        TOPICS,
    ),
    (
        _tool(
            "translate",
            "Translate a text.",
            "text target",
            text=_TEXT,
            target={"type": "string", "pattern": "^[a-z]{2}$"},
            formal={"anyOf": [_FLAG, {"type": "null"}]},
        ),
        "Translate 'good morning, {}' into French.",
        NAMES,
    ),
    (
        _tool("list_containers", "List running containers.", "", all=_FLAG, filters=_list_of(_TEXT, maxItems=3)),
        "Which containers of {} are running?",
        TOPICS,
    ),
    (Tool("current_time", "What time it is.", {"type": "object", "properties": {}}), "What time is it in {}?", CITIES),
    (
        _tool(
            "classify",
            "Give a text its class and how sure that is.",
            "label sureness",
            label={"enum": ["bug", "feature", "question"]},
            sureness={"type": "number", "minimum": 0, "maximum": 1},
        ),
        "Is this a bug or a question: 'How do I turn on {}?'",
        TOPICS,
    ),
    (
        _tool(
            "git_commit",
            "Commit files.",
            "message files",
            message={"type": "string", "minLength": 5, "maxLength": 72},
            files=_list_of(_TEXT, minItems=1),
            amend={"const": False},
        ),
        "Commit {} with a good message.",
        FILES,
    ),
    (
        _tool(
            "resize_images",
            "Resize pictures.",
            "sizes quality",
            sizes=_list_of(_list_of(_COUNT, minItems=2, maxItems=2), minItems=1),
            quality={"type": "integer", "minimum": 1, "maximum": 95},
            format={"enum": ["png", "webp", None]},
        ),
        "Resize the pictures to {} by 50 pixels.",
        NUMBERS,
    ),
)
