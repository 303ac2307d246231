"""What OpenAI's client raises, in our own words and the vendor's."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from openai import APIConnectionError, APIError, APIStatusError, OpenAIError

from hybrid_coordinator.errors import BadInput, CoordinatorError, SettingError, Unavailable
from hybrid_coordinator.wire.retry_after import retry_after_s

_KEY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
CHARACTERS = 500


@contextmanager
def translated() -> Iterator[None]:
    """SettingError for a key that is not let in, Unavailable for what may pass, BadInput for what will not."""
    try:
        yield
    except APIStatusError as error:
        raise _of_status(error) from error
    except APIConnectionError as error:
        raise Unavailable(f"OpenAI cannot be reached ({error.__cause__ or error}); try later") from error
    except (OpenAIError, ValueError) as error:  # broken JSON comes out of the client as it is
        raise not_understood() from error


def _of_status(error: APIStatusError) -> CoordinatorError:
    said = f"OpenAI answered {error.status_code}: {vendor_words(error)}"
    if error.status_code in _KEY:
        return SettingError(f"{said}; check OPENAI_API_KEY and what it may do")
    if error.status_code in _PASSING or error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(f"{said}; try later", retry_after_s=retry_after_s(error.response.headers))
    return BadInput(f"{said}; change what is trained, or on what")


def vendor_words(error: APIError) -> str:
    """What the vendor says of it, in one short line."""
    match error.body:
        case {"message": str(message)}:
            said = message
        case _:
            said = error.message
    return " ".join(said.split())[:CHARACTERS]


def not_understood() -> Unavailable:
    """For an answer that is none of this API."""
    return Unavailable("OpenAI gave an answer that is none of its API; check HYBRID_OPENAI_URL, or try later")
