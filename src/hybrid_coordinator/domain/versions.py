"""A version: a model with what a run made of it, how it measured, and how far it got."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.query import Prompt, Role, Turn
from hybrid_coordinator.domain.training import BaseWeights, Teaching

FIRST_WORDS = Prompt((Turn(Role.USER, ("Say yes.",)),), max_tokens=2, temperature=0.0)
"""What a version is asked before anybody relies on it."""


class VersionStage(StrEnum):
    """How far a version has got. It is CANDIDATE until it is measured, CANARY while it answers a share of the sessions,
    SERVING while it answers the rest. HELD waits for better data or a person's word. RETIRED has served and was
    replaced, REJECTED measured worse before it answered anybody, ROLLED_BACK answered and turned out worse, DROPPED was
    trained on something that has been excluded since."""

    CANDIDATE = "candidate"
    HELD = "held"
    CANARY = "canary"
    SERVING = "serving"
    RETIRED = "retired"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled back"
    DROPPED = "dropped"


ANSWERING = (VersionStage.CANARY, VersionStage.SERVING)


class Decision(StrEnum):
    """What becomes of a version that was measured."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLL_BACK = "roll back"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision, and the sentence that a person would want to read beside it."""

    decision: Decision
    why: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of a version against another, over the same items.

    `groups` counts the items that do not hang together (0: each by itself). `before` and `after` are means; `low` and
    `high` bound the mean difference (95 %, paired bootstrap). `relative` differences are shares of `before`. `better`
    says whether more is better ("higher") or less is ("lower").
    """

    metric: str
    items: int
    before: float
    after: float
    low: float
    high: float
    better: str = "higher"
    relative: bool = False
    groups: int = 0

    @property
    def difference(self) -> float:
        """After minus before; as a share of before where `relative`."""
        change = self.after - self.before
        return change / self.before if self.relative and self.before else change


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a model of the house, such as `SmolLM2-135M-Instruct.Q4_1+v3`: interactions name it as `model_used`.

    `artefact` is the file in its run's folder ("" for a model at a vendor, whose name is then `vendor_model`), `sha256`
    its hash, `scale` the strength it is applied with. `measured_against` names the version it was compared with.
    `canary_since` and `serving_since` are the last time that began. Until `watched_until` a share of the sessions stays
    with the version that served before, as its control. `tainted_by` are interactions that it was trained on, directly
    or by what was learned from them, and that have been excluded since: it is not promoted.
    """

    name: str
    number: int
    model: str
    teaching: Teaching
    stage: VersionStage
    run_id: str
    base: BaseWeights
    created_at: datetime
    changed_at: datetime
    artefact: str = ""
    sha256: str = ""
    scale: float = 1.0
    vendor_model: str = ""
    dataset_hash: str = ""
    rows: int = 0
    measured_against: str = ""
    measured: tuple[Measured, ...] = ()
    verdict: Verdict | None = None
    canary: tuple[Measured, ...] = ()
    canary_since: datetime | None = None
    serving_since: datetime | None = None
    why: str = ""
    watched_until: datetime | None = None
    tainted_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionChange:
    """One change of one version; `before` is None for a new one. `action` is one word: `register`, `measure`, `canary`,
    `promote`, `hold`, `reject`, `roll-back`, `retire`, `drop`, `note`. `actor` is the name of a step, or `person`."""

    before: ModelVersion | None
    after: ModelVersion
    action: str
    actor: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class ExamAnswer:
    """What a version answered to an item of its examination, and what that scored, in [0, 1], by metric."""

    item: str
    text: str
    scores: dict[str, float] = field(default_factory=dict)
