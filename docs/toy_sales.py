"""Weekly sales of one product, made up: from week 61 on, buyers mind its price less than they did.

As a model file it says what a monitor needs to know. As a program it prints the rows of a week: python toy_sales.py 61
"""

import sys

import numpy as np

import learning_debt as ld

WEEKS = 60


def rows(week):
    """Logarithms of price and of sales, each relative to what is usual, in three shops."""
    rng = np.random.default_rng([13, week])
    price = rng.normal(0.0, 0.3, size=3)
    elasticity = -2.0 if week <= WEEKS else -0.5
    return price, elasticity * price + rng.normal(0.0, 0.2, size=3)


def load_history():
    """The weeks up to now."""
    price, sales = (np.concatenate(part) for part in zip(*map(rows, range(1, WEEKS + 1)), strict=True))
    return {"x": price, "y": sales, "period": np.repeat(np.arange(1, WEEKS + 1), 3)}


forecaster = ld.ConjugateRegression(ld.NIG(0.0, 1.0, 2.0, 0.1))
cost = 0.5  # of a retrain, in nats
calendar = 13
last_retrain = 35
policy = ld.policies.CUSUM(2.0)
update_rule = ld.UpdateRule(window=13)

if __name__ == "__main__":
    print("period,x,y")
    for price, sales in zip(*rows(int(sys.argv[1])), strict=True):
        print(f"{sys.argv[1]},{price:.3f},{sales:.3f}")
