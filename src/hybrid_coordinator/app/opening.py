"""Opening the house: every backend in its order, and closing in the other."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import anyio

from hybrid_coordinator.app.engines import Engines, open_engines
from hybrid_coordinator.app.folder import (
    BOOKMARK_FILE,
    CACHE_FILE,
    DEAD_LETTER_FILE,
    EXPERIENCE_FILE,
    FINGERPRINTS_FILE,
    KNOWLEDGE_FOLDER,
    LEDGER_FILE,
    RETRIEVER_FILE,
    ROUTER_FILE,
    RUNS_FOLDER,
    TELEMETRY_FOLDER,
    name_instance,
    own_folder,
)
from hybrid_coordinator.app.house import Backends, House
from hybrid_coordinator.app.learning import LearningBackends
from hybrid_coordinator.app.training import TrainingBackends
from hybrid_coordinator.app.vendors import open_desks
from hybrid_coordinator.backends.cache.sqlite import SqliteCache
from hybrid_coordinator.backends.clock import SystemClock
from hybrid_coordinator.backends.datasets.jsonl import JsonlDataset
from hybrid_coordinator.backends.embedders.minilm import MiniLmEmbedder
from hybrid_coordinator.backends.embedders.openai import OpenAIEmbedder
from hybrid_coordinator.backends.embedders.remembering import RememberingEmbedder
from hybrid_coordinator.backends.files.local import LocalFiles
from hybrid_coordinator.backends.http import open_client
from hybrid_coordinator.backends.keepsake import FileKeepsake
from hybrid_coordinator.backends.knowledge.edge import EdgeKnowledge
from hybrid_coordinator.backends.knowledge.rebuild import Progress, rebuild
from hybrid_coordinator.backends.ledger.records import Records
from hybrid_coordinator.backends.models.hosts.adapters import Fingerprints
from hybrid_coordinator.backends.neighbours import http_check, tcp_check
from hybrid_coordinator.backends.telemetry.finding import Whereabouts
from hybrid_coordinator.backends.telemetry.own_file import OwnTelemetryFile
from hybrid_coordinator.backends.telemetry.shelf import TelemetryFolders
from hybrid_coordinator.backends.telemetry.tailing import TailedFiles
from hybrid_coordinator.backends.trainers.likelihood_file import likelihoods_of
from hybrid_coordinator.backends.trainers.local import LocalTrainer
from hybrid_coordinator.backends.trainers.workshop import FolderWorkshop
from hybrid_coordinator.domain.knowledge import EmbedderIdentity
from hybrid_coordinator.domain.training import Teaching
from hybrid_coordinator.errors import BadInput, CoordinatorError
from hybrid_coordinator.flows.health import Check
from hybrid_coordinator.logic.telemetry_places import read_places
from hybrid_coordinator.ports import Clock, Embedder, Knowledge, Runs, Trainer
from hybrid_coordinator.settings import Settings

MOST_FILED = 512
"""Interactions that are filed when a house opens or closes: some seconds' worth. More wait for a server with time."""

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_house(settings: Settings, *, keep_up: bool = False) -> AsyncIterator[House]:
    """Own the data folder and everything behind the ports for as long as this lasts.

    With `keep_up` the history is filed in the background, without it now, and at the end in any case. Raises
    DataFolderBusy while another process owns the folder.
    """
    folder = settings.data_dir
    with own_folder(folder):
        async with AsyncExitStack() as stack:
            house = House(settings, await open_backends(settings, folder, stack))
            await _refill(house)
            await house.open()
            async with anyio.create_task_group() as group:
                if keep_up:
                    house.history.note_record()
                    group.start_soon(house.history.keep_up)
                    group.start_soon(house.history.keep_tidy)
                    group.start_soon(house.shadows.keep_up)
                    group.start_soon(house.lessons.keep_up)
                    group.start_soon(house.training.keep_up)
                    if settings.pace.enabled:
                        group.start_soon(house.daemon.keep_up)
                else:
                    await _file_the_rest(house)  # of a process that was killed
                try:
                    yield house
                finally:
                    group.cancel_scope.cancel()
                    with anyio.CancelScope(shield=True):
                        await house.training.aclose()
                        await _file_the_rest(house)


async def _refill(house: House) -> None:
    """Collections that are empty although the ledger is not were lost or moved away: what the ledger has goes back in.

    Files are not read here, but forgotten, so that the next index run takes them in again.
    """
    await house.learning.teacher.adopt()
    if not any((await house.knowledge.counts()).values()):
        await house.ledger.forget_copies()
        await house.learning.publisher.restore()


async def _file_the_rest(house: House) -> None:
    try:
        await house.history.catch_up(most=MOST_FILED)
    except CoordinatorError:  # the ledger has it all: a later start files it
        logger.exception("the history was not filed whole")


async def open_backends(settings: Settings, folder: Path, stack: AsyncExitStack) -> Backends:
    """Everything behind the ports, closed by the stack. The folder must be owned."""
    clock = SystemClock()
    records = await _open_records(settings, folder)
    stack.push_async_callback(records.aclose)
    embedder = RememberingEmbedder(open_embedder(settings))
    stack.push_async_callback(embedder.aclose)
    knowledge = await _open_knowledge(settings, folder, embedder)
    stack.push_async_callback(knowledge.aclose)
    engines = open_engines(settings, clock, Fingerprints(folder / FINGERPRINTS_FILE))
    for model in engines.models.values():
        stack.push_async_callback(model.aclose)
    cache = await SqliteCache.open(folder / CACHE_FILE, embedder.identity)
    stack.push_async_callback(cache.aclose)
    return Backends(
        embedder=embedder,
        knowledge=knowledge,
        ledger=records.ledger,
        cache=cache,
        lessons=FileKeepsake(folder / ROUTER_FILE),
        experience=FileKeepsake(folder / EXPERIENCE_FILE),
        learning=await _learning_backends(settings, folder, records, stack),
        models=engines.models,
        desks=open_desks(settings, stack),
        files=LocalFiles(),
        clock=clock,
        neighbours=_open_neighbours(settings),
        training=_training_backends(settings, folder, records.runs, engines, clock),
        instance=name_instance(folder),
        retriever=FileKeepsake(folder / RETRIEVER_FILE) if settings.training.retriever else None,
    )


async def _learning_backends(
    settings: Settings, folder: Path, records: Records, stack: AsyncExitStack
) -> LearningBackends:
    own = OwnTelemetryFile(folder / TELEMETRY_FOLDER)
    whereabouts = Whereabouts(read_places(settings.telemetry.paths), own.path)
    telemetry = TailedFiles(whereabouts, folder / DEAD_LETTER_FILE, settings.telemetry)
    stack.push_async_callback(telemetry.aclose)
    datasets = JsonlDataset(settings.learning.finetune_data_path.expanduser())
    await _finish_export(datasets)
    return LearningBackends(
        catalog=records.catalog,
        agenda=records.agenda,
        event_log=records.events,
        annals=records.annals,
        telemetry=telemetry,
        own_telemetry=own,
        shelf=TelemetryFolders(whereabouts),
        bookmark=FileKeepsake(folder / BOOKMARK_FILE),
        datasets=datasets,
    )


def _training_backends(
    settings: Settings, folder: Path, runs: Runs, engines: Engines, clock: Clock
) -> TrainingBackends:
    workshop = FolderWorkshop(folder / RUNS_FOLDER)
    trainers: dict[Teaching, Trainer] = {Teaching.LORA: LocalTrainer(workshop, threads=settings.training.threads)}
    if settings.routing.hybrid_mode and settings.remote.openai_api_key and find_spec("openai"):
        from openai import AsyncOpenAI  # an extra

        from hybrid_coordinator.backends.trainers.openai import OpenAITrainer

        client = AsyncOpenAI(
            api_key=settings.remote.openai_api_key.reveal,
            base_url=settings.remote.openai_url,
            http_client=open_client(trust_env=True),
        )
        trainers[Teaching.OPENAI] = OpenAITrainer(client, workshop, clock)
    likelihoods = partial(likelihoods_of, workshop)
    return TrainingBackends(runs, workshop, trainers, engines.versioned, engines.hosts, likelihoods)


async def _finish_export(datasets: JsonlDataset) -> None:
    """An export that was killed while its files changed places is brought to its end; looking at the card does that."""
    try:
        await datasets.card()
    except CoordinatorError as error:  # the next export writes all of it anew, or says what is wrong
        logger.warning("the dataset cannot be read: %s", error)


async def _open_records(settings: Settings, folder: Path) -> Records:
    storage = settings.storage
    if not storage.postgres_host:
        return await Records.open(f"sqlite:///{folder / LEDGER_FILE}")
    user = f"{quote(storage.postgres_user, safe='')}:{quote(storage.postgres_password.reveal, safe='')}"
    url = f"postgresql+psycopg://{user}@{storage.postgres_host}:{storage.postgres_port}/{storage.postgres_db}"
    tls = {
        "sslmode": storage.postgres_sslmode,
        "sslrootcert": storage.postgres_sslrootcert,
        "sslcert": storage.postgres_sslcert,
        "sslkey": storage.postgres_sslkey,
    }
    return await Records.open(url, connect_args={name: value for name, value in tls.items() if value})


def open_embedder(settings: Settings) -> Embedder:
    """The built-in embedder, or the one behind EMBEDDING_URL."""
    chosen = settings.embedder
    if not chosen.url:
        return MiniLmEmbedder(threads=chosen.threads)
    return OpenAIEmbedder(
        EmbedderIdentity(chosen.model, chosen.dimension),
        base_url=chosen.url,
        client=open_client(trust_env=settings.routing.hybrid_mode),
        api_key=chosen.api_key.reveal,
        connect_s=settings.patience.connect_s,
    )


async def _open_knowledge(settings: Settings, folder: Path, embedder: Embedder) -> Knowledge:
    storage = settings.storage
    if not storage.qdrant_url:
        return await EdgeKnowledge.open(folder / KNOWLEDGE_FOLDER, embedder.identity)
    from hybrid_coordinator.backends.knowledge.server import QdrantServerKnowledge, connect  # an extra

    client = connect(storage.qdrant_url, storage.qdrant_api_key.reveal)
    return await QdrantServerKnowledge.open(client, embedder.identity)


async def rebuild_knowledge(settings: Settings, progress: Progress) -> int:
    """Embed all knowledge anew with the embedder now set; how many passages. The house must be closed."""
    if settings.storage.qdrant_url:
        raise BadInput("reindex works on the embedded store; on a Qdrant server, drop its collections and index again")
    embedder = open_embedder(settings)
    with own_folder(settings.data_dir):
        try:
            folder = settings.data_dir / KNOWLEDGE_FOLDER
            return await rebuild(folder, embedder.identity, embedder.embed, progress)
        finally:
            await embedder.aclose()


def _open_neighbours(settings: Settings) -> dict[str, Check]:
    """Servers of the users' deployment that /health reports on and nothing here depends on."""
    storage = settings.storage
    checks: dict[str, Check] = {}
    if storage.aidb_url:
        checks["aidb"] = http_check(f"{storage.aidb_url}/health")
    if storage.redis_url:
        checks["redis"] = tcp_check(storage.redis_url, default_port=6379)
    return checks
