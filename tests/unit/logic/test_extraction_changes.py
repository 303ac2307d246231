"""What becomes of the catalogue when something was learned, confirmed, disproved or taken back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind, ValueScore
from hybrid_coordinator.domain.knowledge import FIELDS, Collection
from hybrid_coordinator.domain.learning import Learned, Stage
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.logic.extraction_changes import (
    WITHDRAWN,
    confirm,
    disprove,
    enter,
    learned_fix,
    learned_skill,
    withdraw,
)
from hybrid_coordinator.logic.extraction_check import copy_pattern
from hybrid_coordinator.logic.extraction_fixes import choose_fix, extract_fix, is_same_solution, matching_fix
from hybrid_coordinator.logic.extraction_policy import unfit_to_teach
from hybrid_coordinator.logic.patterns import pattern_id_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
GOOD = Outcome(OutcomeKind.SUCCESS, 1)
BAD = Outcome(OutcomeKind.FAILURE, -1)
ERROR = "I get `ModuleNotFoundError: No module named 'requests'`. What now?"
SOLUTION = "Install it into the environment:\n```sh\npip install requests\n```"


def interaction(name: str = "a", **changes: Any) -> Interaction:
    one = Interaction(
        id=name,
        created_at=NOW,
        query=ERROR,
        response=SOLUTION,
        agent_type=AgentType.REMOTE,
        model_used="away",
        context_provided=("p1",),
        outcome=GOOD,
        value=ValueScore(0.8, {}, {}),
    )
    return replace(one, **changes)


def fix_of(one: Interaction, reasons: tuple[str, ...] = ()) -> Learned:
    fix = extract_fix(one.query, one.response)
    assert fix is not None
    return learned_fix(fix, one, reasons, NOW)


def counts(fix: Learned | None) -> tuple[object, ...]:
    assert fix is not None
    payload = fix.draft.payload
    return payload["success_count"], payload["failure_count"], payload["confidence_score"]


def test_a_fix_has_the_documented_fields_and_says_where_it_comes_from() -> None:
    fix = fix_of(interaction())

    assert (fix.stage, fix.strategy, fix.signature) == (
        Stage.CANDIDATE,
        "error_fix",
        "modulenotfounderror: no module named <value>",
    )
    assert FIELDS[Collection.ERRORS].keys() <= fix.draft.payload.keys()
    assert fix.draft.payload["error_message"] == "ModuleNotFoundError: No module named 'requests'"
    assert (fix.draft.payload["agent_type"], fix.draft.payload["model_used"]) == ("remote", "away")
    assert (fix.learned_from, fix.rests_on, fix.draft.id) == (("a",), ("p1",), pattern_id_of("a"))
    assert counts(fix) == (1, 0, 2 / 3)


def test_a_skill_says_how_it_was_made() -> None:
    one = interaction(query="How do I list pods?", response="1. Run kubectl get pods.")
    extracted = copy_pattern(one.query, one.response, tried="extract_skill_v2", support=0.25)
    assert extracted is not None

    skill = learned_skill(extracted, one, (), NOW)

    assert (skill.strategy, skill.draft.payload["strategy_tried"], skill.draft.payload["support"]) == (
        "extractive",
        "extract_skill_v2",
        0.25,
    )
    assert FIELDS[Collection.SKILLS].keys() - {"failure_examples", "related_skills"} <= skill.draft.payload.keys()


@pytest.mark.parametrize("origin", (Origin.TOOL_OUTPUT_EXTERNAL, Origin.UNTRUSTED_DOCUMENT))
def test_what_may_not_teach_is_quarantined_with_a_reason(origin: Origin) -> None:
    fix = fix_of(interaction(origin=origin))

    assert (fix.stage, fix.origin) == (Stage.QUARANTINED, origin)
    assert origin.value in fix.why
    assert [change.action for change in enter(fix, None)] == ["quarantine"]


def test_what_screening_doubts_is_quarantined_with_its_reasons() -> None:
    assert fix_of(interaction(), ("it orders about",)).why == "it orders about"


def test_a_known_item_is_entered_once() -> None:
    fix = fix_of(interaction())

    assert [change.action for change in enter(fix, None)] == ["learn"]
    assert enter(fix, fix) == []
    assert enter(fix, replace(fix, stage=Stage.REJECTED)) == []
    assert enter(fix, replace(fix, stage=Stage.RETIRED, why="its uplift is below zero")) == []


def test_the_same_solution_confirms_and_another_one_is_another_fix() -> None:
    fix, again = fix_of(interaction()), interaction("b")

    assert matching_fix([fix], SOLUTION) is fix
    assert matching_fix([fix], SOLUTION.replace("requests", "numpy")) is None
    [change] = confirm(fix, again, LATER)
    assert counts(change.after) == (2, 0, 3 / 4)
    assert change.after is not None
    assert (change.after.learned_from, change.after.changed_at) == (("a", "b"), LATER)
    assert confirm(change.after, again, LATER) == []


def test_the_origin_of_a_confirmed_fix_is_the_lowest_of_its_witnesses() -> None:
    [change] = confirm(fix_of(interaction()), interaction("b", origin=Origin.TOOL_OUTPUT_INTERNAL), LATER)

    assert change.after is not None
    assert change.after.origin is Origin.TOOL_OUTPUT_INTERNAL


def test_a_failure_counts_once_and_leaves_the_fix_served() -> None:
    [change] = disprove(fix_of(interaction()), interaction("b", outcome=BAD), LATER)

    assert counts(change.after) == (1, 1, 1 / 2)
    assert change.after is not None
    assert change.after.served
    assert disprove(change.after, interaction("b", outcome=BAD), LATER) == []


def test_what_was_learned_from_it_alone_is_retired_and_may_come_back() -> None:
    fix = fix_of(interaction())

    [change] = withdraw([fix], interaction(outcome=BAD), LATER)

    assert change.after is not None
    assert (change.action, change.after.stage, change.after.why) == ("retire", Stage.RETIRED, WITHDRAWN)
    assert counts(change.after) == (0, 1, 1 / 3)
    [back] = enter(fix, change.after)
    assert (back.before, back.after) == (change.after, fix)


def test_what_others_confirm_goes_on_without_it() -> None:
    [confirmed] = confirm(fix_of(interaction()), interaction("b"), LATER)
    assert confirmed.after is not None

    [change] = withdraw([confirmed.after], interaction(outcome=BAD), LATER)

    assert change.after is not None
    assert (change.after.stage, change.after.learned_from) == (Stage.CANDIDATE, ("b",))
    assert counts(change.after) == (1, 1, 1 / 2)


def test_another_interaction_brings_a_withdrawn_fix_back_without_the_first() -> None:
    [gone] = withdraw([fix_of(interaction())], interaction(outcome=BAD), LATER)
    assert gone.after is not None

    [change] = confirm(gone.after, interaction("b"), LATER)

    assert change.after is not None
    assert (change.after.stage, change.after.learned_from, change.after.why) == (Stage.CANDIDATE, ("b",), "")
    assert counts(change.after) == (1, 1, 1 / 2)


def test_what_a_person_or_a_measurement_did_away_with_stays_away() -> None:
    rejected = replace(fix_of(interaction()), stage=Stage.REJECTED)

    assert confirm(rejected, interaction("b"), LATER) == []
    assert disprove(rejected, interaction("b", outcome=BAD), LATER) == []
    assert withdraw([rejected], interaction(outcome=BAD), LATER) == []


def test_solutions_are_the_same_in_other_words_but_not_with_other_facts() -> None:
    assert is_same_solution("Restart the nginx service now.", "Restart the nginx service.")
    assert not is_same_solution("Wait 30 seconds.", "Wait 60 seconds.")
    assert not is_same_solution("Run `make a b`.", "Run `make a c`.")
    assert not is_same_solution("Restart the service.", "Reinstall the operating system.")


def test_the_fix_whose_error_is_nearest_is_offered() -> None:
    requests = fix_of(interaction())
    numpy = fix_of(interaction("b", query=ERROR.replace("requests", "numpy"), response="pip install numpy"))

    assert choose_fix("ModuleNotFoundError: No module named 'numpy'", [requests, numpy]) is numpy
    assert choose_fix("ModuleNotFoundError", [replace(numpy, stage=Stage.RETIRED)]) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    (
        ({"outcome": BAD}, "no success"),
        ({"outcome": Outcome(OutcomeKind.SUCCESS, -1)}, "no success"),
        ({"outcome": None}, "no success"),
        ({"value": ValueScore(0.69, {}, {})}, "less than 0.70"),
        ({"failure": "cut short"}, "no whole answer"),
        ({"response": " "}, "no whole answer"),
        ({"response": "I'm sorry, I cannot help with that."}, "no whole answer"),
        ({"tags": ("shadow",)}, "shadow"),
        ({"id": "gone"}, "excluded: wrong"),
    ),
)
def test_what_is_not_worth_it_is_refused_with_a_reason(changes: dict[str, Any], why: str) -> None:
    one = replace(interaction(), **changes)

    assert why in unfit_to_teach(one, high_value=0.7, excluded={"gone": "wrong"})


def test_what_is_worth_it_is_not_refused() -> None:
    assert unfit_to_teach(interaction(), high_value=0.7, excluded={}) == ""


def test_an_item_stays_below_ten_kilobytes() -> None:
    long = interaction(
        query="How do I step? " * 2_000,
        response="\n".join(f"- step {n} " + "word " * 60 for n in range(400)) + "\n```\n" + "x = 1\n" * 2_000 + "```",
    )
    extracted = copy_pattern(long.query, long.response)
    assert extracted is not None
    skill = learned_skill(extracted, long, (), NOW)
    fix = fix_of(replace(long, query=ERROR + " word" * 2_000))

    for item in (skill, fix):
        assert len(repr(item.draft).encode()) + 384 * 4 < 10_000
