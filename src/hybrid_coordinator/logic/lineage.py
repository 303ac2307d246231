"""What a learned thing was made of, and what was made of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hybrid_coordinator.domain.interaction import Interaction
from hybrid_coordinator.domain.knowledge import Passage
from hybrid_coordinator.domain.learning import Learned
from hybrid_coordinator.logic.provenance import passage_origin


@dataclass(frozen=True, slots=True)
class Lineage:
    """A learned thing, the interactions it was made of and the passages they rested on, as far as they still exist."""

    item: Learned
    interactions: tuple[Interaction, ...] = ()
    passages: tuple[Passage, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Everything by which it can be called: origins, channels, askers, sessions, strategies, sources and ids."""
        item = self.item
        own = (item.id, item.origin.value, item.strategy, item.draft.source, *item.learned_from, *item.rests_on)
        told = (*own, *_names_of_interactions(self.interactions), *_names_of_passages(self.passages))
        return frozenset(name for name in told if name)


@dataclass(frozen=True, slots=True)
class Sources:
    """Interactions and passages by their ids."""

    interactions: Mapping[str, Interaction] = field(default_factory=dict)
    passages: Mapping[str, Passage] = field(default_factory=dict)

    def lineage(self, item: Learned) -> Lineage:
        """That of an item, as far as its sources are here."""
        return Lineage(
            item,
            tuple(self.interactions[id] for id in item.learned_from if id in self.interactions),
            tuple(self.passages[id] for id in item.rests_on if id in self.passages),
        )


def stems_from(lineage: Lineage, origin: str) -> bool:
    """Whether an origin is in a lineage: an origin class, a channel, an asker, a session, a strategy, an id, or the
    beginning of a source up to a `:`, `/` or `#`, such as `answers:faq.jsonl` or a folder."""
    return any(name == origin or _begins(name, origin) for name in lineage.names)


def spread(ids: Iterable[str], items: Sequence[Learned]) -> frozenset[str]:
    """These ids, and those of all items that rest on one of them, by however many steps."""
    reached = set(ids)
    while fresh := {item.id for item in items if item.id not in reached and reached.intersection(item.rests_on)}:
        reached |= fresh
    return frozenset(reached)


def says_only(item: Learned, interaction_id: str) -> bool:
    """Whether an item says what one interaction said: it was made of nothing else, or its words are from there."""
    return item.learned_from == (interaction_id,) or item.draft.source == f"interaction:{interaction_id}"


def without_source(item: Learned, interaction_id: str) -> Learned:
    """The item made of one interaction less."""
    return replace(item, learned_from=tuple(id for id in item.learned_from if id != interaction_id))


def _begins(name: str, origin: str) -> bool:
    return bool(origin) and name.startswith(origin) and (origin[-1] in ":/#" or name[len(origin)] in ":/#")


def _names_of_interactions(interactions: Iterable[Interaction]) -> Iterator[str]:
    for one in interactions:
        yield from (one.id, one.origin.value, one.channel, one.asker, one.session_id or "", *one.context_provided)


def _names_of_passages(passages: Iterable[Passage]) -> Iterator[str]:
    for one in passages:
        yield from (one.id, passage_origin(one).value, one.source)
