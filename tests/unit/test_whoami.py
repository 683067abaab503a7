"""Who runs a command."""

from __future__ import annotations

import os
import pwd

from proxy.model import ActorKind
from proxy.whoami import operator


def test_an_operator_has_the_systems_name(monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert operator().kind is ActorKind.OPERATOR
    assert operator().name == pwd.getpwuid(os.getuid()).pw_name


def test_behind_sudo_it_is_who_asked_for_it(monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ada")
    assert operator().name == "ada"
