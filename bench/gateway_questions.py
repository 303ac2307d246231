"""What the gateway is asked in the benchmark, and the folder of documents in which it may find something about that."""

import json
from itertools import product
from pathlib import Path
from typing import Any

from bench.mock_upstream import SLOWLY

DEEDS = ("restart", "roll back", "back up", "restore", "scale out", "upgrade", "drain", "audit")
THINGS = ("ingress", "message queue", "primary database", "search index", "object store", "scheduler", "token service")
SETTINGS = ("staging", "production", "the training cluster", "the edge sites", "the warehouse", "the mobile backend")
STEPS = ("Check", "Announce", "Stop", "Copy", "Verify", "Start")

QUESTIONS = tuple(f"How do I {deed} the {thing} of {site}?" for deed, thing, site in product(DEEDS, THINGS, SETTINGS))

Messages = list[dict[str, str]]


def fixed(slowly: bool) -> list[Messages]:
    """One question that is always the same."""
    return [_asked("Explain hash maps in two sentences.", slowly)]


def changing(slowly: bool) -> list[Messages]:
    """Questions that never come twice: each is told apart by the number of its request."""
    return [_asked(f"{question} The ticket is number TURN.", slowly) for question in QUESTIONS]


def body(model: str, messages: Messages, **more: Any) -> str:
    """A request's body on one line."""
    return json.dumps({"model": model, "messages": messages, "max_tokens": 64, "temperature": 0, **more})


def write_documents(folder: Path) -> None:
    """Write a document for every question, with a section for each step."""
    for number, question in enumerate(QUESTIONS):
        sections = [_section(step, question) for step in STEPS]
        (folder / f"runbook-{number}.md").write_text("\n".join([f"# {question}\n", *sections]))


def _section(step: str, question: str) -> str:
    deed = question.removeprefix("How do I ").rstrip("?")
    return (
        f"## {step}\n\n{step} everything first when you {deed}. Whoever is on call signs it off before the next step.\n"
    )


def _asked(question: str, slowly: bool) -> Messages:
    manner = f" Answer {SLOWLY.decode()}." if slowly else ""
    return [{"role": "user", "content": question + manner}]
