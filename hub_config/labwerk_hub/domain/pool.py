"""The pool at one moment, as one person finds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from labwerk_hub.domain.catalogue import Flavour
from labwerk_hub.domain.gpu import Inventory, Slice
from labwerk_hub.domain.placement import Claim, Mix, Placement, capacity, place, room
from labwerk_hub.domain.reservations import Reservation, claims, preferred
from labwerk_hub.domain.waiting import Occupied, Turn


@dataclass(frozen=True)
class Pool:
    """What there is, what is held, what is promised, and who waits.

    ``held`` is everything that stands on the GPUs; ``due`` is the part of it that leases
    hold, with its ends. ``turns`` is what the waiting list promises to those in it. The
    person is known by ``groups``: their own reservations are for them, others' are not.
    ``profiles_of`` says what each flavour needs (model → profile).
    """

    inventory: Inventory
    held: tuple[Slice, ...]
    due: tuple[Occupied, ...]
    reservations: tuple[Reservation, ...]
    turns: tuple[Turn, ...]
    groups: frozenset[str]
    mix: Mix
    profiles_of: Mapping[str, Mapping[str, str]]
    now_ms: int

    def claims(self, flavour: str) -> tuple[Claim, ...]:
        """All promises to others than this person who asks for ``flavour``."""
        reserved = claims(self.reservations, self.groups, self.now_ms, flavour)
        return (*reserved, *promises(self.turns))

    def place(self, flavour: Flavour, wanted_seconds: int) -> Placement | None:
        """The best place for ``flavour`` now; None if there is none."""
        return place(
            self.inventory,
            flavour.slices,
            self.held,
            mix=self.mix,
            claims=self.claims(flavour.name),
            now_ms=self.now_ms,
            wanted_ms=wanted_seconds * 1000,
            preferred=preferred(self.reservations, self.groups, self.now_ms, flavour.name),
        )

    def free(self, flavour: Flavour) -> int:
        """How many slices of ``flavour`` can be had now."""
        claimed = self.claims(flavour.name)
        return room(self.inventory, flavour.slices, self.held, claimed, self.now_ms)

    def total(self, flavour: Flavour) -> int:
        """How many slices of ``flavour`` the pool has when it is empty and well."""
        return capacity(self.inventory, flavour.slices)

    def waiting_for(self, flavour: Flavour) -> tuple[Turn, ...]:
        """Those who wait for slices of GPUs that could serve ``flavour``, in their order."""
        models = {gpu.model.name for gpu in self.inventory.matching(flavour.slices)}
        return tuple(
            turn
            for turn in self.turns
            if not models.isdisjoint(self.profiles_of.get(turn.ticket.flavour, ()))
        )

    def without(self, person: str) -> Pool:
        """The same, as if ``person`` did not stand in line."""
        return replace(self, turns=tuple(t for t in self.turns if t.ticket.person != person))


def promises(turns: Iterable[Turn]) -> tuple[Claim, ...]:
    """The places that the waiting list keeps, as claims that nobody else may outlast."""
    return tuple(claim for turn in turns if (claim := turn.claim) is not None)
