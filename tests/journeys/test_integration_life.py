"""The life of an integration, as an administrator's script lives it, while a viewer is there and content asks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from posit.connect import Client
from posit.connect.errors import ClientError
from posit.connect.oauth.integrations import Integration

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.grants import CLIENT_SECRET_MARKER, new_secret
from tests.journeys.office import OPS, Office, office
from tests.journeys.stage import ACCESS_TOKEN

OF_CRM = b"X-Forwarded-Access-Token-Crm"
SHORT_S = 3.0
WITHIN_S = 15.0


async def token_of(place: Office, session_token: str) -> str:
    return await place.asks("sales", lambda client: client.oauth.get_credentials(session_token)["access_token"])


async def refusal(place: Office, session_token: str) -> ClientError:
    with pytest.raises(ClientError) as caught:
        await token_of(place, session_token)
    return caught.value


def owner(server: AuthorizationServer, token: str) -> str | None:
    user = server.owner_of(token)
    return user.id if user else None


async def test_an_integration_is_made_used_renewed_pointed_elsewhere_and_deleted(tmp_path: Path) -> None:
    async with office(tmp_path) as place, AuthorizationServer.running() as new_crm:
        place.crm.access_ttl_s = SHORT_S
        guid = await place.associated()
        viewer = await place.scene.signed_in("ada", "/sales/")
        session_token = (place.scene.content.requests[-1].value(b"Posit-Connect-User-Session-Token") or b"").decode()
        first = await token_of(place, session_token)
        assert owner(place.crm, first) == "ada"

        await with_another_secret(place, guid)
        place.crm.access_ttl_s = 3600
        await asyncio.sleep(max(0, place.crm.grants.access_tokens[first].expires_at - place.crm.clock.now()))
        second = await token_of(place, session_token)
        assert owner(place.crm, second) == "ada", "the credentials live on, and are refreshed with the new secret"

        await pointed_at(place, guid, new_crm)
        ended = await refusal(place, session_token)
        assert (ended.error_code, "integration=" in ended.payload["login_url"]) == (220, True)
        await given_back(place)
        place.scene.content.forget()
        assert (await viewer.visit("/sales/")).status == 200
        seen = place.scene.content.requests[-1]
        assert owner(new_crm, (seen.value(OF_CRM) or b"").decode()) == "ada", "asked anew, at the other server"

        await place.asks(OPS, lambda client: client.oauth.integrations.get(guid).delete())
        assert (await refusal(place, session_token)).error_code == 212
        place.scene.content.forget()
        assert (await viewer.get("/sales/")).status == 200
        seen = place.scene.content.requests[-1]
        assert (seen.value(OF_CRM), seen.value(ACCESS_TOKEN)) == (None, None)


async def with_another_secret(place: Office, guid: str) -> None:
    """A secret is changed as the provider wants it: the new one is added, used, and then the old one goes."""
    place.client.secrets.append(new_secret(CLIENT_SECRET_MARKER))

    def program(client: Client) -> Integration:
        integration = client.oauth.integrations.get(guid)
        integration.update(config={"client_secret": place.client.secrets[-1]})
        return integration

    integration = await place.asks(OPS, program)
    place.client.secrets.pop(0)
    assert "ended_credentials" not in integration


async def pointed_at(place: Office, guid: str, server: AuthorizationServer) -> None:
    other = server.register(place.scene.setup.redirect_uri, client_id="sidecar-at-new-crm")

    def program(client: Client) -> Integration:
        integration = client.oauth.integrations.get(guid)
        integration.update(config=server.config_for(other))
        return integration

    integration = await place.asks(OPS, program)
    assert (integration["ended_credentials"], integration["ended_consents"]) == (1, 1)


async def given_back(place: Office) -> None:
    """Wait until the old server was told."""
    async with asyncio.timeout(WITHIN_S):
        while not all(family.revoked for family in place.crm.grants.families):
            await asyncio.sleep(0.1)
