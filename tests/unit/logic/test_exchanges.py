"""Two sentences that are one but for what stands in one place."""

import pytest

from hybrid_coordinator.logic.exchanges import contradicts, says_again, sentences_of


def _contradict(one: str, other: str) -> bool:
    ((here,), (there,)) = sentences_of(one), sentences_of(other)
    assert contradicts(here, there) == contradicts(there, here)
    return contradicts(here, there)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The gateway listens on port 80.", "The gateway listens on port 443."),
        ("Logs are kept in /var/log/app.", "Logs are kept in /srv/log/app."),
        ("The app is deployed with Jenkins.", "The app is deployed with Ansible."),
        ("The archives are encrypted at rest.", "The archives are not encrypted at rest."),
        ("Branches are deleted after a merge.", "Branches are never deleted after a merge."),
        ("Restart the queue with `systemctl restart q`.", "Restart the queue with `supervisorctl restart q`."),
        ("Use --color to mark the lines.", "Use --highlight to mark the lines."),
    ],
)
def test_one_exchanged_value_is_a_contradiction(one: str, other: str) -> None:
    assert _contradict(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The gateway listens on port 80.", "The gateway listens on port 80."),
        ("The billing database listens on port 5432.", "The search database listens on port 5433."),
        ("The gateway listens on port 80.", "The gateway listens on port 80 of every host in the cluster."),
        ("Restart the queue.", "Wait for the workers."),
        ("Repair the index of the search.", "Fix the index of the search."),
        ("The cache holds sessions.", "A cron job removes the oldest sessions at night."),
    ],
)
def test_another_subject_or_an_addition_is_none(one: str, other: str) -> None:
    assert not _contradict(one, other)


def test_the_same_words_in_another_order_say_the_same() -> None:
    (one,), (other,) = sentences_of("The logs are kept in /var/log."), sentences_of("In /var/log the logs are kept.")

    assert says_again(one, other)


def test_a_denial_does_not_say_the_same() -> None:
    (one,), (other,) = sentences_of("The logs are kept."), sentences_of("The logs are not kept.")

    assert not says_again(one, other)
