"""Contents, viewers and identities as the tables of this directory need them."""

from __future__ import annotations

from datetime import UTC, datetime

from proxy.model import (
    Access,
    Content,
    ContentGuid,
    Identity,
    Integration,
    IntegrationGuid,
    SignedIn,
    TcpUpstream,
    Upstream,
    Viewer,
    ViewerGuid,
)


def content(
    path: str = "/sales/",
    *,
    strip_prefix: bool = True,
    access: Access | None = None,
    upstream: Upstream | None = None,
) -> Content:
    return Content(
        guid=ContentGuid(f"content:{path}"),
        name=path.strip("/") or "root",
        title="Sales",
        owner="bob@example.org",
        path=path,
        upstream=upstream or TcpUpstream("127.0.0.1", 8501),
        app_mode="python-streamlit",
        access=access or SignedIn(),
        strip_prefix=strip_prefix,
    )


def integration(slug: str) -> Integration:
    return Integration(guid=IntegrationGuid(slug), name=slug, slug=slug, template="custom", config={})


def viewer(identity: Identity | None) -> Viewer:
    return Viewer(
        guid=ViewerGuid("viewer"),
        identity=identity,
        identified_by=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
