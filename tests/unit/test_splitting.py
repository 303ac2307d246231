"""Files become passages along what a person would name."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from hybrid_coordinator.domain.knowledge import FIELDS, Collection, Draft
from hybrid_coordinator.logic.languages import name_framework, name_language
from hybrid_coordinator.logic.pieces import MAX_CHARACTERS
from hybrid_coordinator.logic.splitting import split_file

GOLDEN = Path(__file__).parent / "golden" / "splitting"
INPUTS = sorted(path.name for path in GOLDEN.iterdir() if path.suffix != ".json")
USAGE = {"access_count", "success_rate"}


def split(name: str) -> list[Draft]:
    return split_file("/shop", name.removesuffix(".txt"), (GOLDEN / name).read_text())


def outline(drafts: Sequence[Draft]) -> list[dict[str, object]]:
    return [
        {
            "collection": draft.collection.value,
            "lines": f"{draft.payload['line_start']}-{draft.payload['line_end']}",
            "key": draft.key.split("\n"),
            "fields": {
                name: value
                for name, value in draft.payload.items()
                if name in FIELDS[draft.collection] and name != "code_snippet"
            },
        }
        for draft in drafts
    ]


def of_symbol(drafts: Sequence[Draft], symbol: str) -> Draft:
    return next(draft for draft in drafts if draft.payload["symbol"] == symbol)


@pytest.mark.parametrize("name", INPUTS)
def test_a_file_is_split_as_its_golden_outline_says(name: str) -> None:
    expected = json.loads((GOLDEN / f"{name}.json").read_text())

    assert outline(split(name)) == expected


@pytest.mark.parametrize("name", [name for name in INPUTS if name not in ("guide.md", "outage.rst")])
def test_every_line_of_code_is_in_a_passage(name: str) -> None:
    shown = "\n".join(draft.payload["code_snippet"] for draft in split(name)).split("\n")

    lost = [line for line in (GOLDEN / name).read_text().split("\n") if line.strip() and line not in shown]

    assert lost == []


def test_a_method_of_a_large_class_stands_under_the_line_of_its_class() -> None:
    draft = of_symbol(split("shop.py.txt"), "Basket.add")

    assert draft.text.startswith("shop.py:32-36 Basket.add\nclass Basket:\n    def add(")
    assert draft.payload["code_snippet"].startswith("    def add(")


def test_an_unchanged_function_keeps_its_id_when_the_file_around_it_changes() -> None:
    text = (GOLDEN / "shop.py.txt").read_text()

    before = of_symbol(split_file("/shop", "shop.py", text), "round_price")
    after = of_symbol(
        split_file("/shop", "shop.py", text.replace("import functools", "import functools\nimport os")), "round_price"
    )

    assert after.id == before.id
    assert after.payload["line_start"] == before.payload["line_start"] + 1


def test_equal_texts_in_one_file_have_ids_of_their_own() -> None:
    text = "def a():\n    pass\n\n\nX = 1\n\n\ndef a():\n    pass\n"

    drafts = split_file("/shop", "twice.py", text)

    assert len({draft.id for draft in drafts}) == len(drafts) == 3


def test_the_same_file_in_another_root_has_other_ids() -> None:
    assert split_file("/one", "a.py", "x = 1")[0].id != split_file("/two", "a.py", "x = 1")[0].id


def test_a_long_function_is_cut_between_lines_and_names_itself_in_each_part() -> None:
    body = "\n\n".join(f"    step_{number} = work({number}, 'some words to fill the line up')" for number in range(200))

    drafts = split_file("/shop", "long.py", f'def long():\n    """Work a lot."""\n{body}\n')

    assert len(drafts) > 3
    assert all(draft.payload["symbol"] == "long" and draft.payload["purpose"] == "Work a lot." for draft in drafts)
    assert all("\ndef long():\n" in draft.text for draft in drafts)
    assert all(
        line.startswith(("def", "    ")) or not line
        for draft in drafts
        for line in draft.payload["code_snippet"].split("\n")
    )


@pytest.mark.parametrize("path", ["one.py", "one.md", "one.txt", "one.json", "one.nix", "one.rst"])
@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "word " * 40_000,
        "line\n" * 40_000,
        "\n" * 10_000 + "x",
        "```\n" * 3_000,
        "# a\n" * 5_000,
        "((((" * 20_000,
        "class A:\n " * 2_000,
        "{ a = " * 3_000,
        "Q: a?\n" * 3_000,
        "=\n" * 5_000,
        "<!-- " * 5_000,
        "日本語のテキスト🙂\n" * 3_000,
        "a\r\nb\rc\x0cd\u2028e",
    ],
    ids=lambda text: repr(text[:8]),
)
def test_no_passage_is_longer_than_it_may_be(path: str, text: str) -> None:
    drafts = split_file("/shop", path, text)

    assert all(len(draft.text) <= MAX_CHARACTERS + 1_000 for draft in drafts)
    assert all(draft.payload["line_start"] <= draft.payload["line_end"] for draft in drafts)


def test_deep_nesting_is_no_trouble() -> None:
    nested = "\n".join("  " * depth + f"class A{depth}:" for depth in range(300)) + "\n" + "  " * 300 + "x = 1\n"

    assert split_file("/shop", "deep.py", nested)


def test_a_file_of_nothing_but_comments_takes_linear_time() -> None:
    started = time.process_time()

    split_file("/shop", "comments.rs", "// a\n" * 180_000 + "fn a() {}\n")

    assert time.process_time() - started < 20


def test_here_documents_without_end_do_not_stall_the_parser() -> None:
    assert split_file("/shop", "hostile.sh", "<a>\n" * 100_000)


def test_code_that_does_not_parse_is_still_read() -> None:
    drafts = split_file("/shop", "broken.py", "def broken(:\n    return ]\n\nclass\n")

    assert "def broken(:" in "\n".join(draft.text for draft in drafts)


def test_every_field_of_a_passage_is_one_the_users_documents_name() -> None:
    known = {collection: set(fields) | USAGE for collection, fields in FIELDS.items()}
    place = {"file_path", "line_start", "line_end", "symbol"}

    drafts = [draft for name in INPUTS for draft in split(name)]

    assert {draft.collection for draft in drafts} == set(Collection) - {Collection.INTERACTIONS}
    assert all(set(draft.payload) <= known[draft.collection] | place for draft in drafts)


@pytest.mark.parametrize(
    ("path", "text", "language"),
    [
        ("a/b.py", "", "python"),
        ("Dockerfile.dev", "FROM x", "dockerfile"),
        ("run", "#!/usr/bin/env -S bash -e\n", "bash"),
        ("run", "#!/usr/bin/python3.11\n", "python"),
        ("notes.txt", "# One\n## Two\n### Three\n", "markdown"),
        ("notes.txt", "# just a comment\nx=1\n", "text"),
        ("LICENSE", "Apache", "text"),
    ],
)
def test_a_language_is_told_by_name_shebang_or_content(path: str, text: str, language: str) -> None:
    assert name_language(path, text) == language


@pytest.mark.parametrize(
    ("path", "text", "framework"),
    [
        ("compose/docker-compose.yml", "", "docker"),
        ("tests/test_a.py", "", "pytest"),
        ("web.nix", "services.nginx.enable = true;", "nixos"),
        ("deploy.yaml", "apiVersion: v1\nkind: Pod\n", "kubernetes"),
        ("a.py", "from fastapi import FastAPI", "fastapi"),
        ("a.py", "", "python"),
    ],
)
def test_a_framework_is_named_when_it_is_evident(path: str, text: str, framework: str) -> None:
    assert name_framework(path, text, name_language(path, text)) == framework
