"""The vendors, each as data over the kernel: ``BY_NAME`` has them all, with the settings that change what a client sees."""

from __future__ import annotations

from tests.doubles.profile import Profile
from tests.doubles.profiles import databricks, snowflake
from tests.doubles.profiles.auth0 import AUTH0
from tests.doubles.profiles.azure import AZURE, ORGANIZATIONS, US_GOVERNMENT
from tests.doubles.profiles.github import ENTERPRISE, GITHUB_APP, OAUTH_APP
from tests.doubles.profiles.google import GOOGLE
from tests.doubles.profiles.keycloak import KEYCLOAK, REVOKING
from tests.doubles.profiles.okta import OKTA, ORGANIZATION, PERSISTENT
from tests.doubles.profiles.plain import CUSTOM, MESSY, OIDC

ALL: tuple[Profile, ...] = (
    AZURE, ORGANIZATIONS, US_GOVERNMENT, databricks.DATABRICKS, databricks.ACCOUNT, databricks.SINGLE_USE, databricks.NEWER_ERRORS, snowflake.SNOWFLAKE, snowflake.SINGLE_USE, snowflake.MINIMAL,
    CUSTOM, OIDC, GOOGLE, GITHUB_APP, OAUTH_APP, ENTERPRISE, KEYCLOAK, REVOKING, OKTA, PERSISTENT, ORGANIZATION, AUTH0, MESSY,
)  # fmt: skip

BY_NAME = {profile.name: profile for profile in ALL}
