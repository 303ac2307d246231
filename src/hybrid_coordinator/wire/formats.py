"""The three wire formats, each as one row of functions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hybrid_coordinator.domain.query import Completion, Prompt
from hybrid_coordinator.wire import (
    anthropic,
    anthropic_answers,
    anthropic_requests,
    context,
    looks,
    openai_chat,
    openai_chat_answers,
    openai_chat_requests,
    openai_errors,
    openai_responses,
    openai_responses_answers,
    openai_responses_requests,
)
from hybrid_coordinator.wire.answers import Opening, Reader, Writer
from hybrid_coordinator.wire.listening import StreamListener, WholeListener
from hybrid_coordinator.wire.looks import Entry

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """How one vendor's clients and servers speak.

    The decoders raise BadInput for a request and WireError for an answer. The looks never raise, whatever the body
    holds; the bodies they give back differ from the one they got in nothing but what they are named after.
    """

    name: str
    vendor: str
    decode_request: Callable[[Body], Prompt]
    encode_prompt: Callable[[Prompt, str], dict[str, Any]]
    reader: Callable[[str], Reader]
    read_whole: Callable[[Body, str], Completion]
    writer: Callable[[Opening], Writer]
    encode_completion: Callable[[Completion, Opening], dict[str, Any]]
    encode_error: Callable[[int, str, str], dict[str, Any]]
    encode_failure: Callable[[int, str, str], bytes]
    with_context: Callable[[Body, str], dict[str, Any]]
    session_of: Callable[[Body, Mapping[str, str]], str | None]
    entries: Callable[[Body], Iterable[Entry]]

    def listener(self, model: str, *, streaming: bool) -> StreamListener | WholeListener:
        """Ears for an answer that is relayed, as events or in one piece."""
        return StreamListener(self.reader(model)) if streaming else WholeListener(model, self.read_whole)

    def with_model(self, body: Body, name: str) -> dict[str, Any]:
        """The same request for another model."""
        return context.with_model(body, name)

    def question_of(self, body: Body) -> str:
        """The user's last words, without results of tools and what programs put among them."""
        return looks.find_question(self.entries(body))

    def wants_stream(self, body: Body) -> bool:
        return body.get("stream") is True


OPENAI_CHAT = Format(
    name="openai-chat",
    vendor="openai",
    decode_request=openai_chat_requests.decode_request,
    encode_prompt=openai_chat.encode_prompt,
    reader=openai_chat.ChatReader,
    read_whole=openai_chat.read_whole,
    writer=openai_chat_answers.ChatWriter,
    encode_completion=openai_chat_answers.encode_completion,
    encode_error=openai_errors.encode_error,
    encode_failure=openai_chat_answers.encode_failure,
    with_context=partial(context.with_context, key="messages", part="text"),
    session_of=lambda body, headers: None,
    entries=looks.read_messages,
)

OPENAI_RESPONSES = Format(
    name="openai-responses",
    vendor="openai",
    decode_request=openai_responses_requests.decode_request,
    encode_prompt=openai_responses.encode_prompt,
    reader=openai_responses.ResponseReader,
    read_whole=openai_responses.read_whole,
    writer=openai_responses_answers.ResponseWriter,
    encode_completion=openai_responses_answers.encode_completion,
    encode_error=openai_errors.encode_error,
    encode_failure=openai_responses_answers.encode_failure,
    with_context=partial(context.with_context, key="input", part="input_text"),
    session_of=looks.codex_session,
    entries=looks.read_items,
)

ANTHROPIC = Format(
    name="anthropic",
    vendor="anthropic",
    decode_request=anthropic_requests.decode_request,
    encode_prompt=anthropic.encode_prompt,
    reader=anthropic.MessageReader,
    read_whole=anthropic.read_whole,
    writer=anthropic_answers.MessageWriter,
    encode_completion=anthropic_answers.encode_completion,
    encode_error=anthropic_answers.encode_error,
    encode_failure=anthropic_answers.encode_failure,
    with_context=partial(context.with_context, key="messages", part="text"),
    session_of=looks.claude_session,
    entries=looks.read_messages,
)

FORMATS: Mapping[str, Format] = {format.name: format for format in (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC)}
