"""Bounds on what one viewer, one content or all of them can take, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds, sizes in bytes. What each is for, and what 0 means: ``proxy/config/schema.py``."""

    max_head_bytes: int = 65_536
    max_headers: int = 128
    max_target_bytes: int = 16_384
    max_connections: int = 10_000
    max_connections_per_peer: int = 0
    max_websocket_frame_bytes: int = 64 * 1024 * 1024
    max_sessions_in_memory: int = 50_000
    max_sign_in_starts_per_address_per_minute: int = 600
    max_sign_in_starts_per_browser_per_minute: int = 60
    max_exchanges_per_session_per_minute: int = 6000
    max_api_requests_per_key_per_minute: int = 6000
    head_timeout_s: float = 15
    body_progress_timeout_s: float = 60
    keep_alive_s: float = 75
    content_connect_timeout_s: float = 5
    content_response_timeout_s: float = 300
    content_keep_alive_s: float = 4
    websocket_ping_s: float = 25
    max_websocket_age_s: float = 0
    drain_timeout_s: float = 25
