"""Whether viewers' grants will come with a refresh token, as far as the configuration and the server's document tell.

Without one viewers pass through the provider again whenever their access token ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.oauth.announced import Announced
from proxy.providers.base import Provider
from proxy.providers.remark import Remark

_ASKS_FOR_ONE = frozenset({"offline_access", "refresh_token"})


def refresh_remarks(
    provider: Provider, *, scope: str, parameters: Sequence[tuple[str, str]], announced: Announced
) -> tuple[Remark, ...]:
    """Return what is missing for a refresh token; one that is ``ok`` when nothing is. ``scope``, ``parameters``: of the
    authorization request.
    """
    found = tuple(_missing(provider, frozenset(scope.split()), dict(parameters), announced))
    asked = [f"the scope {name}" for name in scope.split() if name in _ASKS_FOR_ONE]
    asked += [f"{name}={value}" for name, value in provider.refresh_parameters]
    by = f"Asked for by {' and '.join(asked)}." if asked else "The server gives one without being asked."
    return found or (Remark("ok", f"{by} {provider.refresh_needs}".rstrip()),)


def _missing(
    provider: Provider, scopes: frozenset[str], parameters: dict[str, str], announced: Announced
) -> Iterator[Remark]:
    for name, value in provider.refresh_parameters:
        if value not in parameters.get(name, "").split():
            yield Remark(
                "problem", f"{name}={value} is missing, and without it there is none: see `authorization_parameters`."
            )
    if ("prompt", "consent") in provider.authorization_parameters and "consent" not in parameters.get(
        "prompt", ""
    ).split():
        yield Remark("note", "Without prompt=consent, who consented before may come back without one.")
    if not (provider.refresh_scopes or provider.refresh_parameters or provider.refresh_needs or scopes & _ASKS_FOR_ONE):
        yield Remark(
            "note", "`scopes` does not ask for one: most servers want offline_access there, some refresh_token."
        )
    if announced.grant_types is not None and "refresh_token" not in announced.grant_types:
        yield Remark(
            "problem", f"The server's document lists no grant type refresh_token. {provider.refresh_needs}".rstrip()
        )
    if announced.scopes is not None and (unknown := sorted(scopes & _ASKS_FOR_ONE - announced.scopes)):
        yield Remark("note", f"The server's document does not list the scope {unknown[0]}: it may refuse or ignore it.")
