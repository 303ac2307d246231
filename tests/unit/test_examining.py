"""A trained version is examined before it may answer anybody."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

import pytest

from exam_room import (
    BASE,
    BASE_NAME,
    NOON,
    ROWS,
    SET,
    Answer,
    ExamRoom,
    School,
    is_general,
    knows_everything,
    knows_nothing,
    knows_only_what_it_was_taught,
    knows_what_is_general,
    version,
)
from hybrid_coordinator.domain.training import Recipe, Run, RunState, Teaching
from hybrid_coordinator.domain.versions import Decision, VersionChange, VersionStage
from hybrid_coordinator.errors import Conflict, ModelRefused, ModelUnavailable
from hybrid_coordinator.flows.judging import Judge
from hybrid_coordinator.logic.exam_items import FACTS, FORMATS, GENERAL, ExamPolicy
from hybrid_coordinator.logic.exam_metrics import DOCUMENTS, FORGETTING, JUDGE, MEANING
from hybrid_coordinator.logic.likelihoods import Likelihood
from hybrid_coordinator.testing import HashEmbedder, ScriptedModel

V1, V2 = version(1), version(2)
TRAINED_ELSEWHERE = Run(
    V1.run_id, NOON, NOON, RunState.FINISHED, "local", Teaching.LORA, BASE, Recipe(), attempts=1, instance="the other"
)
EVERYBODY: Mapping[str | None, Answer] = {None: knows_what_is_general, V1.name: knows_everything}
HELD_OUT, OTHERS = len(ROWS), len(SET.general) + len(SET.formats)


async def test_a_version_that_has_learned_passes_and_is_handed_over() -> None:
    room = ExamRoom(School(EVERYBODY))
    await room.enrol(V1)

    await room.work_through()

    after = await room.runs.version(V1.name)
    assert (room.promoted, after.stage) == ([V1.name], VersionStage.CANARY)
    assert after.verdict is not None
    assert after.verdict.decision is Decision.PROMOTE
    figures = {one.metric: (one.before, one.after) for one in after.measured}
    assert figures[FACTS] == (0.0, 1.0)
    assert (figures[GENERAL], figures[FORMATS]) == ((1.0, 1.0), (1.0, 1.0))
    assert after.measured_against == BASE_NAME
    assert [(kind, fields["decision"]) for kind, fields in room.events] == [("model_measured", "promote")]
    assert all(pupil.closed for pupil in room.school.pupils)


async def test_a_version_that_learned_nothing_is_held_with_its_figures() -> None:
    room = ExamRoom(School({None: knows_what_is_general, V1.name: knows_what_is_general}))
    await room.enrol(V1)

    await room.work_through()

    after = await room.runs.version(V1.name)
    assert (room.promoted, after.stage) == ([], VersionStage.HELD)
    assert "exact facts recalled 0.00 → 0.00 on 24 items" in after.why


async def test_a_version_that_forgot_what_is_general_is_rejected_whatever_it_learned() -> None:
    room = ExamRoom(School({None: knows_what_is_general, V1.name: knows_only_what_it_was_taught}))
    await room.enrol(V1)

    await room.work_through()

    after = await room.runs.version(V1.name)
    assert after.stage is VersionStage.REJECTED
    assert "general questions answered right 1.00 → 0.00" in after.why


async def test_a_version_that_answers_worse_than_the_one_that_serves_is_rejected() -> None:
    room = ExamRoom(School({None: knows_what_is_general, V1.name: knows_everything, V2.name: knows_what_is_general}))
    await room.enrol(replace(V1, stage=VersionStage.SERVING), V2)

    await room.work_through()

    after = await room.runs.version(V2.name)
    assert (after.stage, after.measured_against) == (VersionStage.REJECTED, V1.name)
    assert "answers worse than what it would replace" in after.why


async def test_held_out_questions_go_to_the_version_that_serves_and_general_ones_to_the_base() -> None:
    room = ExamRoom(School({None: knows_everything, V1.name: knows_everything, V2.name: knows_everything}))
    await room.enrol(replace(V1, stage=VersionStage.SERVING), V2)

    await room.work_through()

    asked = room.school.asked
    assert sum(count for (name, _), count in asked.items() if name == V2.name) == HELD_OUT + OTHERS
    assert sum(count for (name, text), count in asked.items() if name == V1.name and not is_general(text)) == HELD_OUT
    assert sum(count for (name, text), count in asked.items() if name == BASE_NAME and is_general(text)) == OTHERS
    assert len(asked) == 2 * (HELD_OUT + OTHERS)


async def test_rows_that_the_version_that_serves_was_trained_on_are_not_asked() -> None:
    room = ExamRoom(School({None: knows_everything, V1.name: knows_everything, V2.name: knows_everything}))
    await room.enrol(replace(V1, stage=VersionStage.SERVING), V2)
    await room.runs.keep_sources(V1.name, [question for question, _ in ROWS[:20]])

    await room.work_through()

    after = await room.runs.version(V2.name)
    assert {one.items for one in after.measured if one.metric == FACTS} == {4}
    assert "4 held-out questions with answers of their own are too few" in after.why


async def test_an_exam_goes_on_after_any_batch_with_nothing_asked_twice() -> None:
    room = ExamRoom(School(EVERYBODY))
    await room.enrol(V1)

    while (await room.examiner.work()).more:
        room.begin()

    assert room.promoted == [V1.name]
    assert set(room.school.asked.values()) == {1}


async def test_answers_of_others_are_not_asked_for_again_by_the_next_candidate() -> None:
    room = ExamRoom(School({**EVERYBODY, V1.name: knows_what_is_general, V2.name: knows_everything}))
    await room.enrol(V1, V2)

    await room.work_through()

    assert [(await room.runs.version(one.name)).stage for one in (V1, V2)] == [VersionStage.HELD, VersionStage.CANARY]
    assert set(room.school.asked.values()) == {1}


async def test_a_batch_is_over_when_its_time_is() -> None:
    room = ExamRoom(School(EVERYBODY), policy=ExamPolicy(batch=1_000, batch_s=10.0))

    def slowly(asked: str) -> str:
        room.clock.advance(4.0)
        return knows_everything(asked)

    room.school.teach(V1.name, slowly)
    await room.enrol(V1)

    assert (await room.examiner.work()).done == 3


async def test_a_person_who_asks_goes_first_and_what_was_answered_is_kept() -> None:
    room, waiting = ExamRoom(School(EVERYBODY)), ExitStack()

    def interrupted(asked: str) -> str:
        if room.school.asked.total() == 3:
            waiting.enter_context(room.traffic.answering())
        return knows_everything(asked)

    room.school.teach(V1.name, interrupted)
    await room.enrol(V1)

    with waiting:
        batches = [await room.examiner.work() for _ in range(2)]
    await room.work_through()

    assert [(worked.done, worked.more) for worked in batches] == [(2, True), (0, False)]
    assert room.promoted == [V1.name]
    assert len(room.school.pupils) == 2  # its engine stayed up meanwhile


async def test_a_version_that_cannot_be_opened_is_rejected_with_the_engines_words() -> None:
    room = ExamRoom(School(EVERYBODY, {V1.name: ModelRefused("the adapter is for another base; train it again")}))
    await room.enrol(V1)

    await room.work_through()

    after = await room.runs.version(V1.name)
    assert after.stage is VersionStage.REJECTED
    assert "the adapter is for another base" in after.why


async def test_what_may_pass_is_tried_later() -> None:
    room = ExamRoom(School(EVERYBODY, {V1.name: ModelUnavailable("the server is starting")}))
    await room.enrol(V1)

    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            await room.examiner.work()
    room.school.refusals.clear()
    await room.work_through()

    assert room.promoted == [V1.name]


async def test_one_that_cannot_be_asked_does_not_hold_up_the_next() -> None:
    pupils = {**EVERYBODY, V2.name: knows_nothing}
    room = ExamRoom(School(pupils, {V1.name: ModelUnavailable("its file is not here")}))
    await room.enrol(V1, V2)

    with pytest.raises(ModelUnavailable):
        await room.examiner.work()
    with pytest.raises(ModelUnavailable):
        await room.work_through()

    assert (await room.runs.version(V2.name)).stage is VersionStage.REJECTED
    assert (await room.runs.version(V1.name)).stage is VersionStage.CANDIDATE


async def test_what_has_passed_is_not_brought_to_its_model_while_somebody_waits() -> None:
    room, waiting = ExamRoom(School(EVERYBODY)), ExitStack()

    async def somebody_asks() -> None:
        room.meanwhile = None
        waiting.enter_context(room.traffic.answering())

    room.meanwhile = somebody_asks
    await room.enrol(V1)

    with waiting:
        await room.work_through()
        meanwhile = list(room.promoted)
    await room.work_through()

    assert (meanwhile, room.promoted) == ([], [V1.name])


async def test_what_its_model_does_not_take_after_all_is_rejected_with_its_figures() -> None:
    room = ExamRoom(School(EVERYBODY), refused="the adapter is for another base")
    await room.enrol(V1)

    await room.work_through()

    after = await room.runs.version(V1.name)
    assert (after.stage, room.promoted) == (VersionStage.REJECTED, [])
    assert "the adapter is for another base" in after.why
    assert after.measured


async def test_no_engine_is_started_while_somebody_waits() -> None:
    room = ExamRoom(School(EVERYBODY))
    await room.enrol(V1)

    with room.traffic.answering():
        worked = await room.examiner.work()

    assert (worked.done, worked.more, room.school.pupils) == (0, False, [])


async def test_a_base_that_cannot_be_opened_decides_nothing() -> None:
    room = ExamRoom(School(EVERYBODY, {None: ModelRefused("no weights")}))
    await room.enrol(V1)

    with pytest.raises(ModelRefused):
        await room.work_through()

    assert (await room.runs.version(V1.name)).stage is VersionStage.CANDIDATE


async def test_a_version_that_breaks_off_again_and_again_is_rejected() -> None:
    room = ExamRoom(School(EVERYBODY, trouble=lambda asked: ModelUnavailable("it died") if "s7 " in asked else None))
    await room.enrol(V1)

    failures = 0
    for _ in range(50):
        try:
            if not (await room.examiner.work()).more:
                break
        except ModelUnavailable:
            failures += 1

    after = await room.runs.version(V1.name)
    assert (failures, after.stage) == (room.policy.most_failures - 1, VersionStage.REJECTED)
    assert "it died" in after.why


async def test_what_another_answers_in_a_versions_place_is_no_answer_of_that_version() -> None:
    room = ExamRoom(School(EVERYBODY, impostor=BASE_NAME))
    await room.enrol(V1)

    with pytest.raises(ModelUnavailable, match="answered in place of"):
        await room.work_through()
    kept = await room.runs.answers(V1.name)
    room.school.impostor = ""
    await room.work_through()

    assert kept == {}
    assert room.promoted == [V1.name]


async def test_what_keeps_the_base_away_too_is_not_the_versions_fault() -> None:
    school = School(
        EVERYBODY, trouble=lambda _asked: ModelUnavailable("429, too many requests") if school.refusals else None
    )
    school.refusals[None] = ModelUnavailable("429, too many requests")
    room = ExamRoom(school)
    await room.enrol(V1)

    for _ in range(3 * room.policy.most_failures):
        with pytest.raises(ModelUnavailable):
            await room.examiner.work()
    meanwhile = (await room.runs.version(V1.name)).stage
    school.refusals.clear()
    await room.work_through()

    assert meanwhile is VersionStage.CANDIDATE
    assert room.promoted == [V1.name]


async def test_a_key_that_is_revoked_in_the_middle_scores_nothing() -> None:
    school = School(EVERYBODY, trouble=lambda _asked: ModelRefused("401, wrong key") if school.refusals else None)
    school.refusals[None] = ModelRefused("401, wrong key")
    room = ExamRoom(school)
    await room.enrol(V1)

    with pytest.raises(ModelRefused, match="wrong key"):
        await room.examiner.work()
    kept = await room.runs.answers(V1.name)
    school.refusals.clear()
    await room.work_through()

    assert kept == {}
    assert room.promoted == [V1.name]


async def test_an_engine_does_not_outlive_the_examination_it_was_started_for() -> None:
    room = ExamRoom(School(EVERYBODY))
    await room.enrol(V1)
    await room.examiner.work()
    running = [pupil for pupil in room.school.pupils if not pupil.closed]

    before = await room.runs.version(V1.name)
    dropped = VersionChange(before, replace(before, stage=VersionStage.DROPPED), "drop", "person")
    await room.runs.apply([dropped], NOON)
    await room.examiner.work()

    assert len(running) == 1
    assert all(pupil.closed for pupil in room.school.pupils)


async def test_a_question_that_a_version_will_not_take_counts_as_not_answered() -> None:
    room = ExamRoom(School(EVERYBODY, trouble=lambda asked: ModelRefused("too long") if "s7 " in asked else None))
    await room.enrol(V1)

    await room.work_through()

    after = await room.runs.version(V1.name)
    [facts] = [one for one in after.measured if one.metric == FACTS]
    assert facts.items == HELD_OUT
    assert facts.after < 1.0


async def test_what_has_passed_waits_while_another_is_tried_out_and_the_next_is_examined_meanwhile() -> None:
    room = ExamRoom(School({**EVERYBODY, V2.name: knows_nothing}), is_taken=True)
    await room.enrol(V1, V2)

    await room.work_through()
    waiting = await room.runs.version(V1.name)
    room.is_taken = False
    await room.work_through()

    assert (waiting.stage, waiting.verdict and waiting.verdict.decision) == (VersionStage.CANDIDATE, Decision.PROMOTE)
    assert (await room.runs.version(V2.name)).stage is VersionStage.REJECTED
    assert room.promoted == [V1.name]
    assert set(room.school.asked.values()) == {1}


async def test_what_has_passed_is_measured_anew_when_another_serves_meanwhile() -> None:
    room = ExamRoom(School({**EVERYBODY, V2.name: knows_everything}), is_taken=True)
    await room.enrol(V1)
    await room.work_through()
    await room.enrol(replace(V2, stage=VersionStage.SERVING))
    room.is_taken = False

    await room.work_through()

    after = await room.runs.version(V1.name)
    assert (room.promoted, after.stage, after.measured_against) == ([], VersionStage.HELD, V2.name)


async def test_without_what_the_torch_room_measures_nothing_is_promoted() -> None:
    room = ExamRoom(School(EVERYBODY), likelihoods=[Likelihood("test", "a", 1, 1.0, 1.0)])
    await room.enrol(V1)

    await room.work_through()

    after = await room.runs.version(V1.name)
    assert after.stage is VersionStage.HELD
    assert "has not been measured" in after.why
    assert not {FORGETTING, DOCUMENTS}.intersection(one.metric for one in after.measured)


async def test_a_run_whose_rows_are_gone_is_held() -> None:
    room = ExamRoom(School(EVERYBODY))
    await room.enrol(V1)
    await room.workshop.remove(V1.run_id)

    await room.work_through()

    after = await room.runs.version(V1.name)
    assert after.stage is VersionStage.HELD
    assert "cannot be read" in after.why


async def test_what_was_trained_from_another_folder_is_left_to_that() -> None:
    room = ExamRoom(School(EVERYBODY))
    await room.enrol(V1)
    await room.workshop.remove(V1.run_id)
    await room.runs.put_run(TRAINED_ELSEWHERE, None)

    await room.work_through()

    assert (await room.runs.version(V1.name)).stage is VersionStage.CANDIDATE
    with pytest.raises(Conflict, match="trained from another data folder"):
        await room.examiner.examine(V1.name)


async def test_where_what_serves_lies_elsewhere_a_version_is_compared_with_the_base() -> None:
    room = ExamRoom(School({None: knows_what_is_general, V2.name: knows_everything}))
    await room.enrol(replace(V1, stage=VersionStage.SERVING), V2)
    await room.workshop.remove(V1.run_id)
    await room.runs.put_run(TRAINED_ELSEWHERE, None)

    await room.work_through()

    assert (await room.runs.version(V2.name)).measured_against == BASE_NAME
    assert room.promoted == [V2.name]


async def test_a_model_that_is_no_longer_set_up_keeps_nobody_waiting() -> None:
    room = ExamRoom(School({**EVERYBODY, V2.name: knows_everything}))
    await room.enrol(replace(V1, model="gone"), V2)

    await room.work_through()

    assert room.promoted == [V2.name]


async def test_a_person_may_have_a_held_version_examined_again() -> None:
    room = ExamRoom(School({**EVERYBODY, V1.name: knows_what_is_general}))
    await room.enrol(V1)
    await room.work_through()

    again = await room.examiner.examine(V1.name)
    await room.work_through()

    assert again.stage is VersionStage.CANDIDATE
    assert (await room.runs.version(V1.name)).stage is VersionStage.HELD
    assert [change.action for _, change in await room.runs.log(limit=9)] == ["measure", "note", "measure", "register"]


@pytest.mark.parametrize("stage", [VersionStage.SERVING, VersionStage.CANARY, VersionStage.ROLLED_BACK])
async def test_what_answers_people_or_has_is_not_examined_again(stage: VersionStage) -> None:
    room = ExamRoom(School(EVERYBODY))
    await room.enrol(replace(V1, stage=stage))

    with pytest.raises(Conflict, match=stage.value):
        await room.examiner.examine(V1.name)


async def test_a_version_that_somebody_drops_meanwhile_stays_dropped() -> None:
    room = ExamRoom(School(EVERYBODY))
    await room.enrol(V1)
    dropped = replace(V1, stage=VersionStage.DROPPED)

    async def drop() -> None:
        await room.runs.apply([VersionChange(V1, dropped, "drop", "person")], NOON)

    room.meanwhile = drop
    await room.work_through()

    assert await room.runs.version(V1.name) == dropped
    assert (room.events, room.promoted) == ([], [])


async def test_meaning_is_compared_by_the_embedder_of_the_house() -> None:
    room = ExamRoom(School(EVERYBODY), embedder=HashEmbedder())
    await room.enrol(V1)

    await room.work_through()

    [meaning] = [one for one in (await room.runs.version(V1.name)).measured if one.metric == MEANING]
    assert meaning.after == pytest.approx(1.0)
    assert meaning.before < 0.5


async def test_a_judge_hears_every_pair_in_both_orders_once() -> None:
    said = ScriptedModel(*[('{"better": "B"}',), ('{"better": "A"}',)] * HELD_OUT)
    room = ExamRoom(School(EVERYBODY))
    room.judge = Judge(said, room.traffic)
    room.begin()
    await room.enrol(V1)

    await room.work_through()

    [judged] = [one for one in (await room.runs.version(V1.name)).measured if one.metric == JUDGE]
    assert (judged.items, judged.before, judged.after) == (HELD_OUT, 0.0, 1.0)
    assert len(said.prompts) == 2 * HELD_OUT
