"""Every service the emulator speaks for itself, in one place: the gateway and the page of operations use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bda.emulator.services.async_invokes import AsyncInvokes
from airflow_provider_bda.emulator.services.control import Control
from airflow_provider_bda.emulator.services.equipment import Equipment
from airflow_provider_bda.emulator.services.knowledge_bases import KnowledgeBases
from airflow_provider_bda.emulator.services.runtime import Runtime

if TYPE_CHECKING:
    from airflow_provider_bda.emulator.gateway import Service
    from airflow_provider_bda.emulator.services.analysing import Analyst
    from airflow_provider_bda.emulator.world import World

#: Their classes, in the order of the page.
SERVICES: tuple[type[Service], ...] = (Runtime, Control, AsyncInvokes, KnowledgeBases, Equipment)


def served_here(world: World, analyst: Analyst) -> tuple[Service, ...]:
    """Make one of each for an emulator."""
    return (
        Runtime(world, analyst),
        Control(world, analyst),
        AsyncInvokes(world),
        KnowledgeBases(world),
        Equipment(world),
    )
