"""Embedding a text once, however many ask for it: a wrapper with the interface of an embedder."""

from collections import OrderedDict
from collections.abc import Sequence

from hybrid_coordinator.domain.knowledge import EmbedderIdentity, Vector
from hybrid_coordinator.ports import Embedder

LONGEST_TEXT = 4_000
"""Characters. Questions are asked about more than once, by the cache, the search and the router; long texts are not."""


class RememberingEmbedder:
    """Keeps the vectors of the texts that were embedded last."""

    def __init__(self, embedder: Embedder, most_texts: int = 512) -> None:
        self._embedder = embedder
        self._most_texts = most_texts
        self._known: OrderedDict[str, Vector] = OrderedDict()

    @property
    def identity(self) -> EmbedderIdentity:
        return self._embedder.identity

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        known = {text: self._known[text] for text in texts if text in self._known}
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        if fresh:
            known |= zip(fresh, await self._embedder.embed(fresh), strict=True)
        self._remember(known)
        return [known[text] for text in texts]

    async def aclose(self) -> None:
        await self._embedder.aclose()

    def _remember(self, known: dict[str, Vector]) -> None:
        for text, vector in known.items():
            if len(text) <= LONGEST_TEXT:
                self._known[text] = vector
                self._known.move_to_end(text)
        while len(self._known) > self._most_texts:
            self._known.popitem(last=False)
