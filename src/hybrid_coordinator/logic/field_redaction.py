"""Keys and passwords leave JSON values, in texts and under names that say what they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from hybrid_coordinator.logic.redaction import redact

Fields = Mapping[str, Any]


def redact_all(many: Sequence[Fields]) -> list[Fields]:
    """The same fields without secrets. Nearly all hold none, so all are looked through at once first."""
    return [redact_fields(fields) for fields in many] if _hold_secrets(many) else list(many)


def redact_fields(fields: Fields) -> Fields:
    """The same fields without secrets; the very same if there were none."""
    return _clean("", dict(fields)) if _hold_secrets([fields]) else fields


def _hold_secrets(many: Sequence[Fields]) -> bool:
    assigned: list[str] = []
    for fields in many:
        _gather("", dict(fields), assigned)
    return bool(redact("\n".join(assigned)).counts)


def _gather(name: str, value: Any, assigned: list[str]) -> None:
    """Every text with the name it stands under, as a program would assign it."""
    if isinstance(value, str):
        assigned.append(f'"{name}": "{value}"')
    elif isinstance(value, dict):
        for key, inner in value.items():
            _gather(key, inner, assigned)
    elif isinstance(value, list | tuple):
        for inner in value:
            _gather(name, inner, assigned)


def _clean(name: str, value: Any) -> Any:
    match value:
        case str():
            return _clean_text(name, value)
        case dict():
            return {redact(key).text: _clean(key, inner) for key, inner in value.items()}
        case list() | tuple():
            return [_clean(name, inner) for inner in value]
        case _:
            return value


def _clean_text(name: str, text: str) -> str:
    head = f'"{name}": "'
    assigned = redact(f'{head}{text}"').text
    named = assigned.removeprefix(head).removesuffix('"') if assigned.startswith(head) else text
    return redact(named).text
