"""The data folder itself as a client: a house that is opened in this process, where no server runs."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from hybrid_coordinator.app import House, open_house
from hybrid_coordinator.faces import shapes
from hybrid_coordinator.faces.events import encode_event
from hybrid_coordinator.faces.gap_operations import encode_filling, fill
from hybrid_coordinator.faces.gap_shapes import FillRequest
from hybrid_coordinator.faces.index_events import encode_index_run
from hybrid_coordinator.faces.learning_operations import encode_learning, learn
from hybrid_coordinator.faces.learning_shapes import LearningProcessRequest
from hybrid_coordinator.faces.operation import parse_fields, parse_request
from hybrid_coordinator.faces.operations import OPERATIONS, query_of
from hybrid_coordinator.faces.training_operations import measure, train
from hybrid_coordinator.faces.training_shapes import TrainRequest, VersionRequest
from hybrid_coordinator.settings import Settings


class HouseClient:
    """Asks a house in this process."""

    is_server = False

    def __init__(self, house: House) -> None:
        self._house = house

    async def call(self, operation: str, fields: dict[str, Any]) -> dict[str, Any]:
        found = OPERATIONS[operation]
        result = await found.run(self._house, parse_request(found, fields))
        return result.model_dump(mode="json")

    async def ask(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        request = parse_request(OPERATIONS["ask"], fields)
        assert isinstance(request, shapes.AskRequest)
        async with aclosing(self._house.answerer.stream(query_of(request))) as events:
            async for event in events:
                yield encode_event(event)

    def index(self, paths: list[str]) -> AsyncGenerator[dict[str, Any], None]:
        return encode_index_run(self._house.indexer.index(paths))

    def import_answers(self, path: str, *, untrusted: bool = False) -> AsyncGenerator[dict[str, Any], None]:
        return encode_index_run(self._house.importer.import_answers(path, untrusted=untrusted))

    def learn(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        return encode_learning(learn(self._house, parse_fields(LearningProcessRequest, "learn", fields)))

    def fill_gap(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        return encode_filling(fill(self._house, parse_fields(FillRequest, "fill_gap", fields)))

    def train(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        return train(self._house, parse_fields(TrainRequest, "train", fields))

    def measure_version(self, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        return measure(self._house, parse_fields(VersionRequest, "measure", fields))


@asynccontextmanager
async def open_house_client(settings: Settings) -> AsyncIterator[HouseClient]:
    """The house, opened for as long as this lasts."""
    async with open_house(settings) as house:
        yield HouseClient(house)
