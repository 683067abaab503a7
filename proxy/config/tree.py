"""Ways through the tree of settings: by path in the values, and by path in the models that describe them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from pydantic import BaseModel

from proxy.config.document import Value
from proxy.config.problems import Path


def at(tree: Value, path: Path) -> Value:
    """Return the value at a path; ``None`` when there is none."""
    for step in path:
        match tree, step:
            case dict(), str() if step in tree:
                tree = tree[step]
            case list(), int() if step < len(tree):
                tree = tree[step]
            case _:
                return None
    return tree


def step_into(tree: Value, steps: Sequence[str | int]) -> Path:
    """Follow the steps that exist; leave out those that do not."""
    path: Path = ()
    for step in steps:
        match tree, step:
            case dict(), str() if step in tree:
                tree = tree[step]
            case list(), int() if step < len(tree):
                tree = tree[step]
            case _:
                continue
        path = (*path, step)
    return path


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """Return the model that describes the mapping at a path (list positions are passed over)."""
    for step in path:
        if isinstance(step, str):
            model = next(_models(model.model_fields[step].annotation))
    return model


def setting_paths(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every setting, without list positions: sections first, then what is in them."""
    for name, field in model.model_fields.items():
        yield (*above, name)
        for inner in _models(field.annotation):
            yield from setting_paths(inner, (*above, name))


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
