"""Networks: the layers that a project's classes build, in the order of the forward pass."""

from __future__ import annotations

from gradlint.program.networks.draws import drawn, fan_in
from gradlint.program.networks.network import Network, Stack, networks_of
from gradlint.program.networks.objects import Layer

__all__ = ["Layer", "Network", "Stack", "drawn", "fan_in", "networks_of"]
