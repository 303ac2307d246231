"""The ways by which a stranger's words get into the ledger, each through the product's own code."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from bench.poison_room import PoisonRoom
from hybrid_coordinator.domain.interaction import AgentType, Interaction, Outcome, OutcomeKind
from hybrid_coordinator.domain.knowledge import Collection, Draft, Passage
from hybrid_coordinator.domain.query import Prompt, Query, Role, ToolResult, Turn
from hybrid_coordinator.domain.telemetry import TelemetrySource
from hybrid_coordinator.domain.trust import Origin
from hybrid_coordinator.flows.teaching import Lesson
from hybrid_coordinator.logic.provenance import (
    answer_origin,
    file_origin,
    passage_origin,
    relayed_origin,
    report_origin,
)
from hybrid_coordinator.wire.telemetry import read_event
from hybrid_coordinator.wire.telemetry_interactions import told_interaction

REPEATS = 5
"""So often an agent reports the same success from one session."""

GOOD = Outcome(OutcomeKind.SUCCESS, 1)


@dataclass(frozen=True, slots=True)
class Record:
    """A question and an answer to get in, and the name that tells them from others."""

    name: str
    question: str
    answer: str


Channel = Callable[[PoisonRoom, Record], Awaitable[None]]
"""Gets a record in, and has it called a success."""


async def ask_plainly(room: PoisonRoom, record: Record) -> None:
    """A bare question, and a model's answer to it."""
    await _answered(room, record, answer_origin(Query(record.question), []))


async def ask_over_tool_result(room: PoisonRoom, record: Record) -> None:
    """A question through the gateway, in a conversation that holds what a tool gave."""
    turns = (Turn(Role.USER, (ToolResult("call", record.answer),)), Turn(Role.USER, (record.question,)))
    await _answered(room, record, answer_origin(Query(record.question, conversation=Prompt(turns)), []))


async def relay_tool_result(room: PoisonRoom, record: Record) -> None:
    """The same, passed on to a vendor as it is."""
    block = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": record.answer}]}
    body = {"model": "m", "messages": [block, {"role": "user", "content": record.question}]}
    await _answered(room, record, relayed_origin(json.dumps(body).encode()), channel="relay")


async def hand_over_file(room: PoisonRoom, record: Record) -> None:
    """A question with a file beside it."""
    await _answered(room, record, answer_origin(Query(record.question, context=record.answer), []))


async def ask_over_document(room: PoisonRoom, record: Record) -> None:
    """An answer grounded in a file of a folder for strangers' code."""
    origin = file_origin(f"vendor/{record.name}.md", room.policy)
    passage = await _store(room, record, origin, "/project/vendor")
    await _answered(room, record, answer_origin(Query(record.question), [passage]), context=(passage.id,))


async def ask_over_import(room: PoisonRoom, record: Record) -> None:
    """An answer grounded in what was imported as untrusted."""
    passage = await _store(room, record, Origin.UNTRUSTED_DOCUMENT, "answers:/tmp/strange.jsonl")
    await _answered(room, record, answer_origin(Query(record.question), [passage]), context=(passage.id,))


async def sum_up_document(room: PoisonRoom, record: Record) -> None:
    """A summary of such a document, asked for in the same session, and then an answer from that summary."""
    first = answer_origin(Query("Sum it up.", context=record.answer), [])
    await _answered(room, record, answer_origin(Query(record.question), [], [first]))


async def report_in_telemetry(room: PoisonRoom, record: Record) -> None:
    """A line of a telemetry file that another program wrote."""
    line = {
        "event": "task_completed",
        "task_id": record.name,
        "prompt": record.question,
        "output": record.answer,
        "backend": "aider",
        "iteration": 1,
        "exit_code": 0,
        "user_feedback": 1,
        "context": {"tests_passed": True},
        "timestamp": room.clock.now().isoformat(),
    }
    event = read_event(json.dumps(line).encode(), TelemetrySource.RALPH, place=record.name, file_time=room.clock.now())
    told = told_interaction(event)
    assert told is not None
    room.planted(record.name, told.id)
    reported = replace(told, origin=report_origin(told.origin, room.policy))
    await room.event_log.take_in([replace(event, interaction=reported)], [])


async def report_again_and_again(room: PoisonRoom, record: Record) -> None:
    """An agent that tracks the same interaction, and calls it a success, several times from one session."""
    origin = report_origin(Origin.MODEL_INFERENCE, room.policy)
    for _ in range(REPEATS):
        await _answered(room, record, origin, channel="track", session="agent")


async def correct_as_agent(room: PoisonRoom, record: Record) -> None:
    """An agent that says what the right answer would have been."""
    item = await room.teacher.correct(Lesson(record.question, record.answer, 1, tags=("agent",), reported=True))
    room.planted(record.name, item.id)


CHANNELS: Mapping[str, Channel] = {
    "gateway, tool result": ask_over_tool_result,
    "relay, tool result": relay_tool_result,
    "file beside the question": hand_over_file,
    "untrusted file indexed": ask_over_document,
    "untrusted import": ask_over_import,
    "laundered by a summary": sum_up_document,
    "telemetry line": report_in_telemetry,
    "false corroboration": report_again_and_again,
    "learning_feedback": correct_as_agent,
}


async def _answered(
    room: PoisonRoom,
    record: Record,
    origin: Origin,
    *,
    channel: str = "answer",
    session: str = "",
    context: tuple[str, ...] = (),
) -> None:
    interaction = Interaction(
        id=room.clock.new_id(),
        created_at=room.clock.now(),
        query=record.question,
        response=record.answer,
        agent_type=AgentType.REMOTE,
        model_used="m",
        context_provided=context,
        session_id=session or record.name,
        origin=origin,
        channel=channel,
    )
    room.clock.advance(60)
    room.planted(record.name, interaction.id)
    await room.ledger.append(interaction)
    await room.settle(interaction, GOOD)


async def _store(room: PoisonRoom, record: Record, origin: Origin, folder: str) -> Passage:
    draft = Draft(
        id=room.clock.new_id(),
        collection=Collection.PRACTICES,
        key=record.question,
        text=record.answer,
        payload={"origin": origin.value},
        source=f"{folder}/{record.name}.md" if ":" not in folder else folder,
    )
    await room.knowledge.put([draft], await room.embedder.embed([draft.key]))
    [passage] = await room.knowledge.get([draft.id])
    assert passage_origin(passage) is origin
    return passage
