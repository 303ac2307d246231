"""One conversation in every wire format: a picture, a thought, a call with its result, a question."""

from typing import Any

CACHED = {"type": "ephemeral"}
PICTURE = "iVBORw0KGgo="
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def long_talk(wire: str, last: str) -> dict[str, Any]:
    """The conversation that ends with this question, asked of `auto`, with a field that nobody knows."""
    match wire:
        case "anthropic":
            return _anthropic_talk(last)
        case "openai-chat":
            return _chat_talk(last)
        case _:
            return _responses_talk(last)


def _anthropic_talk(last: str) -> dict[str, Any]:
    shown = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    thought = {"type": "thinking", "thinking": "I look.", "signature": "EqQB"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "12 °C", "cache_control": CACHED}
    return {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": CACHED}],
        "max_tokens": 300,
        "model": "auto",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "What is the weather here?"}, shown]},
            {"role": "assistant", "content": [thought, call]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": [{"type": "text", "text": "Mild."}]},
            {"role": "user", "content": [{"type": "text", "text": last, "cache_control": CACHED}]},
        ],
        "tools": [{"name": "weather", "description": "Now.", "input_schema": PARAMETERS, "cache_control": CACHED}],
        "thinking": {"type": "adaptive"},
        "of_tomorrow": {"z": 1, "a": 2},
    }


def _chat_talk(last: str) -> dict[str, Any]:
    shown = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
    return {
        "model": "auto",
        "prompt_cache_key": "k",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "What is the weather here?"}, shown]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "12 °C"},
            {"role": "assistant", "content": "Mild."},
            {"role": "user", "content": [{"type": "text", "text": last}]},
        ],
        "tools": [
            {"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": PARAMETERS}}
        ],
        "of_tomorrow": {"z": 1, "a": 2},
    }


def _responses_talk(last: str) -> dict[str, Any]:
    shown = {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"}
    call = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Bern"}'}
    return {
        "model": "auto",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "What is the weather here?"}, shown]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAAB"},
            call,
            {"type": "function_call_output", "call_id": "call_1", "output": "12 °C"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Mild."}]},
            {"role": "user", "content": [{"type": "input_text", "text": last}]},
        ],
        "tools": [{"type": "function", "name": "weather", "description": "Now.", "parameters": PARAMETERS}],
        "store": False,
        "of_tomorrow": {"z": 1, "a": 2},
    }
