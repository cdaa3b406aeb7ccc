"""The linear program over the columns found so far, and the prices that it gives."""

from collections.abc import Sequence

import numpy as np

from .filler import Counts, Floats


class Prices:
    """The linear program over the columns found so far."""

    def __init__(self, demand: Counts, costs: float) -> None:
        self.columns: list[Counts] = []
        self.known: set[bytes] = set()
        self.fragment_cost = costs
        self._begin(len(demand))

    def _begin(self, items: int, settings: str = "") -> None:
        """A program with the columns that are known."""
        from ortools.linear_solver import pywraplp

        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        self.solver.SetSolverSpecificParametersAsString(settings)
        self.solver.Objective().SetMinimization()
        self.rows = [self.solver.Constraint(0.0, self.solver.infinity()) for _ in range(items)]
        self.variables: list[pywraplp.Variable] = []
        for column in self.columns:
            self._variable(column)

    def _variable(self, column: Counts) -> None:
        variable = self.solver.NumVar(0.0, self.solver.infinity(), "")
        held = np.flatnonzero(column)
        self.solver.Objective().SetCoefficient(variable, 1.0 + self.fragment_cost * len(held))
        for row in held.tolist():
            self.rows[row].SetCoefficient(variable, float(column[row]))
        self.variables.append(variable)

    def add(self, columns: Sequence[Counts]) -> int:
        """Takes the columns that are new; says how many."""
        count = 0
        for column in columns:
            key = column.tobytes()
            if key in self.known:
                continue
            self.known.add(key)
            self.columns.append(column)
            self._variable(column)
            count += 1
        return count

    def solve(self, demand: Counts) -> tuple[Floats, Floats]:
        """How many copies of each column, and the price of a unit of each item."""
        status = self._solved(demand)
        for settings in ("", "use_dual_simplex: true", "use_preprocessing: false"):
            if status == self.solver.OPTIMAL:
                break
            # Going on from the basis of the last program, GLOP now and then loses its way: begin afresh.
            self._begin(len(demand), settings)
            status = self._solved(demand)
        assert status == self.solver.OPTIMAL, f"the linear program ends with {status}"
        copies = np.array([variable.solution_value() for variable in self.variables])
        return copies, np.maximum([row.dual_value() for row in self.rows], 0.0)

    def _solved(self, demand: Counts) -> int:
        for row, need in zip(self.rows, demand.tolist(), strict=True):
            row.SetBounds(float(need), self.solver.infinity())
        return int(self.solver.Solve())
