"""A store that is ill on purpose: some calls fail, some are answered with what the test says, all are recorded."""

from __future__ import annotations

from typing import Any

from proxy.errors import StoreUnavailable


class IllStore:
    """Wraps a real store."""

    def __init__(self, store: Any, *, fails: set[str] | None = None, times: int = 10**9, **answers: object) -> None:
        self._store = store
        self._fails = fails or set()
        self._times = times
        self._answers = answers
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        async def call(*args: object, **kwargs: object) -> object:
            return await self._call(name, *args, **kwargs)

        return call

    async def credentials(self, *args: Any) -> Any:
        return await self._call("credentials", *args)

    async def acquire_lease(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("acquire_lease", *args, **kwargs)

    async def save_refresh(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("save_refresh", *args, **kwargs)

    async def _call(self, name: str, *args: object, **kwargs: object) -> object:
        self.calls.append(name)
        if name in self._fails and self._times > 0:
            self._times -= 1
            raise StoreUnavailable("ill")
        if name in self._answers:
            return self._answers[name]
        return await getattr(self._store, name)(*args, **kwargs)
