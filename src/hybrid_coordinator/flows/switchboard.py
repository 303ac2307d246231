"""Where a gateway request goes, and what question it is when it is not simply passed on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hybrid_coordinator.domain.gateway import WireCall
from hybrid_coordinator.domain.query import Preference, Prompt, Query
from hybrid_coordinator.domain.route import Location, ModelCard
from hybrid_coordinator.errors import BadInput, NotFound
from hybrid_coordinator.flows.relay import RelayPolicy
from hybrid_coordinator.flows.resting import RestingModel, Rests
from hybrid_coordinator.flows.voices import VendorVoice
from hybrid_coordinator.logic.beyond_home import why_not_home
from hybrid_coordinator.logic.destinations import Destination, Place, find_destination
from hybrid_coordinator.ports import Clock, Model, Vendor
from hybrid_coordinator.wire.formats import FORMATS

KEY_HEADERS = ("authorization", "x-api-key")


@dataclass(frozen=True, slots=True)
class VendorDesk:
    """A vendor: how to speak to it in its own format, and in the coordinator's words.

    `card` is the model asked when the choice is ours. `keyed` says that its key is set here; otherwise only an asker
    who brings one can be served. `model` makes the model of a name.
    """

    vendor: Vendor
    card: ModelCard
    keyed: bool
    model: Callable[[str], Model]


@dataclass(frozen=True, slots=True)
class Question:
    """A gateway request as a question, and who may answer it besides the models of the house."""

    query: Query
    voices: Mapping[str, Model]


class Switchboard:
    """Sends each gateway request where its model's name says."""

    def __init__(
        self,
        models: Mapping[str, Model],
        desks: Mapping[str, VendorDesk],
        model_map: Mapping[str, str],
        policy: RelayPolicy,
        clock: Clock,
    ) -> None:
        self._home = tuple(name for name, model in models.items() if model.card.location is Location.LOCAL)
        self._desks = desks
        self._model_map = model_map
        self._policy = policy
        self._rests = Rests(clock)

    def find_destination(self, model: str, format_name: str) -> Destination:
        """Where a request for this model goes. Raises NotFound for a local model that is not set up."""
        found = find_destination(model, self._model_map, self._home, FORMATS[format_name].vendor)
        if found.place is Place.HOME and found.model not in self._home:
            raise NotFound(f"the model {found.model!r} is not set up here; there are {', '.join(self._home) or 'none'}")
        if found.place is Place.VENDOR and found.vendor not in self._desks:
            raise NotFound(
                f"{model!r} is a model of {found.vendor}, and HYBRID_MODE_ENABLED=false lets nothing leave this machine"
            )
        return found

    def is_relayed(self, call: WireCall, destination: Destination) -> bool:
        """Whether a request is for a vendor's own model, in the vendor's own format."""
        return (
            destination.place is Place.VENDOR
            and destination.vendor == FORMATS[call.format].vendor
            and destination.model == call.model  # a name that is mapped to another has to be replaced
        )

    def question(self, call: WireCall, destination: Destination) -> Question:
        """A request as a question. Raises BadInput for a body that its format does not allow."""
        wire = FORMATS[call.format]
        prompt = wire.decode_request(call.body)
        voices = self._voices(call, destination, prompt)
        if call.body.get("n") not in (None, 1) and not voices:
            raise BadInput("n: one answer at a time is given here; leave n out, or name a vendor's model")
        query = Query(
            text=wire.question_of(call.body),
            session_id=call.session_id,
            profile=call.profile,
            preference=Preference.AUTO,
            max_tokens=prompt.max_tokens,
            tags=(f"wire:{call.format}",),
            conversation=prompt,
            wishes=call.wishes,
            asker=call.asker,
            model="" if destination.place is Place.AUTO else destination.model,
            needs_remote=why_not_home(call.body, prompt),
        )
        return Question(query, voices)

    def _voices(self, call: WireCall, destination: Destination, prompt: Prompt) -> dict[str, Model]:
        own = FORMATS[call.format].vendor
        if destination.place is Place.HOME:
            return {}
        if destination.place is Place.VENDOR and destination.vendor != own:
            return {destination.model: self._desks[destination.vendor].model(destination.model)}
        desk = self._desks.get(own)
        if desk is None or not (desk.keyed or any(name in call.headers for name in KEY_HEADERS)):
            return {}
        if destination.place is Place.VENDOR:
            card = desk.model(destination.model).card
            return {card.name: VendorVoice(card, desk.vendor, call, prompt, self._policy)}
        voice = VendorVoice(desk.card, desk.vendor, call, prompt, self._policy)
        return {desk.card.name: RestingModel(voice, self._rests, _who_is_asked(desk, call))}


def _who_is_asked(desk: VendorDesk, call: WireCall) -> str:
    """A vendor limits a model to a key: the one that is set here, or the asker's own."""
    key = "" if desk.keyed else "".join(call.headers.get(name, "") for name in KEY_HEADERS)
    return f"{desk.card.name} {key}"
