"""Other people's packages on spell tables: one a file, each with what it reads, decides and is tuned by."""

from learning_debt.bench.other_packages.rows import PACKAGE_ROWS, PackageRow, package_obstacle, package_schedule

__all__ = ["PACKAGE_ROWS", "PackageRow", "package_obstacle", "package_schedule"]
