"""What the workbench says at one moment: the session, its budget and its datasets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labwerk.budgets import Budget, Payer
from labwerk.dataset import Dataset, Datasets
from labwerk.sessions import Session


@dataclass(frozen=True)
class Overview:
    """The person's session, budget and datasets at one moment."""

    session: Session | None
    budget: Budget
    datasets: Datasets

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Overview:
        """From the service's answer."""
        return cls(
            session=Session.from_json(value["session"]) if value["session"] else None,
            budget=Budget.from_json(
                value["budget"], tuple(Payer.from_json(item) for item in value["payers"])
            ),
            datasets=Datasets([Dataset.from_json(item) for item in value["datasets"]]),
        )
