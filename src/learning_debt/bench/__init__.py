"""The bench: real histories with exact tables, on which policies, rivals and update rules are compared."""

from learning_debt.bench.bench_page import read_bench, write_bench
from learning_debt.bench.entries import read_tables
from learning_debt.bench.histories import HISTORIES, PRIORS, RealHistory
from learning_debt.bench.registry import ROWS
from learning_debt.bench.rows import NotPossibleError, Row
from learning_debt.bench.running import COST_RATIOS, SPLITS, Bench, run_bench
from learning_debt.bench.savings_of_rules import rule_savings
from learning_debt.bench.summary import summarise

__all__ = [
    "COST_RATIOS",
    "HISTORIES",
    "PRIORS",
    "ROWS",
    "SPLITS",
    "Bench",
    "NotPossibleError",
    "RealHistory",
    "Row",
    "read_bench",
    "read_tables",
    "rule_savings",
    "run_bench",
    "summarise",
    "write_bench",
]
