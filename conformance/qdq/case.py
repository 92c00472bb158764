"""One case of the grid."""

from dataclasses import dataclass

import numpy as np

from .graph import Graph

# What exact_<i>.pb holds.
INTEGER = "integer"   # the contract's arithmetic: to be met bit for bit
FLOAT64 = "float64"   # a float64 evaluation, rounded once: to be met within one quantum
FLOAT32 = "float32"   # float outputs of exact integers rescaled in float32
NONE = "none"         # no such file; only ONNX Runtime's answer


@dataclass
class Case:
    """A model with its inputs (in the graph) and its own answer, if the contract defines one."""

    name: str
    op: str
    category: str
    graph: Graph
    exact: list | None = None
    reference: str = NONE
    ties: bool = False

    def __post_init__(self):
        assert (self.exact is None) == (self.reference == NONE), self.name
        if self.exact is not None:
            self.exact = [np.asarray(array) for array in self.exact]


def integer(name, op, category, graph, *exact, ties=False):
    """A case whose answer the integer contract defines. With `ties` ONNX Runtime must give the very same."""
    return Case(name, op, category, graph, list(exact), INTEGER, ties)


def by_float64(name, op, category, graph, *exact):
    return Case(name, op, category, graph, list(exact), FLOAT64)


def oracle_only(name, op, category, graph):
    return Case(name, op, category, graph)
