"""What versions were trained on, and what they answered when they were examined."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select

from hybrid_coordinator.backends.ledger.database import Database, Kept, in_parts, replacing
from hybrid_coordinator.backends.ledger.run_tables import exam_answers, version_sources
from hybrid_coordinator.domain.versions import ExamAnswer

_S = version_sources.c
_A = exam_answers.c


class VersionFacts(Kept):
    """Kept by the version's name, which need not be registered yet."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._add_source = database.insert(version_sources).on_conflict_do_nothing()
        self._put_answer = replacing(database.insert(exam_answers), ["name", "item"], ["text", "scores"])

    async def keep_sources(self, name: str, source_ids: Sequence[str]) -> None:
        """As the port says; in small transactions, between which others write."""
        for some in in_parts(source_ids):
            await self._database.run(self._add_source, [{"source_id": id, "name": name} for id in some])

    async def trained_on(self, source_ids: Sequence[str]) -> Mapping[str, list[str]]:
        """As the port says; the sources in the order asked."""
        found: dict[str, list[str]] = {}
        for some in in_parts(list(dict.fromkeys(source_ids))):
            order = {id: number for number, id in enumerate(some)}
            rows = await self._database.all(select(version_sources).where(_S.source_id.in_(some)))
            for row in sorted(rows, key=lambda row: (row.name, order[row.source_id])):
                found.setdefault(row.name, []).append(row.source_id)
        return found

    async def keep_answers(self, name: str, answers: Sequence[ExamAnswer]) -> None:
        rows = [{"name": name, "item": one.item, "text": one.text, "scores": one.scores} for one in answers]
        if rows:
            await self._database.run(self._put_answer, rows)

    async def answers(self, name: str) -> Mapping[str, ExamAnswer]:
        kept = await self._database.found(select(exam_answers).where(_A.name == name), _to_answer)
        return {answer.item: answer for answer in kept}


def _to_answer(row: Row[Any]) -> ExamAnswer:
    return ExamAnswer(row.item, row.text, row.scores)
