"""A stage with people who administer: keys of an administrator and of publishers beside those of contents.

Content leaves its list of integrations to the API, viewers are known by ``sign_in``, and a second authorization server
waits for somebody to register it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from posit.connect import Client
from posit.connect.errors import ClientError

from proxy.policy.guids import content_guid
from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.grants import RegisteredClient
from tests.journeys.sidecar import Setup
from tests.journeys.stage import SESSION_TOKEN, Stage, stage

OPS, BOB, EVE = "ops", "bob", "eve"
"""Names of keys: the administrator's, and those of two publishers, of whom bob owns ``sales``."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Everything a journey of administrators needs; ``async with office(folder) as o``."""

    scene: Stage
    crm: AuthorizationServer
    client: RegisteredClient
    """Ours at the CRM."""
    keys: dict[str, str]
    url: str
    """Where people ask the Server API."""
    sales: str = content_guid("sales")

    def crm_config(self, **more: str) -> dict[str, str]:
        """What an administrator writes to register the CRM."""
        return self.crm.config_for(self.client) | more

    async def asks(self, who: str, program: Callable[[Client], T]) -> T:
        """Run what somebody does with posit-sdk, beside the event loop that the doubles live in."""
        return await asyncio.to_thread(self._run, who, program)

    def _run(self, who: str, program: Callable[[Client], T]) -> T:
        # Content asks at `api.listen`, whatever `api.public` says: the exchange is nowhere else.
        url = self.scene.setup.api_url if who in self.scene.setup.content_keys else self.url
        with Client(url, self.keys[who]) as client:
            client.session.trust_env = False  # no proxy of this machine in between
            return program(client)

    async def registered(self, **more: str) -> str:
        """Have the administrator register the CRM; return its guid."""

        def program(client: Client) -> str:
            config = self.crm_config(**more)
            return str(client.oauth.integrations.create(name="crm", template="custom", config=config)["guid"])

        return await self.asks(OPS, program)

    async def associated(self, **more: str) -> str:
        """Have the administrator register the CRM and bob associate it with his app; return its guid."""
        guid = await self.registered(**more)
        await self.asks(BOB, lambda client: client.content.get(self.sales).oauth.associations.update(guid))
        return guid

    async def session_token_of(self, person: str = "ada") -> str:
        """Have somebody open the app in a fresh browser; return the session token that it got."""
        self.scene.content.forget()
        await self.scene.signed_in(person, "/sales/")
        return (self.scene.content.requests[-1].value(SESSION_TOKEN) or b"").decode()


@asynccontextmanager
async def office(folder: Path, *, public: bool = False) -> AsyncIterator[Office]:
    """Start everything; with ``public`` the Server API is asked at ``public_url``."""
    keys = {name: secrets.token_urlsafe(32) for name in (OPS, BOB, EVE)}

    def change(setup: Setup) -> None:
        del setup.content[0]["integrations"]  # so that the API has the list
        setup.content[0]["visitor_api_keys"] = True
        api = setup.document()["api"]
        assert isinstance(api, dict)
        api["keys"] += [
            {"name": OPS, "role": "administrator", "user": "ops@example.org", "key": keys[OPS]},
            {"name": BOB, "role": "publisher", "user": "bob@example.org", "key": keys[BOB]},
            {"name": EVE, "role": "publisher", "user": "eve@example.org", "key": keys[EVE]},
        ]
        setup.more |= {
            "sign_in": "warehouse",
            "api": api | ({"public": True} if public else {}),
            # The doubles are on loopback; what the API names may be on the public internet only.
            "outbound": {"unsafe_allow_networks": ["127.0.0.0/8", "::1/128"]},
        }

    async with AuthorizationServer.running() as crm, stage(folder, change=change) as scene:
        client = crm.register(scene.setup.redirect_uri, client_id="sidecar-at-crm")
        yield Office(
            scene=scene,
            crm=crm,
            client=client,
            keys=keys | scene.setup.content_keys,
            url=scene.setup.url if public else scene.setup.api_url,
        )


def refused(call: Callable[[], object]) -> tuple[int, int]:
    """Return status and Connect's code of what the client raises."""
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.error_message
    return caught.value.http_status, caught.value.error_code
