"""Contents over the wire, in Connect's words."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from proxy.web.api.shapes import Answer, Guid, Instant
from proxy.web.api.user_shapes import OwnerAnswer


class RuntimeSettings(Answer):
    """What Connect says of a process that it runs itself; this content runs elsewhere, so nothing is known."""

    bundle_id: None = None
    cluster_name: None = None
    connection_timeout: None = None
    cpu_limit: None = None
    cpu_request: None = None
    default_image_name: None = None
    idle_timeout: None = None
    image_name: None = None
    init_timeout: None = None
    load_factor: None = None
    max_conns_per_process: None = None
    max_processes: None = None
    memory_limit: None = None
    memory_request: None = None
    min_processes: None = None
    py_version: None = None
    quarto_version: None = None
    r_version: None = None
    read_timeout: None = None
    run_as: None = None
    service_account_name: None = None


class ContentAnswer(RuntimeSettings):
    """A content."""

    id: str
    guid: Guid
    name: str
    title: str
    description: str = Field(description="Always empty.")
    app_mode: str
    content_category: str = Field(description="Always empty.")
    access_type: Literal["all", "logged_in", "acl"] = Field(
        description="`access` of the configuration: anyone, signed_in, or lists."
    )
    app_role: Literal["owner", "editor", "viewer", "none"] = Field(
        description="What it is to the caller; `none`: they may not open it."
    )
    owner_guid: Guid | None = Field(description="`null`: the configuration names no owner.")
    owner: OwnerAnswer | None = Field(None, description="With `include=owner`.")
    tags: list[str] | None = Field(None, description="With `include=tags`; always empty.")
    vanity_url: None = Field(None, description="With `include=vanity_url`; see `content_url`.")
    content_url: str = Field(description="Where viewers find it.")
    dashboard_url: str = Field(description="The same: there is no other page of it.")
    created_time: Instant = Field(description="Since when it is known here.")
    last_deployed_time: Instant = Field(description="The same: who deploys it does not say so here.")
    parameterized: bool = Field(description="Always false.")
    run_as_current_user: bool = Field(description="Always false.")
    locked: bool = Field(description="Always false.")
    locked_message: str = Field(description="Always empty.")


NOTHING_KNOWN = dict.fromkeys(RuntimeSettings.model_fields)
