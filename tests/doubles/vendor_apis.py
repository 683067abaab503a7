"""The APIs that vendors' own clients talk to, as far as one call each; every one takes live access tokens only.

Shapes are those that the clients read, seen on the wire: Databricks SCIM, Snowflake's login and query, Azure Storage's XML,
BigQuery's list of datasets.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex

from aiohttp import web

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.serving import serving

_CONTAINERS = (
    '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://localhost/"><Containers>'
    "<Container><Name>{}</Name><Properties><Etag>0</Etag></Properties></Container>"
    "</Containers><NextMarker /></EnumerationResults>"
)


@dataclass(frozen=True, slots=True)
class VendorCall:
    """One call that needs a token: what was called, and as which person or client (``None``: refused)."""

    what: str
    owner: str | None
    token: str = field(repr=False)


@dataclass(slots=True)
class VendorApis:
    """All of them under one address; ``async with VendorApis.running(server) as apis``."""

    server: AuthorizationServer
    url: str = ""
    calls: list[VendorCall] = field(default_factory=list)
    _snowflake_sessions: dict[str, str] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def running(
        cls, server: AuthorizationServer, *, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[VendorApis]:
        apis = cls(server)
        app = web.Application()
        app.router.add_get("/api/2.0/preview/scim/v2/Me", apis._databricks_me)
        app.router.add_post("/session/v1/login-request", apis._snowflake_login)
        app.router.add_post("/queries/v1/query-request", apis._snowflake_query)
        app.router.add_post("/{rest:session|telemetry/send}", apis._snowflake_nothing)
        app.router.add_get("/", apis._azure_containers)
        app.router.add_get("/bigquery/v2/projects/{project}/datasets", apis._bigquery_datasets)
        async with serving(app, tls=tls) as apis.url:
            yield apis

    async def _databricks_me(self, request: web.Request) -> web.Response:
        return web.json_response({"id": "1", "userName": self._bearer("databricks", request)})

    async def _azure_containers(self, request: web.Request) -> web.Response:
        owner = self._bearer("azure", request)
        return web.Response(text=_CONTAINERS.format(owner), content_type="application/xml")

    async def _bigquery_datasets(self, request: web.Request) -> web.Response:
        reference = {"projectId": request.match_info["project"], "datasetId": self._bearer("bigquery", request)}
        return web.json_response({"datasets": [{"id": "x", "datasetReference": reference}]})

    async def _snowflake_login(self, request: web.Request) -> web.Response:
        asked = (await request.json())["data"]
        assert asked["AUTHENTICATOR"] == "OAUTH"
        owner = self._owner("snowflake", asked["TOKEN"])
        if owner is None:
            return _snowflake(None, code="390303", message="Invalid OAuth access token.")
        session = token_hex(16)
        self._snowflake_sessions[session] = owner
        return _snowflake({
            "token": session, "masterToken": token_hex(16), "validityInSeconds": 3600, "masterValidityInSeconds": 14400,
            "sessionId": 1, "parameters": [],
            "sessionInfo": {"databaseName": None, "schemaName": None, "warehouseName": "WH", "roleName": "ANALYST"},
        })  # fmt: skip

    async def _snowflake_query(self, request: web.Request) -> web.Response:
        session = request.headers["Authorization"].removeprefix('Snowflake Token="').removesuffix('"')
        column = {"name": "CURRENT_USER()", "type": "text", "nullable": True, "length": 16, "byteLength": 64}
        return _snowflake({
            "parameters": [], "rowtype": [column], "rowset": [[self._snowflake_sessions[session]]], "total": 1,
            "returned": 1, "queryId": "01b", "sqlState": "00000", "statementTypeId": 4096, "queryResultFormat": "json",
        })  # fmt: skip

    async def _snowflake_nothing(self, _: web.Request) -> web.Response:
        return _snowflake(None)

    def _bearer(self, what: str, request: web.Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        owner = self._owner(what, token if scheme == "Bearer" else "")
        if owner is None:
            raise web.HTTPUnauthorized(text="{}", content_type="application/json")
        return owner

    def _owner(self, what: str, token: str) -> str | None:
        user = self.server.owner_of(token)
        owner = user.id if user else self.server.client_of(token)
        self.calls.append(VendorCall(what, owner, token))
        return owner


def _snowflake(data: object, *, code: str | None = None, message: str | None = None) -> web.Response:
    return web.json_response({"data": data, "message": message, "code": code, "success": code is None})
