"""The vendors' own APIs, for the gateway."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

from hybrid_coordinator.app.models import VENDORS, keyed, remote_card, remote_model, vendor_model_name
from hybrid_coordinator.backends.http import Endpoint, open_client
from hybrid_coordinator.backends.vendors.http import HttpVendor, open_session
from hybrid_coordinator.flows.switchboard import VendorDesk
from hybrid_coordinator.settings import Settings


def open_desks(settings: Settings, stack: AsyncExitStack) -> Mapping[str, VendorDesk]:
    """A desk for each vendor, with a key or without; none when nothing may leave this machine."""
    if not settings.routing.hybrid_mode:
        return {}
    return {vendor: _open_desk(settings, vendor, stack) for vendor in VENDORS}


def _open_desk(settings: Settings, name: str, stack: AsyncExitStack) -> VendorDesk:
    session = open_session(settings.patience.connect_s, trust_env=True)
    vendor = HttpVendor(_endpoint(settings, name), _key_headers(settings, name), session)
    stack.push_async_callback(vendor.aclose)
    client = open_client(trust_env=True)
    stack.push_async_callback(client.aclose)
    return VendorDesk(
        vendor,
        remote_card(vendor_model_name(settings, name)),
        keyed=keyed(settings, name),
        model=partial(remote_model, settings, name, client=client),
    )


def _endpoint(settings: Settings, vendor: str) -> Endpoint:
    remote = settings.remote
    if vendor == "anthropic":
        return Endpoint("Anthropic", remote.anthropic_url, remote.anthropic_api_key.reveal)
    return Endpoint("OpenAI", remote.openai_url, remote.openai_api_key.reveal)


def _key_headers(settings: Settings, vendor: str) -> dict[str, str]:
    if not keyed(settings, vendor):
        return {}
    if vendor == "anthropic":
        return {"x-api-key": settings.remote.anthropic_api_key.reveal}
    return {"authorization": f"Bearer {settings.remote.openai_api_key.reveal}"}
