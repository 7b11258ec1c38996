# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Metrics as Prometheus reads them (its text-based exposition format). Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def gauge(name: str, text: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> str:
    """Return a metric with its samples, each of them labels and a value."""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        quoted = ",".join(f'{label}="{_escaped(said)}"' for label, said in labels.items())
        lines.append(f"{name}{{{quoted}}} {value:.15g}" if quoted else f"{name} {value:.15g}")
    return "\n".join([*lines, ""])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
