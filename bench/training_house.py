"""A running server whose local model is trained, and what the benchmark asks of it."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from bench.gateway_processes import Launch, running
from bench.gateway_product import COMMAND, plain_environment

ANSWER_TOKENS = 40
PATIENCE_S = 120.0
LOOKED_BACK = 5
TAUGHT = "local"


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer of the gateway: its words, the interaction's id, and the version that gave it, as it is recorded."""

    text: str
    interaction_id: str
    model: str


class TrainingHouse:
    """One server over HTTP."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def call(self, operation: str, **fields: Any) -> dict[str, Any]:
        """An operation of the table. Raises httpx2.HTTPStatusError."""
        response = await self._http.post(f"/api/{operation}", json=fields)
        response.raise_for_status()
        told: dict[str, Any] = response.json()
        return told

    async def teach(self, question: str, session: str, *, good: bool = True) -> None:
        """Ask the vendor through the coordinator, and say how it turned out."""
        asked = await self.call("ask", query=question, preference="remote", session_id=session, use_cache=False)
        await self.settle(asked["interaction_id"], good=good)

    async def settle(self, interaction_id: str, *, good: bool) -> None:
        """Say how an answer turned out."""
        outcome, feedback = ("success", 1) if good else ("failure", -1)
        await self.call("update_outcome", interaction_id=interaction_id, outcome=outcome, user_feedback=feedback)

    async def ask_with_context(self, question: str, session: str) -> Heard:
        """Ask the local model with what is known here; a client that names a model is answered without."""
        told = await self.call(
            "ask",
            query=question,
            session_id=session,
            preference="local",
            use_cache=False,
            max_tokens=ANSWER_TOKENS,
            temperature=0,
        )
        recorded = await self.call("interaction", interaction_id=told["interaction_id"])
        return Heard(recorded["response"], told["interaction_id"], recorded["model_used"])

    async def ask(self, question: str, session: str, *, record: bool = True) -> Heard:
        """Ask the local model through the gateway, as a client would."""
        off = ["no-cache", "no-context", *([] if record else ["no-record"])]
        response = await self._http.post(
            "/v1/chat/completions",
            headers={"x-coordinator-options": ", ".join(off), "x-coordinator-session": session},
            json={
                "model": "local",
                "messages": [{"role": "user", "content": question}],
                "max_tokens": ANSWER_TOKENS,
                "temperature": 0,
            },
        )
        response.raise_for_status()
        text = response.json()["choices"][0]["message"]["content"] or ""
        interaction_id = response.headers["x-coordinator-interaction-id"]
        recorded = await self.call("interaction", interaction_id=interaction_id)
        return Heard(text, interaction_id, recorded["model_used"])

    async def versions(self) -> Sequence[Mapping[str, Any]]:
        """Every version of the local model, the newest first; what the retriever learned meanwhile is none of them."""
        return [one for one in (await self.call("model_versions"))["versions"] if one["model"] == TAUGHT]

    async def runs(self) -> Sequence[Mapping[str, Any]]:
        """The last trainings of the local model, the newest first."""
        return [one for one in (await self.call("training_runs", limit=LOOKED_BACK))["runs"] if one["model"] == TAUGHT]


@asynccontextmanager
async def training_house(folder: Path, vendor: str, **settings: str) -> AsyncIterator[TrainingHouse]:
    """A server on a data folder of its own, with more settings by name. Raises Unavailable when it does not come up."""
    environment = plain_environment() | {
        "HYBRID_DATA_DIR": str(folder),
        "HYBRID_PORT": "0",
        "FINETUNE_DATA_PATH": str(folder / "fine-tuning" / "dataset.jsonl"),
        "HYBRID_OPENAI_URL": vendor,
        "OPENAI_API_KEY": "stand-in",
        "HYBRID_EXTRACTION_MODELS": "false",
        "HYBRID_LOCAL_THREADS": str(len(os.sched_getaffinity(0))),
        **settings,
    }
    launch = Launch((*COMMAND, "serve"), environment)
    cores = frozenset(os.sched_getaffinity(0))
    async with (
        running(launch, folder.parent / f"{folder.name}.log", cores) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE_S, trust_env=False) as http,
    ):
        yield TrainingHouse(http)
