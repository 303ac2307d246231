"""What outcomes have taught about showing passages: when to be silent, and how far what helped before helps again."""

import json
import logging
from collections import deque
from dataclasses import asdict, replace

from hybrid_coordinator.domain.learning import Worked
from hybrid_coordinator.errors import Unavailable
from hybrid_coordinator.logic.grounding import GroundingPolicy
from hybrid_coordinator.logic.silence import SilencePolicy, choose_threshold
from hybrid_coordinator.logic.usefulness import Served, UsefulnessPolicy, repetition
from hybrid_coordinator.ports import Keepsake, Ledger

logger = logging.getLogger(__name__)

REMEMBERED = 400
"""Outcomes that the traffic is read off."""


class Experience:
    """Refitted by the `measure` step, and consulted at every question without any waiting.

    Without it everything is shown and ranked as if nothing had ever been used; a lost keepsake costs no more.
    """

    def __init__(
        self,
        ledger: Ledger,
        keepsake: Keepsake,
        grounding: GroundingPolicy,
        usefulness: UsefulnessPolicy,
        silence: SilencePolicy,
    ) -> None:
        self.grounding = grounding
        self.usefulness = usefulness
        self.pull = 0.0
        self._usual = grounding.min_similarity
        self._ledger = ledger
        self._keepsake = keepsake
        self._silence = silence
        self._served: deque[Served] = deque(maxlen=REMEMBERED)
        self._saved = b""

    async def open(self) -> None:
        """Know again what was known; what cannot be read is learned anew."""
        try:
            self._saved = await self._keepsake.load()
            kept = json.loads(self._saved or b"{}")
            self._served.extend(Served(float(helped), float(credit)) for helped, credit in kept.get("served", ()))
            self._listen_from(float(kept.get("min_similarity", self._usual)))
        except (Unavailable, ValueError, TypeError, AttributeError):
            logger.warning("what outcomes taught about showing passages cannot be read", exc_info=True)
        self.pull = repetition(self._served, self.usefulness)

    def note(self, served: Served) -> None:
        """Hear how the first passage of an answer fared; the next question is ranked by it."""
        self._served.append(served)
        self.pull = repetition(self._served, self.usefulness)

    async def work(self) -> Worked:
        """Fit the threshold of silence anew and keep what was learned, when anything has changed."""
        injections = await self._ledger.injections(limit=self._silence.most_outcomes)
        self._listen_from(choose_threshold(injections, self._usual, self._silence))
        known = {
            "min_similarity": self.grounding.min_similarity,
            "served": [list(asdict(one).values()) for one in self._served],
        }
        content = json.dumps(known).encode()
        if content == self._saved:
            return Worked()
        await self._keepsake.save(content)
        self._saved = content
        told = f"passages are shown from a similarity of {self.grounding.min_similarity:.2f} on"
        return Worked(done=1, detail=f"{told}; {len(injections)} outcomes known")

    def _listen_from(self, similarity: float) -> None:
        self.grounding = replace(self.grounding, min_similarity=max(self._usual, similarity))
