"""The commands of ``oauth-sidecar``; each imports what it needs when it runs, so that the small ones start fast."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.config.load import Loaded
    from proxy.config.values import Config, Listen
    from proxy.model import Content

EXIT_FAILED = 1
EXIT_CONFIG = 78
"""``EX_CONFIG`` of sysexits.h: a supervisor need not try again before somebody has corrected the file."""

_config_option = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration file.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="oauth-sidecar", prog_name="oauth-sidecar")
def main() -> None:
    """One process in front of interactive content: viewers sign in, content sees their short-lived token."""


@main.command()
@_config_option
def serve(path: Path) -> None:
    """Run the sidecar."""
    config = _load(path).config
    from proxy.app import serve as run

    sys.exit(run(config))


@main.command()
@click.option(
    "--online", "is_online", is_flag=True, help="Ask every authorization server, too; exit code 1 on a problem."
)
@click.option("--json", "as_json", is_flag=True, help="With --online: print its findings as JSON.")
@_config_option
def check(path: Path, is_online: bool, as_json: bool) -> None:
    """Check the configuration and print what is in force, without secrets.

    With --online print instead what the authorization servers say: discovery, certificates, whether they take the client,
    the redirect URI and the scopes, what is missing for a refresh token, and the clock. No viewer's token is asked for.
    """
    if as_json and not is_online:
        raise click.UsageError("--json goes with --online.")
    config = _load(path).config
    if is_online:
        _check_online(config, as_json=as_json)
        return
    from proxy.config.show import effective

    click.echo(f"# {path} is fine. In force, with defaults:")
    click.echo(effective(config), nl=False)
    if config.directory.integrations:
        click.echo("# Register this redirect URI at each authorization server:")
        for item in config.directory.integrations.values():
            where = "nothing: a service account" if item.is_service_account else config.redirect_uri
            click.echo(f"#   {item.name}: {where}")


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Where the browser goes; default 8080 or another free one.")
def demo(port: int | None) -> None:
    """Try it: an authorization server, a small app and the sidecar, all on this machine."""
    from proxy.demo.run import main as run

    sys.exit(run(port))


@main.command()
def keygen() -> None:
    """Print a new random key, for `store.keys` or `api.keys`."""
    from proxy.sealing import KEY_BYTES, format_key

    click.echo(format_key(secrets.token_bytes(KEY_BYTES)))


@main.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from proxy.config.json_schema import schema_text

    click.echo(schema_text(), nl=False)


@main.command("content-env")
@click.argument("name")
@click.option("--export", "is_export", is_flag=True, help="Put `export` in front of each line.")
@_config_option
def content_env(name: str, path: Path, is_export: bool) -> None:
    """Print the variables with which Posit Connect's client libraries work in the content NAME.

    The lines hold the content's API key: eval them or write them to a file that only the content reads.
    """
    loaded = _load(path)
    for variable, value in _content_variables(name, path, loaded):
        click.echo(f"{'export ' if is_export else ''}{variable}={shlex.quote(value)}")


@main.command()
@_config_option
def healthcheck(path: Path) -> None:
    """Ask the running sidecar whether it is ready: exit code 0, else 1."""
    config = _load(path).config
    from proxy.healthcheck import why_not_ready

    reason = why_not_ready(config)
    if reason is not None:
        _end(f"not ready: {reason}", EXIT_FAILED)
    click.echo("ready")


@main.group()
def sessions() -> None:
    """List viewers' sessions and end them, beside the running sidecar: it follows within seconds."""


@sessions.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_config_option
def list_sessions(path: Path, as_json: bool) -> None:
    """Print who is signed in, since when, until when, and what they let which content have."""
    from datetime import UTC, datetime

    from proxy.session_admin import listing

    _print(lambda config: listing(config, as_json=as_json, now=datetime.now(UTC)), path)


@sessions.command()
@click.argument("session", metavar="[ID]", required=False)
@click.option("--viewer", help="All sessions of the viewer with this e-mail address or guid.")
@click.option("--all", "is_all", is_flag=True, help="Every session there is.")
@_config_option
def revoke(path: Path, session: str | None, viewer: str | None, is_all: bool) -> None:
    """End the session ID (as `list` prints it), those of one viewer, or all.

    Requests are refused and WebSockets closed (4401) within seconds. What viewers granted stays; see `disconnect`.
    """
    from proxy.session_admin import revoke as run

    _exactly_one({"ID": session is not None, "--viewer": viewer is not None, "--all": is_all})
    _print(lambda config: run(config, session=session, viewer=viewer), path)


@sessions.command()
@click.option("--integration", required=True, metavar="NAME", help="The integration, by name or guid.")
@click.option("--viewer", help="Only the viewer with this e-mail address or guid.")
@click.option("--all", "is_all", is_flag=True, help="Everybody.")
@_config_option
def disconnect(path: Path, integration: str, viewer: str | None, is_all: bool) -> None:
    """End what viewers granted to an integration: tokens and consents are deleted, and they are asked again.

    The running sidecar gives the tokens back at the provider, where that has an address for it. WebSockets of the contents
    concerned are closed with 4403 within seconds.
    """
    from proxy.session_admin import disconnect as run

    _exactly_one({"--viewer": viewer is not None, "--all": is_all})
    _print(lambda config: run(config, integration=integration, viewer=viewer), path)


@main.command()
@click.option("--since", metavar="SPAN|TIME", help="Lines from then on: 1d, 12h, or 2026-05-04T12:00:00Z.")
@click.option("--after", type=click.IntRange(min=0), metavar="ID", help="Lines behind the one with this id.")
@click.option("--action", help="Only these lines, as sign_in or hand_out_exchange.")
@click.option("--viewer", help="Only what concerns the viewer with this e-mail address or guid.")
@click.option("--content", metavar="NAME", help="Only what concerns this content, by name or guid.")
@click.option("--follow", "-f", "is_following", is_flag=True, help="Go on as lines come; alone, from now on.")
@_config_option
def audit(
    path: Path, since: str | None, after: int | None, action: str | None, viewer: str | None, content: str | None,
    is_following: bool,
) -> None:  # fmt: skip
    """Print the audit log as JSON lines, the oldest first, beside the running sidecar.

    docs/audit.md says what each line has. No secret is in it, but people's e-mail addresses are.
    """
    from proxy.audit_admin import Asked, print_lines
    from proxy.errors import SidecarError
    from proxy.model import AuditAction

    if action is not None and action not in list(AuditAction):
        raise click.BadParameter(f"there is: {', '.join(AuditAction)}", param_hint="--action")
    config = _load(path).config
    asked = Asked(since=since, after=after, action=action, viewer=viewer, content=content, is_following=is_following)
    try:
        print_lines(config, asked, click.echo)
    except SidecarError as error:
        _end(error.detail or error.public, EXIT_FAILED)


@main.group("api-key")
def api_key() -> None:
    """Make, list and revoke keys of the Server API; a running sidecar follows within a second."""


@api_key.command("create")
@click.option("--name", required=True, help="What logs and lists call it.")
@click.option("--role", type=click.Choice(["administrator", "publisher", "content"]), required=True)
@click.option("--user", metavar="E-MAIL", help="Whom it stands for; a publisher's needs one.")
@click.option("--content", metavar="NAME", help="The content that it is the key of, by name or guid.")
@_config_option
def create_api_key(path: Path, name: str, role: str, user: str | None, content: str | None) -> None:
    """Make a key and print it, and nothing else: what is kept of it is a hash, so it is never shown again."""
    from proxy.api_key_admin import create

    _print(lambda config: create(config, name=name, role=role, user=user, content=content), path)


@api_key.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_config_option
def list_api_keys(path: Path, as_json: bool) -> None:
    """Print what keys there are, what each stands for, and when it was last used, which may be a minute late."""
    from proxy.api_key_admin import listing

    _print(lambda config: listing(config, as_json=as_json), path)


@api_key.command("revoke")
@click.argument("key", metavar="NAME|GUID")
@_config_option
def revoke_api_key(path: Path, key: str) -> None:
    """Revoke a key: the running sidecar refuses it within a second. Those of the configuration are revoked there."""
    from proxy.api_key_admin import revoke

    _print(lambda config: revoke(config, key), path)


def _check_online(config: Config, *, as_json: bool) -> None:
    from proxy import online

    findings = online.ask(config)
    click.echo(online.as_json(findings) if as_json else online.as_text(findings))
    if online.has_problem(findings):
        sys.exit(EXIT_FAILED)


def _exactly_one(given: dict[str, bool]) -> None:
    if list(given.values()).count(True) != 1:
        raise click.UsageError(f"Give exactly one of {', '.join(given)}.")


def _print(work: Callable[[Config], str], path: Path) -> None:
    """Print what the work returns; end with one line and 1 when it cannot be done."""
    config = _load(path).config
    from proxy.errors import SidecarError

    try:
        click.echo(work(config))
    except SidecarError as error:
        _end(error.detail or error.public, EXIT_FAILED)


def _load(path: Path) -> Loaded:
    """Read the configuration; with problems, print all of them and end the process."""
    from proxy.config.load import load_with_keys
    from proxy.config.problems import ConfigProblems

    try:
        return load_with_keys(path, environment=os.environ)
    except ConfigProblems as exc:
        for problem in exc.problems:
            click.echo(str(problem), err=True)
        count = len(exc.problems)
        _end(f"{count} problem{'' if count == 1 else 's'} in {path}", EXIT_CONFIG)


def _content_variables(name: str, path: Path, loaded: Loaded) -> list[tuple[str, str]]:
    """Work out the variables (Posit Connect's names; its R client wants RSTUDIO_PRODUCT, newer ones POSIT_PRODUCT)."""
    config = loaded.config
    content = next((item for item in config.directory.contents.values() if item.name == name), None)
    if content is None:
        names = ", ".join(item.name for item in config.directory.contents.values()) or "none"
        raise click.BadParameter(f"{path} has no content of this name; there is: {names}", param_hint="NAME")
    if name not in loaded.plain_keys:
        _end(f"{path}: `api.keys` has no key for the content `{name}`", EXIT_CONFIG)
    return [
        ("CONNECT_SERVER", _server_url(config, path)),
        ("CONNECT_API_KEY", loaded.plain_keys[name][0].reveal()),
        ("CONNECT_CONTENT_GUID", content.guid),
        *_content_token(config, content),
        ("POSIT_PRODUCT", "CONNECT"),
        ("RSTUDIO_PRODUCT", "CONNECT"),
    ]


def _content_token(config: Config, content: Content) -> list[tuple[str, str]]:
    """Return what a content shows that has a service account, or may be given one through the Server API.

    To any other it would say that it has one (posit-sdk).
    """
    if content.session_token_file:
        return [("CONNECT_CONTENT_SESSION_TOKEN_FILE", content.session_token_file)]
    from proxy.flows.content_tokens import content_session_token
    from proxy.sealing import KeyRing

    has_one = any(config.directory.integrations[guid].is_service_account for guid in content.integrations)
    if content.are_integrations_configured and not has_one:
        return []
    return [("CONNECT_CONTENT_SESSION_TOKEN", content_session_token(KeyRing(config.store_keys), content.guid))]


def _server_url(config: Config, path: Path) -> str:
    from proxy.config.show import address

    reachable = _reachable(config.api_listen, config.api_hosts)
    if reachable is None:
        _end(f"{path}: client libraries need `api.listen` on a TCP port that is written out", EXIT_CONFIG)
    return f"{'http' if config.api_tls is None else 'https'}://{address(reachable)}"


def _reachable(listen: Listen | None, hosts: tuple[str, ...]) -> Listen | None:
    """Return where to connect; ``None`` for a Unix socket, a port that the kernel chooses, or no listener."""
    from proxy.config.values import TcpListen

    match listen:
        case TcpListen(_, port) if port and hosts:
            return TcpListen(hosts[0].strip("[]"), port)
        case TcpListen("0.0.0.0", port) if port:  # noqa: S104  # everywhere, so also on loopback
            return TcpListen("127.0.0.1", port)
        case TcpListen("::", port) if port:
            return TcpListen("::1", port)
        case TcpListen(_, port) if port:
            return listen
        case _:
            return None


def _end(text: str, code: int) -> NoReturn:
    click.echo(f"oauth-sidecar: {text}", err=True)
    sys.exit(code)
