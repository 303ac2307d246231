"""Which answers may be learned from although no person judged them."""

from dataclasses import replace

import pytest

from hybrid_coordinator.domain.interaction import AgentType
from hybrid_coordinator.domain.knowledge import Collection, Passage
from hybrid_coordinator.logic.verification import Answer, VerificationPolicy, verify
from learned_items import asked, vector_of

POLICY = VerificationPolicy()
QUESTION = "How do I reload nginx without dropping connections?"
GOOD = "Run nginx -t first, then nginx -s reload. Old workers finish what they began."


def answer(text: str, *passages: str, agent: AgentType = AgentType.REMOTE, tokens: int = 40) -> Answer:
    record = replace(asked("a", QUESTION, text), agent_type=agent, output_tokens=tokens)
    shown = [Passage(str(n), Collection.PRACTICES, told, {}, 0.9, 0.9) for n, told in enumerate(passages)]
    return Answer(record, vector_of(text).tolist(), shown)


def test_two_answers_that_say_the_same_are_verified() -> None:
    verification = verify(answer(GOOD), answer(GOOD), 500, POLICY)

    assert verification.verified
    assert verification.agreement == 1.0


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (answer(GOOD), answer("Peel the mango."), "agree at"),
        (answer(GOOD), answer("I cannot help with that."), "no answer"),
        (answer(""), answer(GOOD), "said nothing"),
        (answer(GOOD, tokens=500), answer(GOOD), "cut"),
        (answer(GOOD, agent=AgentType.LOCAL), answer(GOOD), "local model"),
        (
            answer(GOOD, "Never run nginx -s reload. Old workers do not finish what they began."),
            answer(GOOD),
            "passage",
        ),
    ],
)
def test_an_answer_that_is_doubtful_is_not_verified(first: Answer, second: Answer, why: str) -> None:
    verification = verify(first, second, 500, POLICY)

    assert not verification.verified
    assert why in verification.why


def test_figures_and_names_that_only_one_answer_knows_are_not_verified() -> None:
    told = "Set worker_shutdown_timeout to 240 and worker_connections to 9000, then reload nginx as usual"

    verification = verify(answer(told), answer("Set nothing, then reload nginx as usual"), 500, VerificationPolicy(0.1))

    assert not verification.verified
    assert "backed" in verification.why


def test_what_a_passage_says_is_backed_by_it() -> None:
    told = "Set worker_shutdown_timeout to 240, then reload nginx as usual"
    passage = "The worker_shutdown_timeout should be 240."

    verification = verify(answer(told, passage), answer("Then reload nginx as usual"), 500, VerificationPolicy(0.1))

    assert verification.verified
