"""The linear program over the columns found so far, and the prices that it gives."""

import numpy as np
from numpy.typing import NDArray

from .filler import Counts, Floats

COLUMNS_EACH = 10  # so many times the items are columns kept when the program begins afresh
COLUMNS_MOST = 1500  # and no more than so many
FIRST_SETTINGS = ""
# Going on from the basis of the last program, GLOP now and then loses its way: these begin afresh.
OTHER_SETTINGS = ("", "use_dual_simplex: true", "use_preprocessing: false")


class Prices:
    """What a core costs is 1, and `fragment_cost` for each fragment in it; `apart` says of which items each
    unit is a fragment of its own.
    """

    def __init__(self, demand: Counts, apart: NDArray[np.bool_], fragment_cost: float) -> None:
        self.demand, self.apart, self.fragment_cost = demand, apart, fragment_cost
        self.columns: Counts = np.zeros((0, len(demand)), dtype=np.int64)
        self._known: set[bytes] = set()
        self.worth: Floats = np.zeros(len(demand))
        self._begin(self.columns, FIRST_SETTINGS)

    def costs(self, columns: Counts) -> Floats:
        """What each of some columns costs."""
        fragments = np.where(self.apart, columns, columns > 0).sum(axis=1)
        return 1.0 + self.fragment_cost * np.asarray(fragments)

    def add(self, columns: Counts) -> int:
        """Takes the columns that are new; says how many."""
        new = []
        for column in columns:
            key = column.tobytes()
            if key not in self._known:
                self._known.add(key)
                new.append(column)
        if new:
            self._insert(np.array(new))
            self.columns = np.concatenate([self.columns, new])
        return len(new)

    def solve(self) -> Floats:
        """How many copies of each column; `worth` is then the price of a unit of each item."""
        status = self.solver.Solve()
        for settings in OTHER_SETTINGS:
            if status == self.solver.OPTIMAL:
                break
            self._begin(self.columns, settings)
            status = self.solver.Solve()
        assert status == self.solver.OPTIMAL, f"the linear program ends with {status}"
        self.worth = np.maximum([row.dual_value() for row in self.rows], 0.0)
        return np.array([variable.solution_value() for variable in self.variables])

    def reduce(self, demand: Counts) -> None:
        """The program for what is left to cover: its columns hold no more than that, and those that are worth
        least beside their cost are forgotten.
        """
        self.demand = demand
        columns = np.unique(np.minimum(self.columns, demand), axis=0)
        columns = columns[columns.any(axis=1)]
        left = self.costs(columns) - columns @ self.worth
        order = np.argsort(left, kind="stable")[: min(COLUMNS_EACH * len(demand), COLUMNS_MOST)]
        self._begin(columns[np.sort(order)], FIRST_SETTINGS)

    def _begin(self, columns: Counts, settings: str) -> None:
        """A program with these columns."""
        from ortools.linear_solver import pywraplp

        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        self.solver.SetSolverSpecificParametersAsString(settings)
        self.solver.Objective().SetMinimization()
        endless = self.solver.infinity()
        self.rows = [self.solver.Constraint(float(need), endless) for need in self.demand.tolist()]
        self.variables: list[pywraplp.Variable] = []
        self.columns = columns
        self._known = {column.tobytes() for column in columns}
        self._insert(columns)

    def _insert(self, columns: Counts) -> None:
        endless, objective = self.solver.infinity(), self.solver.Objective()
        for column, cost in zip(columns, self.costs(columns).tolist(), strict=True):
            variable = self.solver.NumVar(0.0, endless, "")
            objective.SetCoefficient(variable, cost)
            held = np.flatnonzero(column)
            for row, units in zip(held.tolist(), column[held].astype(np.float64).tolist(), strict=True):
                self.rows[row].SetCoefficient(variable, units)
            self.variables.append(variable)
