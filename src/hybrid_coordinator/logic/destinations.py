"""Where a request goes that names a model: the name decides, and only `auto` leaves the choice to the coordinator."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

OWN_PREFIX = "claude-coordinator-"
"""Claude Code lists only models whose names hold "claude": `claude-coordinator-local` is `local`."""

LOCAL_NAMES = frozenset({"local", "local-coder", "local-analysis", "ollama", "ensemble"})
"""Ours for good, whether or not such a model is set up: a typing error in a setting must not send a question away."""

AUTO_NAMES = frozenset({"auto", "coordinator"})

_ANTHROPIC = re.compile(r"(anthropic/)?claude")
_OPENAI = re.compile(r"(openai/)?(gpt-|chatgpt|o\d|codex|text-embedding-)")


class Place(StrEnum):
    """Who answers: whoever the coordinator chooses, a model here, or a vendor."""

    AUTO = "auto"
    HOME = "home"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes. `vendor` is set for a vendor's model only."""

    place: Place
    model: str
    vendor: str = ""


def find_destination(asked: str, model_map: Mapping[str, str], home: Collection[str], wire_vendor: str) -> Destination:
    """What a model's name stands for. `wire_vendor` is whose format the request is in: a name that nobody knows is
    that vendor's to judge, so that new models work on the day they come out.
    """
    name = model_map.get(asked, asked)
    own = name.removeprefix(OWN_PREFIX)
    if own in AUTO_NAMES:
        return Destination(Place.AUTO, "auto")
    if own in home or own in LOCAL_NAMES:
        return Destination(Place.HOME, own)
    if _ANTHROPIC.match(name):
        return Destination(Place.VENDOR, name, "anthropic")
    if _OPENAI.match(name):
        return Destination(Place.VENDOR, name, "openai")
    return Destination(Place.VENDOR, name, wire_vendor)
