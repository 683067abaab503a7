"""Golden lines: what is written wrong → what is said about it, and where."""

from __future__ import annotations

import pytest

from proxy.providers.github import GITHUB
from tests.unit.config.house import API_KEY, CLIENT_SECRET, SOUND, STORE_KEY, changed, problems

SECOND = """\
  - name: board
    owner: bob@example.org
    path: /board/
    app_mode: python-dash
    upstream: http://127.0.0.1:8502
    integrations: [warehouse]
"""

# name: (what is replaced in the sound configuration, by what, the expected lines)
ROWS: dict[str, tuple[list[tuple[str, str]], list[str]]] = {
    "a duplicate key": (
        [("sign_in: warehouse\n", "sign_in: warehouse\nsign_in: other\n")],
        ["config.yaml:3:1: sign_in: the key `sign_in` stands here twice, first in line 2"],
    ),
    "an unknown key with a near name": (
        [("sign_in: warehouse", "signin: warehouse")],
        ["config.yaml:2:1: signin: unknown setting (did you mean `sign_in`?)"],
    ),
    "an unknown key of a list item": (
        [("    path: /sales/\n", "    path: /sales/\n    upstraem: x\n")],
        ["config.yaml:22:5: content[0].upstraem: unknown setting (did you mean `upstream`?)"],
    ),
    "an unknown key that is like no other": (
        [("sign_in: warehouse", "sign_in: warehouse\nzzz: 1")],
        ["config.yaml:3:1: zzz: unknown setting"],
    ),
    "a missing blank after a colon": (
        [("path: /sales/", "path: /sales/\n    title:Sales:")],
        ["config.yaml:22:5: content[0].…: unknown setting; is a blank missing after the colon?"],
    ),
    "a setting of another version": (
        [("sign_in: warehouse", "sign_in: warehouse\ndashboard_url: https://d.example.org")],
        ["config.yaml:3:1: dashboard_url: not supported by this version: the dashboard"],
    ),
    "a path and a host": (
        [("    path: /sales/\n", "    path: /sales/\n    host: sales.example.org\n")],
        [
            (
                "config.yaml:22:11: content[0].host: `path` is on `public_url` and `host` an origin of its own: give one "
                "of them"
            )
        ],
    ),
    "a publisher's key with a content": (
        [("{name: sales, content: sales,", "{name: sales, content: sales, role: publisher, user: bob@example.org,")],
        ["config.yaml:8:30: api.keys[0].content: only goes with the role content: leave it out"],
    ),
    "a publisher's key of nobody": (
        [("{name: sales, content: sales,", "{name: sales, role: publisher,")],
        [
            (
                "config.yaml:8:7: api.keys[0].user: a publisher's key needs `user`, the e-mail address of whoever owns "
                "content"
            )
        ],
    ),
    "a content's key with a person": (
        [("{name: sales, content: sales,", "{name: sales, content: sales, user: Bob@example.org,")],
        ["config.yaml:8:43: api.keys[0].user: a content's key stands for no person: leave it out"],
    ),
    "a key of nothing": (
        [("{name: sales, content: sales,", "{name: sales,")],
        ["config.yaml:8:7: api.keys[0].role: give `content` (the key of one content) or a `role`"],
    ),
    "a content's key without one": (
        [("{name: sales, content: sales,", "{name: sales, role: content,")],
        ["config.yaml:8:7: api.keys[0].content: the key of a content needs the name of its `content`"],
    ),
    "a role that nobody is given": (
        [("{name: sales, content: sales,", "{name: sales, content: sales, role: viewer,")],
        ["config.yaml:8:43: api.keys[0].role: must be one of administrator, publisher, content"],
    ),
    "visitors' keys where nobody knows who visits": (
        [
            ("sign_in: warehouse\n", ""),
            ("integrations: [warehouse]", "integrations: [warehouse]\n    visitor_api_keys: true"),
        ],
        [
            (
                "config.yaml:24:23: content[0].visitor_api_keys: without `sign_in` no viewer has a verified identity that a key "
                "could stand for"
            )
        ],
    ),
    "a role that does not exist": (
        [("{name: sales, content: sales,", "{name: sales, content: sales, role: publsher,")],
        [
            (
                "config.yaml:8:43: api.keys[0].role: must be one of administrator, publisher, content (did you mean "
                "`publisher`?)"
            )
        ],
    ),
    "what Connect can do and we cannot": (
        [
            (
                "      client_id: sidecar\n",
                "      client_id: sidecar\n      auth_type: Service Account\n      auth_mode: Public\n",
            )
        ],
        [
            "config.yaml:2:10: sign_in: `warehouse` is a service account: nobody signs in with it",
            "config.yaml:18:18: integrations[0].config.auth_mode: Public cannot go with a client_secret",
        ],
    ),
    "a service account without a secret, optional, and nothing to sign in with": (
        [
            ("sign_in: warehouse\n", ""),
            (f"      client_secret: {CLIENT_SECRET}", "      auth_type: Service Account"),
            ("integrations: [warehouse]", "integrations: [{name: warehouse, optional: true}]"),
        ],
        [
            (
                "config.yaml:12:7: integrations[0].config.client_secret: a service account needs a client_secret or a "
                "private_key"
            ),
            (
                "config.yaml:18:5: content[0].access: without `sign_in` or integrations viewers have no way to sign in: "
                "set one, or `access: anyone`"
            ),
            (
                "config.yaml:23:48: content[0].integrations[0].optional: a service account is asked of nobody: leave "
                "`optional` out"
            ),
        ],
    ),
    "a service account where the server has none": (
        [
            (
                SOUND[SOUND.index("    template: custom") : SOUND.index("      client_id:")],
                "    template: github\n    config:\n      auth_type: Service Account\n",
            )
        ],
        [
            "config.yaml:2:10: sign_in: `warehouse` is a service account: nobody signs in with it",
            f"config.yaml:13:18: integrations[0].config.auth_type: {GITHUB.no_service_accounts}",
        ],
    ),
    "static content with a service account": (
        [
            ("app_mode: python-streamlit", "app_mode: static"),
            ("sign_in: warehouse\n", ""),
            (
                f"      client_secret: {CLIENT_SECRET}",
                f"      client_secret: {CLIENT_SECRET}\n      auth_type: Service Account",
            ),
            ("    path: /sales/\n", "    path: /sales/\n    access: anyone\n"),
        ],
        [
            (
                "config.yaml:25:19: content[0].integrations: `static` content has no process that could use a token: only "
                "interactive kinds may"
            )
        ],
    ),
    "an association with a misspelled setting, and one of nobody": (
        [("integrations: [warehouse]", "integrations: [{name: warehouse, optinal: true}, {name: wharehouse}]")],
        [
            "config.yaml:24:38: content[0].integrations[0].optinal: unknown setting (did you mean `optional`?)",
            (
                "config.yaml:24:61: content[0].integrations[1].name: no integration has this name (did you mean "
                "`warehouse`?)"
            ),
        ],
    ),
    "an association without a name, and one twice": (
        [
            (
                "integrations: [warehouse]",
                "integrations: [{optional: true}, warehouse, {name: warehouse, optional: true}]",
            )
        ],
        [
            "config.yaml:24:20: content[0].integrations[0].name: this setting is required",
            "config.yaml:24:56: content[0].integrations[2].name: this integration stands here already, in line 24",
        ],
    ),
    "only optional integrations, and nothing to sign in with": (
        [
            ("sign_in: warehouse\n", ""),
            ("integrations: [warehouse]", "integrations: [{name: warehouse, optional: true}]"),
        ],
        [
            (
                "config.yaml:23:19: content[0].integrations: without `sign_in` viewers sign in by what they consent to: one "
                "integration must not be optional"
            )
        ],
    ),
    "PKCE off for a public client": (
        [(f"client_secret: {CLIENT_SECRET}", "use_pkce: false")],
        [
            (
                "config.yaml:17:17: integrations[0].config.use_pkce: without a client_secret nothing but PKCE ties the code "
                "to us: it stays on"
            )
        ],
    ),
    "a private key that is none": (
        [("      client_id: sidecar\n", "      client_id: sidecar\n      private_key: k3y-of-nobody\n")],
        [
            (
                "config.yaml:17:20: integrations[0].config.private_key: must be a private key in PEM (-----BEGIN PRIVATE "
                "KEY-----)"
            )
        ],
    ),
    "a confidential client without a secret": (
        [(f"client_secret: {CLIENT_SECRET}", "auth_mode: Confidential")],
        ["config.yaml:17:18: integrations[0].config.auth_mode: Confidential needs a client_secret"],
    ),
    "a mode that does not exist": (
        [("      client_id: sidecar\n", "      client_id: sidecar\n      auth_mode: confidential\n")],
        ["config.yaml:17:18: integrations[0].config.auth_mode: must be one of Confidential, Public"],
    ),
    "a boolean where text belongs": (
        [("client_id: sidecar", "client_id: true")],
        ["config.yaml:16:18: integrations[0].config.client_id: must be text: put it in quotes"],
    ),
    "roles that nobody can be found to have": (
        [("sign_in: warehouse", "roles: {administrators: [ada@example.org]}")],
        ["config.yaml:2:8: roles: without `sign_in` no viewer has a verified identity, so roles cannot be evaluated"],
    ),
    "a missing setting": (
        [("    path: /sales/\n", "")],
        ["config.yaml:19:5: content[0]: give `path` (on `public_url`) or `host` (an origin of its own)"],
    ),
    "a missing setting at the top": (
        [("public_url: https://apps.example.org\n", "")],
        ["config.yaml:1:1: public_url: this setting is required"],
    ),
    "a number where text belongs": (
        [("client_id: sidecar", "client_id: 12")],
        ["config.yaml:16:18: integrations[0].config.client_id: must be text: put it in quotes"],
    ),
    "a number where an address belongs": (
        [("sign_in: warehouse", "sign_in: warehouse\nlisten: 8080")],
        ["config.yaml:3:9: listen: must be text such as 127.0.0.1:8080"],
    ),
    "text where a number belongs": (
        [("sign_in: warehouse", 'sign_in: warehouse\nlimits: {max_headers: "128"}')],
        ["config.yaml:3:23: limits.max_headers: must be a whole number"],
    ),
    "a fraction where a whole number belongs": (
        [("sign_in: warehouse", "sign_in: warehouse\nlimits: {max_headers: 128.5}")],
        ["config.yaml:3:23: limits.max_headers: must be a whole number"],
    ),
    "a boolean where a time belongs": (
        [("sign_in: warehouse", "sign_in: warehouse\nlimits: {head_timeout_s: true}")],
        ["config.yaml:3:26: limits.head_timeout_s: must be a number"],
    ),
    "a limit below its least": (
        [("sign_in: warehouse", "sign_in: warehouse\nlimits: {max_connections: 0}")],
        ["config.yaml:3:27: limits.max_connections: must be at least 1"],
    ),
    "a limit above its most": (
        [("sign_in: warehouse", "sign_in: warehouse\nlimits: {max_headers: 1001}")],
        ["config.yaml:3:23: limits.max_headers: must be at most 1000"],
    ),
    "text where a boolean belongs": (
        [("    path: /sales/\n", '    path: /sales/\n    strip_prefix: "true"\n')],
        ["config.yaml:22:19: content[0].strip_prefix: must be true or false"],
    ),
    "a mapping where a list belongs": (
        [("integrations: [warehouse]", "integrations: {warehouse: 1}")],
        ["config.yaml:24:19: content[0].integrations: must be a list"],
    ),
    "text where a mapping belongs": (
        [("sign_in: warehouse", "sign_in: warehouse\nlimits: none")],
        ["config.yaml:3:9: limits: must be a mapping of settings"],
    ),
    "an empty value": (
        [("path: /sales/", "path:")],
        ["config.yaml:19:5: content[0]: give `path` (on `public_url`) or `host` (an origin of its own)"],
    ),
    "no store keys": (
        [(f"keys: [{STORE_KEY}]", "keys: []")],
        ["config.yaml:5:9: store.keys: must not be empty"],
    ),
    "a YAML 1.1 boolean": (
        [("    path: /sales/\n", "    path: /sales/\n    strip_prefix: no\n")],
        [
            (
                "config.yaml:22:19: content[0].strip_prefix: `yes`, `no`, `on` and `off` are booleans to one YAML version and "
                "text to another: write true or false, or quote it"
            )
        ],
    ),
    "a YAML 1.1 boolean as a key": (
        [("sign_in: warehouse", "sign_in: warehouse\non: true")],
        [
            (
                "config.yaml:3:1: …: `yes`, `no`, `on` and `off` are booleans to one YAML version and "
                "text to another: write true or false, or quote it"
            )
        ],
    ),
    "numbers that YAML versions read differently": (
        [
            (
                "sign_in: warehouse",
                (
                    "sign_in: warehouse\nlimits:\n  max_headers: 1_0\n  max_connections: 012\n  keep_alive_s: 1:30\n"
                    "  head_timeout_s: 0o17\n  max_head_bytes: 0x10000\n  drain_timeout_s: 1e1"
                ),
            )
        ],
        [
            f"config.yaml:{line}:{column}: limits.{name}: YAML versions read this number differently: write plain decimal "
            "digits, or quote it if it is text"
            for line, column, name in [
                (4, 16, "max_headers"),
                (5, 20, "max_connections"),
                (6, 17, "keep_alive_s"),
                (7, 19, "head_timeout_s"),
                (8, 19, "max_head_bytes"),
                (9, 20, "drain_timeout_s"),
            ]
        ],
    ),
    "a merge key": (
        [("    path: /sales/\n", "    path: /sales/\n    <<: {title: x}\n")],
        ["config.yaml:22:5: content[0].…: merge keys (`<<`) are not supported: write the settings out"],
    ),
    "tags": (
        [("path: /sales/", "path: !text /sales/"), ("[warehouse]", "!set {warehouse: }")],
        [
            "config.yaml:21:11: content[0].path: YAML tags (`!…`) are not supported",
            "config.yaml:24:19: content[0].integrations: YAML tags (`!…`) are not supported",
        ],
    ),
    "keys that are no text": (
        [("sign_in: warehouse", "sign_in: warehouse\n12: x\n[a]: y")],
        ["config.yaml:3:1: …: a key must be text: quote it", "config.yaml:4:1: …: a key must be text"],
    ),
    "a missing variable": (
        [(CLIENT_SECRET, "${WAREHOUSE_SECRET}")],
        [
            "config.yaml:17:22: integrations[0].config.client_secret: the environment variable WAREHOUSE_SECRET is not set"
        ],
    ),
    "a variable without a name": (
        [(CLIENT_SECRET, "${}")],
        [
            (
                "config.yaml:17:22: integrations[0].config.client_secret: `${` starts a variable, `${NAME}`; write `$${` for "
                "the characters themselves"
            )
        ],
    ),
    "a missing file": (
        [(CLIENT_SECRET, "file:/nowhere/secret")],
        [
            (
                "config.yaml:17:22: integrations[0].config.client_secret: the file /nowhere/secret cannot be read (No such "
                "file or directory)"
            )
        ],
    ),
    "a folder as a file": (
        [(CLIENT_SECRET, "file:.")],
        ["config.yaml:17:22: integrations[0].config.client_secret: the file . cannot be read (not a regular file)"],
    ),
    "missing TLS files": (
        [("sign_in: warehouse", "sign_in: warehouse\ntls: {certificate: /nowhere/c.pem, key: /nowhere/k.pem}")],
        [
            "config.yaml:3:20: tls.certificate: there is no file /nowhere/c.pem",
            "config.yaml:3:41: tls.key: there is no file /nowhere/k.pem",
        ],
    ),
    "plain http off loopback": (
        [
            ("https://apps.example.org", "http://apps.example.org"),
            ("https://login.example.org/token", "http://localhost.evil.example/token"),
        ],
        [
            "config.yaml:1:13: public_url: plain http is for localhost, *.localhost, 127.0.0.1 and [::1] only: use https",
            (
                "config.yaml:14:18: integrations[0].config.token_uri: plain http is for localhost, *.localhost, 127.0.0.1 and "
                "[::1] only: use https"
            ),
        ],
    ),
    "equal paths, names and guids": (
        [
            (
                "    integrations: [warehouse]\n",
                "    integrations: [warehouse]\n    guid: 7c9e6679-7425-40de-944b-e07fc1f90ae7\n"
                + SECOND.replace("/board/", "/sales/").replace("board", "sales")
                + "    guid: 7C9E6679-7425-40DE-944B-E07FC1F90AE7\n",
            )
        ],
        [
            "config.yaml:26:11: content[1].name: the content in line 19 has this name too",
            "config.yaml:28:11: content[1].path: the content in line 21 is at this path too",
            "config.yaml:32:11: content[1].guid: the content in line 25 has this guid too",
        ],
    ),
    "a reserved path": (
        [("path: /sales/", "path: /__oauth__/")],
        ["config.yaml:21:11: content[0].path: paths that start with /__ are reserved for the sidecar itself"],
    ),
    "unknown names": (
        [
            ("sign_in: warehouse", "sign_in: warehose"),
            ("integrations: [warehouse]", "integrations: [nobody]"),
            ("content: sales,", "content: slaes,"),
        ],
        [
            "config.yaml:2:10: sign_in: no integration has this name (did you mean `warehouse`?)",
            "config.yaml:8:30: api.keys[0].content: no content has this name (did you mean `sales`?)",
            "config.yaml:24:20: content[0].integrations[0]: no integration has this name; there are: warehouse",
        ],
    ),
    "an unknown template": (
        [("template: custom", "template: costum")],
        ["config.yaml:11:15: integrations[0].template: unknown template (did you mean `custom`?)"],
    ),
    "fields that the template does not have, and one that it wants": (
        [("      client_id: sidecar\n", "      client: sidecar\n")],
        [
            "config.yaml:13:7: integrations[0].config.client_id: required",
            (
                "config.yaml:16:7: integrations[0].config.client: the template `custom` has no such setting (did you mean "
                "`client_id`?)"
            ),
        ],
    ),
    "a variable without its braces as client secret": (
        [("client_secret: kH3-topsy-turvy", "client_secret: $WAREHOUSE_SECRET")],
        [
            (
                "config.yaml:17:22: integrations[0].config.client_secret: this is the name of a variable, not its value: "
                "write it with braces, ${NAME}"
            )
        ],
    ),
    "the name of a file as client secret": (
        [("client_secret: kH3-topsy-turvy", f"client_secret: {__file__}")],
        [
            (
                "config.yaml:17:22: integrations[0].config.client_secret: this is the name of a file, not its text: write "
                "`file:` in front of it"
            )
        ],
    ),
    "the name of a file as API key": (
        [(API_KEY, __file__)],
        [("config.yaml:8:42: api.keys[0].key: this is the name of a file, not its text: write `file:` in front of it")],
    ),
    "a variable without its braces as sealing key": (
        [(f"keys: [{STORE_KEY}]", "keys: [$STORE_KEY]")],
        [
            (
                "config.yaml:5:10: store.keys[0]: this is the name of a variable, not its value: write it with braces, "
                "${NAME}"
            )
        ],
    ),
    "a placeholder as client secret": (
        [(CLIENT_SECRET, "changeme")],
        ["config.yaml:17:22: integrations[0].config.client_secret: this is a placeholder: put the real value in"],
    ),
    "an empty client secret": (
        [(CLIENT_SECRET, '""')],
        ["config.yaml:17:22: integrations[0].config.client_secret: must not be empty; leave it out to have none"],
    ),
    "a weak store key": (
        [(f"[{STORE_KEY}]", "[changeme, osk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA]")],
        [
            (
                "config.yaml:5:10: store.keys[0]: a key is 32 bytes in base64 (43 characters); `oauth-sidecar keygen` prints a "
                "good one"
            ),
            (
                "config.yaml:5:20: store.keys[1]: the key is a placeholder or follows a pattern; `oauth-sidecar keygen` "
                "prints a good one"
            ),
        ],
    ),
    "one key for two things": (
        [(API_KEY, STORE_KEY)],
        ["config.yaml:8:42: api.keys[0].key: the same key stands in line 5 already: each needs its own"],
    ),
    "a short API key": (
        [(API_KEY, "abc-def-ghi")],
        [
            (
                "config.yaml:8:42: api.keys[0].key: an API key has at least 32 characters; `oauth-sidecar keygen` prints a "
                "good one"
            )
        ],
    ),
    "a placeholder API key": (
        [(API_KEY, "changeme-changeme-changeme-changeme")],
        [
            (
                "config.yaml:8:42: api.keys[0].key: the key is a placeholder or follows a pattern; `oauth-sidecar keygen` "
                "prints a good one"
            )
        ],
    ),
    "an API key with blanks": (
        [(API_KEY, '"Zm9vYmFyYmF6cXV4MTIz NDU2Nzg5MGFiY2RlZmdoaWo"')],
        [
            (
                "config.yaml:8:42: api.keys[0].key: an API key has ASCII characters and no blanks; `oauth-sidecar keygen` "
                "prints a good one"
            )
        ],
    ),
    "integrations on rendered content": (
        [("python-streamlit", "quarto-static")],
        [
            (
                "config.yaml:24:19: content[0].integrations: `quarto-static` content has no process that could use a token: "
                "only interactive kinds may"
            )
        ],
    ),
    "integrations on content for anyone": (
        [("    path: /sales/\n", "    path: /sales/\n    access: anyone\n")],
        [
            (
                "config.yaml:25:19: content[0].integrations: content that is open to anyone has no viewer who could consent: "
                "use `access: signed_in`"
            )
        ],
    ),
    "an unknown kind of content": (
        [("python-streamlit", "python-streamlet")],
        ["config.yaml:22:15: content[0].app_mode: unknown kind of content (did you mean `python-streamlit`?)"],
    ),
    "an unknown access word": (
        [("    path: /sales/\n", "    path: /sales/\n    access: signedin\n")],
        [
            (
                "config.yaml:22:13: content[0].access: must be anyone, signed_in, or lists of emails, domains and groups (did "
                "you mean `signed_in`?)"
            )
        ],
    ),
    "a rule by name without sign_in": (
        [("sign_in: warehouse\n", ""), ("    path: /sales/\n", "    path: /sales/\n    access: {groups: [board]}\n")],
        [
            (
                "config.yaml:21:13: content[0].access: without `sign_in` no viewer has a verified identity, so this rule "
                "cannot be evaluated"
            )
        ],
    ),
    "signed_in with no way to sign in, now or later": (
        [
            ("sign_in: warehouse\n", ""),
            ("  keys:\n    - {name: sales, content: sales, key: " + API_KEY + "}\n", "  listen: null\n"),
            ("    integrations: [warehouse]\n", ""),
        ],
        [
            (
                "config.yaml:17:5: content[0].access: without `sign_in` or integrations viewers have no way to sign in: set "
                "one, or `access: anyone`"
            )
        ],
    ),
    "signed_in with no way to sign in, and a list that the API does not own": (
        [("sign_in: warehouse\n", ""), ("integrations: [warehouse]", "integrations: []")],
        [
            (
                "config.yaml:18:5: content[0].access: without `sign_in` or integrations viewers have no way to sign in: set "
                "one, or `access: anyone`"
            )
        ],
    ),
    "a rule that lets nobody in": (
        [("    path: /sales/\n", "    path: /sales/\n    access: {emails: []}\n")],
        [
            (
                "config.yaml:22:13: content[0].access: the rule lets nobody in: name emails, domains or groups, or use "
                "`signed_in`"
            )
        ],
    ),
    "a rule with odd members": (
        [("    path: /sales/\n", "    path: /sales/\n    access: {emails: [ada], domains: [a@b], roles: [x]}\n")],
        [
            "config.yaml:22:23: content[0].access.emails[0]: must be an e-mail address such as ada@example.org",
            "config.yaml:22:39: content[0].access.domains[0]: must be a domain such as example.org, without @",
            "config.yaml:22:45: content[0].access.roles: unknown setting",
        ],
    ),
    "sign_in without userinfo": (
        [("      userinfo_uri: https://login.example.org/userinfo\n", "")],
        [
            (
                "config.yaml:2:10: sign_in: `warehouse` cannot say who the viewer is: it has no userinfo endpoint, and no ID tokens "
                "that can be verified (the scope openid, `issuer`, `jwks_uri`, and where many tenants come, `tenants`)"
            )
        ],
    ),
    "a pinned account that nothing names": (
        [
            ("sign_in: warehouse\n", ""),
            ("      userinfo_uri: https://login.example.org/userinfo\n", ""),
            ("    template: custom\n", "    template: custom\n    pin_identity: true\n"),
        ],
        [
            (
                "config.yaml:11:19: integrations[0].pin_identity: nothing says whose account it is: it has no userinfo endpoint, "
                "and no ID tokens that can be verified"
            )
        ],
    ),
    "different owners on one origin": (
        [("    integrations: [warehouse]\n", "    integrations: [warehouse]\n" + SECOND.replace("bob@", "eve@"))],
        [
            (
                "config.yaml:26:12: content[1].owner: another owner than the content in line 19: script of one could act as the "
                "viewer at the other. Give each a `host` of its own, or set `unsafe_shared_origin: true`"
            )
        ],
    ),
    "the host of public_url": (
        [("path: /sales/", "host: Apps.Example.org")],
        ["config.yaml:21:11: content[0].host: this is the host of `public_url`: content there has a `path`"],
    ),
    "two contents at one host": (
        [
            ("path: /sales/", "host: sales.example.org"),
            (
                "    integrations: [warehouse]\n",
                "    integrations: [warehouse]\n" + SECOND.replace("path: /board/", "host: SALES.example.org"),
            ),
        ],
        ["config.yaml:27:11: content[1].host: the content in line 21 is at this host too"],
    ),
    "a host that plain http cannot have": (
        [("https://apps.example.org", "http://localhost:8080"), ("path: /sales/", "host: sales.example.org")],
        [
            (
                "config.yaml:21:11: content[0].host: `public_url` is plain http, which is for loopback only: use a name such "
                "as sales.localhost"
            )
        ],
    ),
    "an upstream where viewers find the content": (
        [("path: /sales/", "host: sales.example.org"), ("http://127.0.0.1:8501", "http://sales.example.org:443")],
        [
            (
                "config.yaml:23:15: content[0].upstream: this is where viewers find a content: requests would go round in "
                "circles"
            )
        ],
    ),
    "a reserved slug": (
        [("name: warehouse", "name: warehouse\n    slug: expires")],
        [
            (
                "config.yaml:11:11: integrations[0].slug: the slug `expires` is reserved (X-Forwarded-Access-Token-Expires): "
                "give another `slug`"
            )
        ],
    ),
    "two integrations with one slug": (
        [
            (
                "content:\n",
                (
                    "  - name: Warehouse\n    template: custom\n    config: {authorization_uri: https://a.example, token_uri: "
                    "https://a.example, client_id: x}\ncontent:\n"
                ),
            )
        ],
        [
            (
                "config.yaml:18:5: integrations[1].slug: the integration in line 10 has this slug too: give one of them another "
                "`slug`"
            )
        ],
    ),
    "the API off loopback": (
        [("api:\n", "api:\n  listen: 0.0.0.0:3939\n")],
        [
            (
                "config.yaml:7:11: api.listen: access tokens pass here without TLS: use a loopback address, `api.tls`, or "
                "`unsafe_listen_anywhere: true`"
            )
        ],
    ),
    "two listeners at one address": (
        [("sign_in: warehouse", "sign_in: warehouse\nlisten: localhost:3939")],
        ["config.yaml:8:3: api.listen: this is the same address as `listen`"],
    ),
    "keys without a listener": (
        [("api:\n", "api:\n  listen: null\n")],
        ["config.yaml:9:5: api.keys: keys are of no use while `api.listen` is null and `api.public` false"],
    ),
    "spans": (
        [("sign_in: warehouse", "sign_in: warehouse\nsession: {idle: 12, lifetime: 1y}")],
        [
            "config.yaml:3:17: session.idle: must be text such as 12h",
            "config.yaml:3:31: session.lifetime: write a span with units d, h, m, s: 12h, 7d, 1h30m",
        ],
    ),
    "spans out of reason": (
        [("sign_in: warehouse", "sign_in: warehouse\nsession: {idle: 0s, lifetime: 401d}")],
        [
            "config.yaml:3:17: session.idle: must be between 1m and 400d",
            "config.yaml:3:31: session.lifetime: must be between 1m and 400d",
        ],
    ),
    "idle longer than lifetime": (
        [("sign_in: warehouse", "sign_in: warehouse\nsession: {lifetime: 1h}")],
        ["config.yaml:3:21: session.lifetime: `idle` must not be longer than `lifetime`"],
    ),
    "trust in everybody": (
        [("sign_in: warehouse", 'sign_in: warehouse\ntrusted_proxies: [0.0.0.0/0, "::/0", 10.0.0.1/8]')],
        [
            "config.yaml:3:19: trusted_proxies[0]: this would trust everybody's X-Forwarded-For: name the proxies in front",
            "config.yaml:3:30: trusted_proxies[1]: this would trust everybody's X-Forwarded-For: name the proxies in front",
            (
                "config.yaml:3:38: trusted_proxies[2]: write an IP address or a network such as 10.0.0.0/8, with no bits beyond "
                "the prefix"
            ),
        ],
    ),
    "a text of two lines": (
        [("    path: /sales/\n", '    path: /sales/\n    title: "a\\nb"\n')],
        ["config.yaml:22:12: content[0].title: must be one line of printable text"],
    ),
    "an integration named twice": (
        [("[warehouse]", "[warehouse, warehouse]")],
        ["config.yaml:24:31: content[0].integrations[1]: this integration stands here already, in line 24"],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), ROWS.values(), ids=list(ROWS))
def test_each_mistake_is_named_with_its_place(tmp_path, changes, expected):
    assert problems(tmp_path, changed(*changes)) == expected


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "0x7f.1", "sales.example.org.", "*.example.org", "https://sales.example.org", "a b",
             "sales.example.org/", "-sales.example.org", "söle.example.org", "a" * 254]
)  # fmt: skip
def test_only_a_plain_host_name_is_a_host(tmp_path, host):
    [problem] = problems(tmp_path, changed(("path: /sales/", f"host: '{host}'")))
    assert problem.startswith("config.yaml:21:11: content[0].host: write a plain host name such as sales.example.org")


def test_contents_of_different_owners_have_nothing_in_common_on_hosts_of_their_own(tmp_path):
    second = SECOND.replace("bob@", "eve@").replace("path: /board/", "host: board.example.org")
    text = changed(("    integrations: [warehouse]\n", "    integrations: [warehouse]\n" + second))
    assert problems(tmp_path, text) == []


def test_the_sound_configuration_has_no_problem(tmp_path):
    assert problems(tmp_path, SOUND) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "config.yaml:2:1: not YAML: did not find expected ',' or ']'"),
        ("a:\n\t- b", "config.yaml:2:1: not YAML: a tab cannot indent: use blanks"),
        ("a:\n  - b: 1\n\t  c: 1", "config.yaml:3:1: not YAML: a tab cannot indent: use blanks"),
        ("a: b: c", "config.yaml:1:5: not YAML: mapping values are not allowed in this context"),
        ("a: *hidden-secret", "config.yaml:1:4: not YAML: found undefined alias"),
        ("- a", "config.yaml:1:1: the file must be a mapping of settings, such as `public_url: …`"),
        ("a: 1\n---\nb: 2", "config.yaml:2:1: not YAML: but found another document"),
        (b"a: \xff", "config.yaml:1:4: this is not UTF-8 text"),
        (b"a: 1\nb: \x01", "config.yaml:2:4: this character is not allowed in YAML"),
        ("a: " + "[" * 100_000, "config.yaml:1:1: brackets are nested too deep"),
        ("- " * 100_000, "config.yaml:1:1: brackets are nested too deep"),
        ("#" * 1_048_577, "config.yaml:1:1: the file is larger than 1024 KiB"),
    ],
)
def test_a_file_that_is_not_a_configuration_has_one_problem(tmp_path, text, expected):
    assert problems(tmp_path, text) == [expected]


def test_an_empty_file_lacks_what_is_required(tmp_path):
    assert problems(tmp_path, "# nothing yet\n") == [
        "config.yaml:1:1: public_url: this setting is required",
        "config.yaml:1:1: store: this setting is required",
    ]


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    found = problems(tmp_path, "\n".join(lines))

    assert any("aliases repeat too much" in line for line in found)


def test_an_alias_of_itself_ends(tmp_path):
    assert any("aliases repeat too much" in line for line in problems(tmp_path, "a: &a [*a]"))


def test_a_mistake_does_not_hide_another_in_the_same_item(tmp_path):
    text = changed(("    path: /sales/\n", "    path: /sales/\n    strip_prefix: 1\n    access: anyone\n"))

    assert [line.split(": ")[1] for line in problems(tmp_path, text)] == [
        "content[0].strip_prefix",
        "content[0].integrations",
    ]


def test_no_follow_up_problems_are_reported_for_what_is_wrong_already(tmp_path):
    text = changed(("sign_in: warehouse", "sign_in: 12"), ("    integrations: [warehouse]\n", ""))

    assert problems(tmp_path, text) == ["config.yaml:2:10: sign_in: must be text: put it in quotes"]


def test_places_are_right_after_a_faulty_item_of_a_list(tmp_path):
    text = changed(
        ("[warehouse]", "[12, warehouse]"),
        (f"[{STORE_KEY}]", f"[12, {STORE_KEY}, changeme]"),
        ("content:\n", "content:\n  - 12\n"),
        ("path: /sales/", "path: /sales/\n    access: {emails: [12], groups: []}"),
        ("python-streamlit", "nothing"),
    )

    assert [line.split(": ")[0:2] for line in problems(tmp_path, text)] == [
        ["config.yaml:5:10", "store.keys[0]"],
        ["config.yaml:5:64", "store.keys[2]"],
        ["config.yaml:19:5", "content[0]"],
        ["config.yaml:23:23", "content[1].access.emails[0]"],
        ["config.yaml:24:15", "content[1].app_mode"],
        ["config.yaml:26:20", "content[1].integrations[0]"],
    ]


def test_problems_are_sorted_by_line(tmp_path):
    text = changed(("path: /sales/", "path: sales"), ("https://apps.example.org", "nonsense"))

    assert [line.split(":")[1] for line in problems(tmp_path, text)] == ["1", "21"]
