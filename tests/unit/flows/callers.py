"""Whoever asks at the Server API."""

from proxy.model import ApiKey, ApiKeyGuid, Role
from tests.unit.flows.house import SALES, STOCK

ADA = ApiKey(guid=ApiKeyGuid("k-ada"), name="ada", role=Role.ADMINISTRATOR, hash=b"a" * 32)
BOB = ApiKey(guid=ApiKeyGuid("k-bob"), name="bob", role=Role.PUBLISHER, hash=b"b" * 32, user="bob@example.org")
EVE = ApiKey(guid=ApiKeyGuid("k-eve"), name="eve", role=Role.PUBLISHER, hash=b"e" * 32, user="eve@example.org")
OF_SALES = ApiKey(guid=ApiKeyGuid("k-s"), name="sales", role=Role.CONTENT, hash=b"s" * 32, content_guid=SALES.guid)
OF_STOCK = ApiKey(guid=ApiKeyGuid("k-t"), name="stock", role=Role.CONTENT, hash=b"t" * 32, content_guid=STOCK.guid)
