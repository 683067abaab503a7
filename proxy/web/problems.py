"""Refusals that only the control plane knows."""

from __future__ import annotations

from proxy.errors import NotAllowed


class ForeignOrigin(NotAllowed):
    """The request comes from a page that is not ours."""

    code = "origin_refused"
    public = "This was asked for by a page of another site, so nothing was done."
