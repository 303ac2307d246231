"""What was learned, as bytes and back; and the features of one question, as the ledger keeps them. No pickle."""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.domain.evidence import Asked
from hybrid_coordinator.errors import Damaged
from hybrid_coordinator.logic.learned_router import HeldOut, LearnedModel
from hybrid_coordinator.logic.router_calibration import Calibration
from hybrid_coordinator.logic.router_views import Blend, Lens, Views
from hybrid_coordinator.logic.router_words import Vocabulary

FORM = 1
"""Raised when what is stored means something else: an older router is then learned anew from the evidence."""

Arrays = Mapping[str, NDArray[Any]]


def dump_model(model: LearnedModel) -> bytes:
    """The model as an npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **_arrays(model))
    return buffer.getvalue()


def load_model(stored: bytes) -> LearnedModel:
    """The very model that was dumped. Raises Damaged for anything else."""
    try:
        with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
            return _model(arrays)
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise Damaged("the stored router cannot be read; delete it and it is learned anew from the ledger") from error


def pack_features(asked: Asked) -> bytes:
    """All but the text: the similarities as a line of JSON, then the vector in half precision."""
    vector = np.array(asked.vector, "<f2").tobytes()
    return json.dumps(dict(asked.similarities)).encode() + b"\n" + vector


def unpack_features(text: str, features: bytes) -> Asked:
    """The question again, good to three digits. Raises Damaged for bytes that are no features."""
    head, _, vector = features.partition(b"\n")
    try:
        similarities = {str(name): float(similarity) for name, similarity in json.loads(head).items()}
        return Asked(text, tuple(map(float, np.frombuffer(vector, "<f2"))), similarities)
    except (ValueError, TypeError, AttributeError) as error:
        raise Damaged(f"the features kept for {text[:60]!r} cannot be read; delete that row of evidence") from error


def _arrays(model: LearnedModel) -> dict[str, NDArray[np.generic]]:
    lens, views, held_out = model.lens, model.views, model.held_out
    fitted = model.calibration
    return {
        "form_of_file": np.array(FORM),
        "mean_meaning": lens.mean_meaning,
        "mean_form": lens.mean_form,
        "spread_form": lens.spread_form,
        "terms": lens.vocabulary.terms,
        "idf": lens.vocabulary.idf,
        "meaning": views.meaning,
        "form": views.form,
        "found": views.found,
        "prior": views.prior,
        "weights": model.weights,
        "word_weights": model.word_weights,
        "held_out": np.stack([held_out.p, held_out.suffices, held_out.local, held_out.remote]),
        "numbers": np.array(
            [
                lens.mean_prior,
                model.mean,
                model.prior_share,
                model.usual_remote,
                fitted.centre,
                fitted.level,
                fitted.slope,
            ]
        ),
        "blend": np.array(astuple(model.blend)),
        "trusted": np.array(model.trusted),
    }


def _model(arrays: Arrays) -> LearnedModel:
    if int(arrays["form_of_file"]) != FORM:
        raise ValueError(f"form {int(arrays['form_of_file'])}")
    mean_prior, mean, prior_share, usual_remote, centre, level, slope = map(float, arrays["numbers"])
    vocabulary = Vocabulary(arrays["terms"].astype(np.uint32), arrays["idf"])
    meaning = arrays["meaning"]
    return LearnedModel(
        lens=Lens(arrays["mean_meaning"], arrays["mean_form"], arrays["spread_form"], mean_prior, vocabulary),
        views=Views(meaning, arrays["form"], np.zeros((len(meaning), 0), np.float32), arrays["found"], arrays["prior"]),
        blend=Blend(*map(float, arrays["blend"])),
        weights=arrays["weights"],
        word_weights=arrays["word_weights"],
        mean=mean,
        prior_share=prior_share,
        usual_remote=usual_remote,
        calibration=Calibration(centre, level, slope),
        held_out=HeldOut(*arrays["held_out"]),
        trusted=bool(arrays["trusted"]),
    )
