"""Who says who the viewer is: an integration, or a proxy's headers where nobody else can send them."""

import pytest

from proxy.config.show import effective
from proxy.policy.vouching import Vouching
from proxy.sealing import hash_handle
from tests.unit.config.house import changed, loaded, problems

SECRET = "Zk3vQ8pLw2Xc9Rt5Yb7Nd1Ms4Hg6Jf0A"
SOCKET = "listen: unix:/run/sidecar.sock\n"


def text(sign_in: str, more: str = "") -> str:
    return changed(("sign_in: warehouse\n", f"sign_in: {sign_in}\n{more}"))


def test_an_integration_with_the_place_of_its_groups(tmp_path):
    config = loaded(tmp_path, text("{integration: warehouse, groups_claim: realm_access.roles}"))
    plain = loaded(tmp_path, text("warehouse"))
    assert config.directory.sign_in == plain.directory.sign_in is not None
    assert (config.directory.groups_claim, plain.directory.groups_claim) == ("realm_access.roles", "")
    assert "groups_claim: realm_access.roles" in effective(config)
    assert config.vouching is None


def test_a_proxy_on_a_unix_socket(tmp_path):
    sign_in = "{header: X-Auth-User, email_header: X-Auth-Email, groups_header: X-Auth-Groups}"
    config = loaded(tmp_path, text(sign_in, SOCKET))
    assert config.vouching == Vouching(user=b"x-auth-user", email=b"x-auth-email", groups=b"x-auth-groups")
    assert config.directory.is_vouched
    assert config.directory.sign_in is None
    assert "email_header: x-auth-email" in effective(config)


def test_a_proxy_with_a_secret(tmp_path):
    config = loaded(tmp_path, text(f"{{header: X-Auth-User, secret_header: X-Auth-Secret, secret: {SECRET}}}"))
    assert config.vouching is not None
    assert config.vouching.secret_hash == hash_handle(SECRET)
    assert SECRET not in effective(config)
    assert SECRET not in repr(config)


WRONG = {
    "neither": ("{groups_claim: a}", "", "sign_in: name an `integration` or the `header` of a proxy, one of the two"),
    "both": ("{integration: warehouse, header: X-U}", SOCKET, "sign_in: name an `integration` or the `header`"),
    "no socket, no secret": ("{header: X-U}", "", "sign_in.header: anybody who reaches `listen` could be anybody"),
    "secret without header": (f"{{header: X-U, secret: {SECRET}}}", "", "`secret` and `secret_header` go together"),
    "header without secret": ("{header: X-U, secret_header: X-S}", SOCKET, "`secret` and `secret_header` go together"),
    "short": ("{header: X-U, secret_header: X-S, secret: short}", "", "sign_in.secret: the secret has at least 32"),
    "shared": (f"{{header: X-U, secret_header: x-u, secret: {SECRET}}}", "", "the secret needs a header of its own"),
    "taken": ("{header: Authorization}", SOCKET, "sign_in.header: `Authorization` means something of its own"),
    "taken e-mail": ("{header: X-U, email_header: Cookie}", SOCKET, "sign_in.email_header: `Cookie` means something"),
    "no name": ("{header: 'X U'}", SOCKET, "sign_in.header: a header's name has"),
    "groups_claim": ("{header: X-U, groups_claim: a}", SOCKET, "sign_in.groups_claim: only goes with `integration`"),
    "header's only": (
        "{integration: warehouse, email_header: X-E}",
        "",
        "sign_in.email_header: only goes with `header`",
    ),
    "unknown": ("{integration: wherehouse}", "", "sign_in.integration: no integration has this name"),
    "unknown setting": ("{headr: X-U}", SOCKET, "sign_in.headr"),
}


@pytest.mark.parametrize(("sign_in", "more", "say"), WRONG.values(), ids=WRONG)
def test_what_could_be_forged_or_makes_no_sense_is_refused(tmp_path, sign_in, more, say):
    found = problems(tmp_path, text(sign_in, more))
    assert any(say in line for line in found), found
    assert not any(SECRET in line for line in found)
