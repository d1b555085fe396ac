"""Networks: the layers that a project's classes build, in the order of the forward pass."""

from __future__ import annotations

from gradlint.program.networks.network import Network, Stack, networks_of

__all__ = ["Network", "Stack", "networks_of"]
