"""What was learned, by collection, teacher and pupil."""

from hybrid_coordinator.domain.interaction import AgentType
from hybrid_coordinator.domain.knowledge import Collection
from hybrid_coordinator.domain.learning import Stage
from hybrid_coordinator.domain.measures import Served, Stored
from hybrid_coordinator.logic.collection_measures import by_collection, credit_of_documents, crossing

HOME, AWAY = AgentType.LOCAL, AgentType.REMOTE
STORED = [
    Stored(Collection.SKILLS, Stage.PROVEN, AWAY, items=2, bytes=3_000),
    Stored(Collection.SKILLS, Stage.CANDIDATE, HOME, items=3, bytes=1_000),
    Stored(Collection.SKILLS, Stage.PROVEN, None, items=1, bytes=500),
    Stored(Collection.ERRORS, Stage.PROVEN, AWAY, items=4, bytes=900),
]
SERVED = [
    Served(Collection.SKILLS, AWAY, HOME, uses=4, credit=3.0),
    Served(Collection.SKILLS, HOME, HOME, uses=4, credit=1.0),
    Served(Collection.ERRORS, AWAY, HOME, uses=1, credit=1.0),
    Served(Collection.ERRORS, AWAY, AWAY, uses=9, credit=0.0),
    Served(None, None, HOME, uses=10, credit=4.0),
]


def test_every_collection_is_told_with_what_was_learned_for_it() -> None:
    passages = {Collection.CODEBASE: 7, Collection.SKILLS: 5}

    code, skills = by_collection(passages, STORED, SERVED)

    assert (code.passages, code.stages, code.bytes, code.mean_credit) == (7, {}, 0, None)
    assert (skills.passages, skills.bytes, skills.uses, skills.mean_credit) == (5, 4_500, 8, 0.5)
    assert skills.stages == {Stage.PROVEN: 3, Stage.CANDIDATE: 3}


def test_what_those_away_taught_those_at_home_is_told_from_what_they_use_themselves() -> None:
    learned_away = crossing(STORED, SERVED, AWAY, HOME)
    learned_home = crossing(STORED, SERVED, HOME, AWAY)

    assert (learned_away.items, learned_away.uses, learned_away.mean_credit) == (6, 5, 0.8)
    assert (learned_home.items, learned_home.uses, learned_home.mean_credit) == (3, 0, None)


def test_documents_are_what_learned_things_are_compared_with() -> None:
    assert credit_of_documents(SERVED) == 0.4
    assert credit_of_documents([]) is None
