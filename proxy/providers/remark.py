"""What a check of a registration comes to: one sentence for the administrator, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "problem"]
"""``note``: it may work, and could not be told or is worth a look. ``problem``: viewers will not get through, or not for long."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence or two; words of a server stand in it only as ``flows.online_check`` cleaned them."""

    level: Level
    text: str
