"""An answer is taken apart into sentences, points and code, each under the warnings it stands under."""

from hybrid_coordinator.logic.extraction_segments import SegmentKind, segments_of


def told(answer: str) -> list[tuple[str, SegmentKind, bool]]:
    return [(segment.text, segment.kind, segment.warned) for segment in segments_of(answer)]


def test_sentences_end_where_they_end_and_not_at_a_file_s_name() -> None:
    assert told("Edit configuration.nix first. Then rebuild.") == [
        ("Edit configuration.nix first.", SegmentKind.SENTENCE, False),
        ("Then rebuild.", SegmentKind.SENTENCE, False),
    ]


def test_a_sentence_goes_on_in_the_next_line() -> None:
    assert [text for text, _, _ in told("Restart the\nserver. Do not\nReboot it")] == [
        "Restart the server.",
        "Do not Reboot it",
    ]


def test_code_is_told_line_by_line_without_the_prompt() -> None:
    assert told("```sh\n$ make\n\nmake test\n```") == [
        ("make", SegmentKind.CODE, False),
        ("make test", SegmentKind.CODE, False),
    ]


def test_a_warning_covers_what_stands_under_it() -> None:
    answer = "Avoid this:\n- rm x\nBetter:\n- mv x y\n## Mistakes\n- chmod 777\n## Steps\n- chmod 600"

    assert [text for text, _, warned in told(answer) if warned] == ["rm x", "chmod 777"]


def test_a_condition_is_no_warning() -> None:
    assert not any(warned for _, _, warned in told("If you do not see it:\n- look at the log"))


def test_a_comment_in_code_warns_of_the_lines_after_it() -> None:
    assert [text for text, _, warned in told("```\n# wrong\nx = 1\n# right\nx = 2\n```") if warned] == [
        "# wrong",
        "x = 1",
    ]


def test_odd_input_is_taken_as_it_is() -> None:
    assert told("") == []
    assert told("```") == []
    assert told("| --- | --- |") == []
    assert told("word " * 1_000_000) == []
    assert len(told("word\n" * 100_000)) <= 2_000
