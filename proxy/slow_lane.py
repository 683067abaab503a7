"""The gateway's question to the use cases, and their answer in the gateway's words: times as epoch seconds, a reason."""

from __future__ import annotations

from proxy.admission import Admit
from proxy.flows.sessions import AccessRefused, Admitted, ConsentNeeded, Sessions, SignInNeeded, TokenUnavailable
from proxy.gateway.switchboard import SlowLane
from proxy.model import Content, Directory
from proxy.policy.routing import Reason, Refuse


def slow_lane(sessions: Sessions, directory: Directory) -> SlowLane:
    """Return what the gateway asks; the answers are those of ``sessions``."""

    async def ask(session_id: str | None, content: Content) -> Admit | Refuse:
        # A request that waited, or is asked about again, was matched with the content as it was then.
        content = directory.contents.get(content.guid, content)
        admit = sessions.admit_at_host if content.origin else sessions.admit
        match await admit(session_id, content):
            case Admitted() as admitted:
                return Admit(
                    session_hash=admitted.session_hash,
                    viewer_guid=admitted.viewer_guid,
                    header_block=admitted.header_block,
                    good_until=admitted.good_until.timestamp(),
                    expires_at=admitted.expires_at.timestamp(),
                    tokens=admitted.handed_out,
                    ask_for="" if admitted.unasked is None else admitted.unasked.guid,
                    handle_hash=admitted.handle_hash,
                )
            case SignInNeeded(integration=integration):
                return Refuse(
                    reason=Reason.SIGN_IN, integration_guid=integration.guid if integration is not None else ""
                )
            case ConsentNeeded(integration=integration):
                return Refuse(reason=Reason.CONSENT, integration_guid=integration.guid)
            case AccessRefused():
                return Refuse(reason=Reason.ACCESS_REFUSED)
            case TokenUnavailable(integration=integration, retry_after_s=retry_after_s):
                return Refuse(
                    reason=Reason.TOKEN_UNAVAILABLE,
                    integration_guid=integration.guid,
                    retry_after_s=max(1, round(retry_after_s)),
                )

    return ask
