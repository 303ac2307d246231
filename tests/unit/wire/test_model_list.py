"""The list of models."""

from hybrid_coordinator.wire.model_list import ListedModel, encode_models


def test_a_model_is_listed_in_the_words_of_both_vendors() -> None:
    body = encode_models(
        [ListedModel("claude-home", "Home", "coordinator", 1_700_000_000), ListedModel("x", "X", "me")]
    )

    assert body["data"][0] == {
        "id": "claude-home",
        "object": "model",
        "type": "model",
        "created": 1_700_000_000,
        "created_at": "2023-11-14T22:13:20Z",
        "owned_by": "coordinator",
        "display_name": "Home",
    }
    assert (body["object"], body["has_more"], body["first_id"], body["last_id"]) == ("list", False, "claude-home", "x")


def test_no_model_is_an_empty_list() -> None:
    assert encode_models([]) == {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}
