"""Every error this package raises on purpose, drawn as one tree.

The classes say what the *caller* can do about it, not where it happened::

    CoordinatorError
    ├── BadInput               change the request and ask again
    │   ├── SettingError         change a setting and start again
    │   ├── RefusedStatement     an SQL statement that is not a plain read of the views
    │   └── MissingExtra         install an optional part of this package
    ├── Unauthorized           send the right key
    ├── NotFound               what was named is not here
    ├── Conflict               two things cannot both be true: choose one
    │   ├── DataFolderBusy       another process owns the data folder
    │   └── EmbedderChanged      stored vectors come from another embedder: reindex
    ├── Unavailable            try later, or elsewhere
    │   ├── ModelUnavailable     a model refused, stalled, died or spoke garbage
    │   │   ├── ModelRefused       the same model will not take it later either: ask another
    │   │   └── VendorRefused      a vendor's API answered with an error, in its own words
    │   ├── OverBudget           a budget is spent: wait until it starts anew
    │   ├── StoreBusy            a store is locked by someone else
    │   └── StorageFull          the disk is full: free some space
    └── Damaged                something stored cannot be read: restore or rebuild it

A message names the thing with ``repr`` and ends with the next step. Foreign exceptions are translated once, in the
backend that met them.
"""

from collections.abc import Sequence


class CoordinatorError(Exception):
    """The root: catching it catches everything this package raises on purpose."""


class BadInput(CoordinatorError):
    """The request cannot be carried out as it stands."""


class SettingError(BadInput):
    """A setting is unknown, ill-typed or out of range."""


class RefusedStatement(BadInput):
    """An SQL statement that is not a single read of the documented views."""


class MissingExtra(BadInput):
    """An optional part of this package is needed and not installed."""


class Unauthorized(CoordinatorError):
    """A key is demanded and none, or a wrong one, was sent."""


class NotFound(CoordinatorError):
    """Nothing is stored under that id or name."""


class Conflict(CoordinatorError):
    """The request contradicts what is stored or running."""


class DataFolderBusy(Conflict):
    """Another process owns the data folder."""


class EmbedderChanged(Conflict):
    """The stored vectors come from another embedder than the one now set."""


class Unavailable(CoordinatorError):
    """Something outside did not do its part; later or elsewhere it may."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ModelUnavailable(Unavailable):
    """A model refused, stalled, died mid-stream or sent something that is no answer."""


class ModelRefused(ModelUnavailable):
    """A model will not take this request: a wrong key, an unknown name, a prompt too long for it, no weights."""


class VendorRefused(ModelUnavailable):
    """A vendor's API answered a request of its own format with an error; its words are kept as they came."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.status = status
        self.headers = headers
        self.body = body


class OverBudget(Unavailable):
    """A key has spent what it may spend today."""


class StoreBusy(Unavailable):
    """A store is locked by another process and stayed so for the whole time-out."""


class StorageFull(Unavailable):
    """Writing failed because the disk is full; nothing acknowledged before was lost."""


class Damaged(CoordinatorError):
    """Stored data cannot be read."""
