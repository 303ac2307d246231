"""What was learned, where it came from, how far it got, and every change of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.knowledge import Draft
from hybrid_coordinator.domain.trust import Origin


class Stage(StrEnum):
    """How far something learned has got. Only candidates and proven ones are served."""

    CANDIDATE = "candidate"
    PROVEN = "proven"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"
    RETIRED = "retired"
    MERGED = "merged"
    SUPERSEDED = "superseded"
    STALE = "stale"
    ARCHIVED = "archived"


SERVED = frozenset((Stage.CANDIDATE, Stage.PROVEN))


@dataclass(frozen=True, slots=True)
class Learned:
    """A skill (`skills-patterns`), an error's fix (`error-solutions`) or a practice (`best-practices`), learned.

    `draft` is what is served of it, and its id is `id`. `origin` is the lowest trust over its lineage, bound when it
    was made. `learned_from` holds the interactions, or the correction, it was made of; `rests_on` the passages their
    answers were grounded in. `strategy` names how it was extracted: `extract_skill_v2`, `extractive`, `error_fix`,
    `discovered`, `correction`, `import`. `signature` is what makes two of a kind comparable exactly: an error's
    normalised signature, or "". `replaced_by` is the one it was merged into or superseded by. `why` explains the stage.
    """

    id: str
    stage: Stage
    draft: Draft
    origin: Origin
    learned_from: tuple[str, ...]
    strategy: str
    created_at: datetime
    changed_at: datetime
    rests_on: tuple[str, ...] = ()
    signature: str = ""
    replaced_by: str | None = None
    why: str = ""

    @property
    def served(self) -> bool:
        """Whether questions may be answered with it."""
        return self.stage in SERVED


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one learned thing. `before` is None for a new one, `after` None for one that was deleted.

    `action` is one word: `learn`, `promote`, `retire`, `merge`, `unmerge`, `supersede`, `archive`, `stale`, `restore`,
    `relate`, `quarantine`, `approve`, `reject`, `rollback`. `actor` says who: the name of a step, or `person`.
    """

    item_id: str
    action: str
    before: Learned | None
    after: Learned | None
    actor: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """A change as it stands in the log. `hash` covers the change, its time and `previous_hash` (hexadecimal)."""

    place: int
    at: datetime
    change: Change
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Arm:
    """Credits in [0, 1] of settled interactions: how many, their sum and the sum of their squares.

    `sessions` counts the distinct sessions they come from (an interaction without one is its own).
    """

    uses: int = 0
    credit: float = 0.0
    squares: float = 0.0
    sessions: int = 0

    @property
    def mean(self) -> float | None:
        """The mean credit; None of nothing."""
        return self.credit / self.uses if self.uses else None


@dataclass(frozen=True, slots=True)
class Uses:
    """How interactions fared that were answered with a passage, and those that went without it by chance."""

    treated: Arm = field(default_factory=Arm)
    withheld: Arm = field(default_factory=Arm)


@dataclass(frozen=True, slots=True)
class Injection:
    """A passage that was put before a question: how similar it was, in [0, 1], and the credit that it earned."""

    similarity: float
    credit: float


@dataclass(frozen=True, slots=True)
class StepState:
    """How a step of the daemon stands. `done` counts what it finished since the ledger exists; `error` is its last
    failure, "" after a success; `detail` is a sentence for people; `cursor` is the step's own."""

    step: str
    ran_at: datetime | None = None
    seconds: float = 0.0
    done: int = 0
    error: str = ""
    detail: str = ""
    cursor: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Worked:
    """What one batch of a step came to.

    `done` counts what it finished; `more` says that another batch would find something to do right now. `counts` are
    figures for people by name, such as `{"skills": 2}`; `detail` is a sentence.
    """

    done: int = 0
    more: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    detail: str = ""
