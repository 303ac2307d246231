"""What a dataset says about itself: how many rows of what, what was left out, and how to find where a row is from."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.logic.dataset_selection import Selection, Sketch
from hybrid_coordinator.logic.dataset_splits import SPLITS, SplitPolicy
from hybrid_coordinator.logic.training_rows import utc_text

TRACING = (
    "metadata.interaction_ids names the interactions a row was made of (those that said the same among them), "
    "metadata.source_id the interaction, correction or imported item whose words it has, metadata.place the file and "
    "heading of an imported one. Exclude an interaction and export again: its rows, its pairs and what was learned "
    "from it alone are gone."
)
LICENCE = (
    "Made from the questions, answers and documents of whoever runs this coordinator; no licence is given. Answers of "
    "vendors' models come under the terms of those vendors, which may forbid to train other models on them."
)


@dataclass(frozen=True, slots=True)
class DatasetPolicy:
    """What becomes a row: an interaction from `least_value` on. Of questions with the same telling words that share
    `duplicate_likeness` of all words in their order, with no number, name or negation that differs, the best is kept.

    At most `most_rows` candidates are looked at, and as many pairs, the newest first: what an export holds in memory
    is bounded by it. The daemon exports every `every_s` seconds.
    """

    least_value: float = 0.7
    duplicate_likeness: float = 0.95
    most_rows: int = 20_000
    validation_share: float = 0.1
    test_share: float = 0.1
    least_rows_to_split: int = 20
    every_s: float = 86_400.0

    @property
    def splitting(self) -> SplitPolicy:
        return SplitPolicy(self.validation_share, self.test_share, self.least_rows_to_split)


@dataclass(slots=True)
class Gathered:
    """What was looked at: a sketch of everything set aside, why the rest was not, and what was taken out of texts.

    `cut` says that there was more than the policy lets an export look at.
    """

    sketches: list[Sketch] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    pairs_left_out: Counter[str] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)
    cut: bool = False


@dataclass(slots=True)
class Contents:
    """What is in the dataset, counted as it is written."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    _digest: Any = field(default_factory=sha256)

    def add(self, row: Payload) -> None:
        """Count a row, or a pair. The order is part of the hash, the time of writing is not."""
        self._digest.update(json.dumps(row, sort_keys=True, ensure_ascii=False).encode() + b"\n")
        metadata = row["metadata"]
        if "why" in metadata:
            self._count("pairs", metadata, ("why", "split"))
            return
        self._count("rows", metadata, ("split", "channel", "origin", "backend"))
        self.counts.setdefault("rows by value", Counter())[_band(metadata["value_score"])] += 1
        self.first = min(self.first or metadata["timestamp"], metadata["timestamp"])
        self.last = max(self.last, metadata["timestamp"])

    def _count(self, what: str, metadata: Payload, names: Sequence[str]) -> None:
        self.counts.setdefault(what, Counter())["all"] += 1
        for name in names:
            self.counts.setdefault(f"{what} by {name}", Counter())[metadata[name] or "unknown"] += 1

    def count(self, what: str) -> int:
        """How many `rows` or `pairs` there are."""
        return self.counts.get(what, Counter())["all"]

    def by(self, what: str) -> Mapping[str, int]:
        """Counts by name, in the order of names."""
        return dict(sorted(self.counts.get(what, Counter()).items()))

    @property
    def hash(self) -> str:
        """SHA-256 of the rows and pairs in canonical form, in hexadecimal."""
        return str(self._digest.hexdigest())


def _band(value: float | None) -> str:
    return "unscored" if value is None else f"{min(int(value * 10), 9) / 10:.1f}"


def dataset_card(
    contents: Contents,
    gathered: Gathered,
    selection: Selection,
    groups: Sequence[Sequence[Sketch]],
    policy: DatasetPolicy,
    made_at: datetime,
) -> Payload:
    """The card. Of the same rows it differs in nothing but `made_at`, unless something else was left out."""
    by_split = contents.by("rows by split")
    return {
        "format": "openai-chat",
        "made_at": utc_text(made_at),
        "content_hash": contents.hash,
        "rows": contents.count("rows"),
        "splits": {name: by_split.get(name, 0) for name in SPLITS},
        "preference_pairs": contents.count("pairs"),
        "pairs_by_judge": contents.by("pairs by why"),
        "span": [contents.first, contents.last],
        "sources": {name: contents.by(f"rows by {name}") for name in ("channel", "origin", "backend")},
        "values": contents.by("rows by value"),
        "groups": {"count": len(groups), "largest": max(map(len, groups), default=0)},
        "duplicates": {"exact": selection.exact, "near": selection.near},
        "left_out": dict(sorted(gathered.left_out.items())),
        "pairs_left_out": dict(sorted(gathered.pairs_left_out.items())),
        "redacted": dict(sorted(gathered.redacted.items())),
        "cut_at_most_rows": gathered.cut,
        "thresholds": asdict(policy),
        "licence": LICENCE,
        "tracing": TRACING,
    }


def card_page(card: Payload) -> str:
    """The card as Markdown."""
    lines = ["# Fine-tuning dataset", ""]
    for name, value in card.items():
        match value:
            case dict() if value:
                lines += [f"## {_title(name)}", "", *_table(value), ""]
            case _:
                lines += [f"**{_title(name)}**: {_say(value)}", ""]
    return "\n".join(lines)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _table(value: Mapping[str, object]) -> list[str]:
    return ["| | |", "| --- | --- |", *(f"| {_say(name)} | {_say(told)} |" for name, told in value.items())]


def _say(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name}: {_say(told)}" for name, told in value.items()) or "none"
        case list():
            return " to ".join(map(str, value))
        case _:
            return str(value).replace("|", "\\|").replace("\n", " ")
