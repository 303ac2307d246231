"""Where curation stands in the log, what it has to look at, and how something comes back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from curation import START, learned
from hybrid_coordinator.domain.knowledge import Payload
from hybrid_coordinator.domain.learning import Change, Learned, LoggedChange, Stage
from hybrid_coordinator.errors import Damaged
from hybrid_coordinator.logic.curation import Bookmark, is_marked, needs_comparing, pack_bookmark, unpack_bookmark
from hybrid_coordinator.logic.restoring import last_in_service, put_back, reopened_by_person

ITEM = learned("one", "question", "answer")
ARCHIVED = replace(ITEM, stage=Stage.ARCHIVED, why="idle")
LATER = START + timedelta(days=1)


def _log(*changes: tuple[str, Learned | None, Learned | None, str]) -> list[LoggedChange]:
    return [
        LoggedChange(place, START, Change("one", action, before, after, actor), "", f"hash {place}")
        for place, (action, before, after, actor) in enumerate(changes, start=1)
    ]


def test_a_bookmark_survives_being_packed() -> None:
    bookmark = Bookmark(17, "abc")

    assert unpack_bookmark(pack_bookmark(bookmark)) == bookmark


def test_without_a_bookmark_the_log_is_read_from_its_beginning() -> None:
    assert unpack_bookmark(b"") == Bookmark()


@pytest.mark.parametrize("content", [b"\xff\0", b"[]", b"{}", b'{"place": "x", "hash": "y"}', b"null"])
def test_what_is_no_bookmark_is_damaged(content: bytes) -> None:
    with pytest.raises(Damaged):
        unpack_bookmark(content)


def test_a_bookmark_of_another_log_is_known_by_its_hash() -> None:
    (logged,) = _log(("learn", None, ITEM, "extract"))

    assert is_marked(Bookmark(1, "hash 1"), logged)
    assert not is_marked(Bookmark(1, "hash of another"), logged)
    assert not is_marked(Bookmark(1, "hash 1"), None)


def _say(item: Learned, payload: Payload | None = None, text: str | None = None) -> Learned:
    draft = replace(item.draft, payload=payload or item.draft.payload, text=text or item.draft.text)
    return replace(item, draft=draft)


@pytest.mark.parametrize(
    ("before", "after", "needs"),
    [
        (None, ITEM, True),
        (ARCHIVED, ITEM, True),
        (ITEM, _say(ITEM, text="something else"), True),
        (ITEM, _say(ITEM, payload={"valid_from": "now"}), False),
        (ITEM, replace(ITEM, stage=Stage.PROVEN), False),
        (ITEM, ARCHIVED, False),
        (None, replace(ITEM, stage=Stage.QUARANTINED), False),
        (ITEM, None, False),
    ],
)
def test_what_came_into_service_or_says_something_else_is_compared(
    before: Learned | None, after: Learned | None, needs: bool
) -> None:
    assert needs_comparing(Change("one", "any", before, after, "any")) is needs


def test_it_comes_back_as_it_was_when_it_was_last_served() -> None:
    proven = replace(ITEM, stage=Stage.PROVEN)
    log = _log(
        ("learn", None, ITEM, "extract"),
        ("promote", ITEM, proven, "measure"),
        ("archive", proven, ARCHIVED, "curate"),
        ("exclude", ARCHIVED, replace(ARCHIVED, learned_from=()), "person"),
    )

    served = last_in_service(log)

    assert served == proven
    assert put_back(replace(ARCHIVED, learned_from=()), proven, LATER) == replace(
        proven, learned_from=(), changed_at=LATER
    )


def test_what_was_never_served_has_no_service_to_come_back_to() -> None:
    assert last_in_service(_log(("quarantine", None, replace(ITEM, stage=Stage.QUARANTINED), "extract"))) is None


def test_only_a_person_reopens() -> None:
    assert reopened_by_person(_log(("restore", ARCHIVED, ITEM, "person")))
    assert not reopened_by_person(_log(("restore", ARCHIVED, ITEM, "curate")))
    assert not reopened_by_person(_log(("learn", None, ITEM, "person")))
