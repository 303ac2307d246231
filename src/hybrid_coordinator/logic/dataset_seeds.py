"""Questions that a document answers: errors with their solutions, and headings that ask."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import Change, Learned, Stage
from hybrid_coordinator.domain.trust import Origin, may_teach
from hybrid_coordinator.logic.dataset_families import telling_words
from hybrid_coordinator.logic.document_splitting import split_document
from hybrid_coordinator.logic.errors_in_text import looks_like_error
from hybrid_coordinator.logic.excerpts import Excerpt
from hybrid_coordinator.logic.question_answers import MAX_ANSWER, MAX_QUESTION, QuestionAnswer, answer_draft
from hybrid_coordinator.logic.redaction import redact
from hybrid_coordinator.logic.screening import screen
from hybrid_coordinator.logic.sections import Section, read_markdown
from hybrid_coordinator.logic.splitting import passage_id
from hybrid_coordinator.logic.training_rows import IMPORT

LEAST_WORDS = 4
"""Of an answer: with fewer it says nothing, or is a list of links."""

GONE = "it is no longer in the document"

_ASKING = re.compile(r".*\?\s*|how (?:to|do|does|can|should)\b.+", re.IGNORECASE)
_LINK = re.compile(r"\[[^\]\n]{0,300}\]\([^)\n]{0,500}\)")
_NUMBERING = re.compile(r"^\s*(?:Q ?)?\d{1,3}(?:\.\d{1,3})*[.):]?\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class Seed:
    """A question with its answer, and the heading (the whole path of them) that it stands under."""

    question: str
    answer: str
    heading: str
    is_trouble: bool = False


def read_seeds(text: str) -> list[Seed]:
    """What a Markdown document answers, each question once, in its order but for headings that ask, which come last."""
    document = read_markdown(text.replace("\r\n", "\n").replace("\r", "\n"))
    found: dict[str, Seed] = {}
    for seed in (*_troubles(document), *_asking(document)):
        seed = replace(seed, question=_NUMBERING.sub("", seed.question).strip(), answer=seed.answer.strip())
        if _tells(seed):
            found.setdefault(" ".join(seed.question.lower().split()), seed)
    return list(found.values())


def _troubles(document: Section) -> Iterator[Seed]:
    """Cases, and pairs of question and answer; a long answer comes in pieces, which are put together again."""
    excerpts = (one for one in split_document(document, "markdown") if one.collection is Collection.ERRORS)
    for (question, heading), pieces in groupby(
        excerpts, key=lambda one: (one.payload["error_message"], one.piece.header)
    ):
        yield Seed(question, _join(list(pieces)), heading, is_trouble=True)


def _join(excerpts: Sequence[Excerpt]) -> str:
    if len(excerpts) == 1:
        return str(excerpts[0].payload["solution"])
    whole = "\n\n".join(one.piece.text for one in excerpts)
    return whole.partition("\n")[2]  # without the heading, or the question, that it begins with


def _asking(section: Section) -> Iterator[Seed]:
    if section.title and _ASKING.fullmatch(section.title):
        yield Seed(section.title, section.everything(), " > ".join(section.path))
    for child in section.children:
        yield from _asking(child)


def _tells(seed: Seed) -> bool:
    """Whether a stranger would know what is asked, and is told something."""
    if len(seed.question) > MAX_QUESTION or len(seed.answer) > MAX_ANSWER or "\0" in seed.question + seed.answer:
        return False
    whole = seed.question.endswith("?") and len(seed.question.split()) > 2
    asks = whole or len(telling_words(seed.question)) >= 2 or looks_like_error(seed.question)
    return asks and len(_LINK.sub("", seed.answer).split()) >= LEAST_WORDS


def seed_item(seed: Seed, path: str, origin: Origin, at: datetime, *, verified: bool) -> Learned:
    """The seed as something learned from a file. What may not teach, or looks planted, waits for a person."""
    question, answer = redact(seed.question).text, redact(seed.answer).text
    asks_back = seed.question.endswith("?") and not looks_like_error(seed.question)
    collection = Collection.ERRORS if seed.is_trouble and not asks_back else Collection.PRACTICES
    draft = answer_draft(
        QuestionAnswer(question, answer, collection, verified=verified), f"{IMPORT}:{path}#{seed.heading}"
    )
    item_id = passage_id("seed", path, question)
    why = ", ".join(("untrusted document",) if not may_teach(origin) else screen(f"{question}\n\n{answer}"))
    served = Stage.PROVEN if verified else Stage.CANDIDATE
    return Learned(
        id=item_id,
        stage=Stage.QUARANTINED if why else served,
        draft=replace(draft, id=item_id, payload={**draft.payload, "verified": verified}),
        origin=origin,
        learned_from=(file_source(path),),
        strategy=IMPORT,
        created_at=at,
        changed_at=at,
        why=why,
    )


def file_source(path: str) -> str:
    """What everything read from a file was learned from."""
    return f"{IMPORT}:{path}"


def seed_changes(known: Sequence[Learned], items: Sequence[Learned], at: datetime) -> list[Change]:
    """What to change so that these items are what the file taught. What a person rejected stays so; what is gone from
    the file is retired, and comes back with it."""
    before = {item.id: item for item in known}
    made = [_change(before.get(item.id), item) for item in items]
    names = {item.id for item in items}
    retired = [_retire(item, at) for item in known if item.id not in names and item.served]
    return [change for change in (*made, *retired) if change is not None]


def _change(before: Learned | None, item: Learned) -> Change | None:
    if before is None:
        action = "quarantine" if item.stage is Stage.QUARANTINED else "learn"
        return Change(item.id, action, None, item, IMPORT, item.why)
    returns = before.stage is Stage.RETIRED and before.why == GONE
    if before.draft == item.draft and not returns:
        return None
    if not returns and before.stage not in (Stage.CANDIDATE, Stage.PROVEN, Stage.QUARANTINED, Stage.STALE):
        return None
    return Change(
        item.id, "supersede", before, replace(item, created_at=before.created_at), IMPORT, "the document changed"
    )


def _retire(item: Learned, at: datetime) -> Change:
    return Change(item.id, "retire", item, replace(item, stage=Stage.RETIRED, changed_at=at, why=GONE), IMPORT, GONE)
