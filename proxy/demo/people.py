"""The three people of the demo, and the orders that the protected API keeps for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One line of somebody's order book."""

    number: str
    item: str
    quantity: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can sign in."""

    key: str
    """Names the person in URLs of the sign-in page, and their colour in the style sheet."""
    subject: str
    """OpenID Connect ``sub``."""
    name: str
    email: str
    role: str
    orders: tuple[Order, ...]

    @property
    def initials(self) -> str:
        """Return the first letters of first and last name."""
        return "".join(word[0] for word in self.name.split())

    def claims(self) -> dict[str, str | bool]:
        """Return what ``/userinfo`` tells (OpenID Connect Core §5.1)."""
        return {
            "sub": self.subject,
            "name": self.name,
            "preferred_username": self.key,
            "email": self.email,
            "email_verified": True,
        }


PEOPLE: Mapping[str, Person] = {
    person.key: person
    for person in (
        Person(
            key="ada",
            subject="person-1815",
            name="Ada Lovelace",
            email="ada@example.org",
            role="Analyst",
            orders=(
                Order(number="A-1001", item="Punched cards, box of 500", quantity=12, status="delivered"),
                Order(number="A-1002", item="Brass gear, 40 teeth", quantity=96, status="on its way"),
                Order(number="A-1003", item="Table of Bernoulli numbers", quantity=1, status="being printed"),
            ),
        ),
        Person(
            key="grace",
            subject="person-1906",
            name="Grace Hopper",
            email="grace@example.org",
            role="Engineer",
            orders=(
                Order(number="G-2001", item="Wire, cut to one nanosecond", quantity=300, status="delivered"),
                Order(number="G-2002", item="Moth tape", quantity=2, status="on its way"),
            ),
        ),
        Person(
            key="katherine",
            subject="person-1918",
            name="Katherine Johnson",
            email="katherine@example.org",
            role="Mathematician",
            orders=(
                Order(number="K-3001", item="Graph paper, metric", quantity=40, status="delivered"),
                Order(number="K-3002", item="Mechanical calculator ribbon", quantity=6, status="delivered"),
                Order(number="K-3003", item="Orbit plotting board", quantity=1, status="on its way"),
                Order(number="K-3004", item="Slide rule, 25 cm", quantity=3, status="being packed"),
            ),
        ),
    )
}
